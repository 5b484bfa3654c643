"""How long `qbench report` takes for a session of more than 10,000 runs, and how large its page is.

scripts/bench_parts/reporting.py [--quick]

50 names for the same two models, on a device's CPU, GPU and NPU, simulated, and on this machine;
25 runs of 40 invokes each (--quick: 5 runs). Latencies scatter as those of phones do; in every
fourth case clocks are lowered, every fourth hops between two kinds of core, every fourth is still
warming up. Each run on the device has its raw output with telemetry, as the runner leaves it. One
model is the built-in one, so that its operators are placed and priced and sustained load is drawn.

The command is a process of its own, from start to exit. Exits with 1 when it needs more than 5 s
(the least of its repetitions: neighbours slow down all of them), or when the page has more than
8 MB; with 3, and says so, when it would have kept the time but had to wait for others.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from qbench.records import RunRecord

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "harness"), str(ROOT / "tests")]

LIMIT_S = 5.0
LIMIT_BYTES = 8_000_000
INVOKES = 40
NAMES = 50


def made_session(root: Path, runs: int) -> Path:
    from fakes.reports import a_content, repeated
    from qbench import modelfile, models
    from qbench.records import Origin, Plan, Precision
    from qbench.store import Session

    (session,) = repeated(a_content(runs=runs, invokes=1), NAMES).sessions
    model = models.resolve("smallcnn", [Precision.INT8])[0]
    here = {"model_path": str(model), "model_sha256": modelfile.sha256(model)}
    cases = {
        case.case_id: msgspec.structs.replace(case, **here)
        if case.model_sha256 == "0" * 64
        else case
        for case in session.plan.cases
    }
    plan = msgspec.structs.replace(session.plan, cases=tuple(cases.values()))
    assert isinstance(plan, Plan)
    stored = Session.create(root, session.info, plan, "2026-01-01T0000Z")
    # By hand: the store waits for the disk after every file, here 30,000 times.
    with (stored.folder / "runs.jsonl").open("wb") as lines:
        for record in _with_latencies(session.records):
            lines.write(msgspec.json.encode(record) + b"\n")
            if record.origin is Origin.DEVICE:
                _write_raw(stored.folder / "raw", record)
    return stored.folder


def _with_latencies(records: tuple[RunRecord, ...]) -> Iterator[RunRecord]:
    """The same runs with latencies that scatter, rise, hop and settle as those of phones do."""
    from fakes import latency_samples as samples
    from qbench.records import InvokeSamples, Measurement

    random = np.random.default_rng(1)
    kinds = {case_id: n % 4 for n, case_id in enumerate(dict.fromkeys(r.case_id for r in records))}
    factors = (
        lambda: 1.0,
        lambda: samples.throttle_step(INVOKES, at=0.6, rise=0.2),
        lambda: samples.migrations(random, INVOKES, gap=0.3, mean_dwell=8),
        lambda: samples.warm_up(INVOKES, excess=0.5, tau_invokes=5),
    )
    for record in records:
        outcome = record.outcome
        if isinstance(outcome, Measurement):
            assert isinstance(outcome.invokes, InvokeSamples)
            base_us = outcome.invokes.latencies_us[0]
            (steady,) = samples.steady(random, 1, INVOKES, samples.Noise(), base_us=base_us)
            told = InvokeSamples(samples.quantised(steady * factors[kinds[record.case_id]]()))
            outcome = msgspec.structs.replace(outcome, invokes=told)
        yield msgspec.structs.replace(record, outcome=outcome)


def _write_raw(folder: Path, record: RunRecord) -> None:
    from qbench.formats.runner import split_result
    from qbench.records import OutputFormat, RawOutput, RawRun

    told = split_result((ROOT / "tests/captures/android_runner/result").read_bytes())
    raw = RawOutput(
        format=OutputFormat.ANDROID_RUN,
        origin=record.origin,
        stdout="",
        stderr="",
        exit_code=0,
        tool="benchmark_model",
        report=told.report,
    )
    run = RawRun(
        sequence=record.sequence,
        case_id=record.case_id,
        repetition=record.repetition,
        started_at=record.started_at,
        before=record.before,
        after=record.after,
        raw=raw,
    )
    stem = folder / f"{record.sequence:05d}-r{record.repetition}"
    stem.with_suffix(".stdout").write_bytes(told.stdout)
    stem.with_suffix(".stderr").write_bytes(told.stderr)
    stem.with_suffix(".json").write_bytes(msgspec.json.encode(run))


def report(folder: Path, page: Path) -> tuple[float, float]:
    """Processor time and time in s of one `qbench report`."""
    command = [sys.executable, "-m", "qbench", "report", str(folder), "-o", str(page)]
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after, took_s = os.times(), time.perf_counter() - start
    used_s = after.children_user + after.children_system
    return used_s - before.children_user - before.children_system, took_s


def main() -> int:
    is_quick = "--quick" in sys.argv
    with tempfile.TemporaryDirectory() as scratch:
        folder = made_session(Path(scratch), 5 if is_quick else 25)
        runs = (folder / "runs.jsonl").read_bytes().count(b"\n")
        raw = sum(1 for _ in (folder / "raw").glob("*.json"))
        page = Path(scratch) / "page.html"
        found = [report(folder, page) for _ in range(1 if is_quick else 3)]
        size = page.stat().st_size
    used_s, took_s = (min(side) for side in zip(*found, strict=True))
    print(f"qbench report of {runs:,} runs, {raw:,} with raw output of a device:")
    print(f"{took_s:.2f} s (limit {LIMIT_S:.0f}), of processors {used_s:.2f} s")
    print(f"page {size / 1e6:.2f} MB (limit {LIMIT_BYTES / 1e6:.0f})")
    if size > LIMIT_BYTES or used_s > LIMIT_S:
        return 1
    if took_s > LIMIT_S:
        print("MACHINE TOO BUSY TO MEASURE: the command waited for others")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
