"""A million runs: how long one case's history takes, and the change points of a thousand series.

scripts/bench_parts/history.py [--quick] [--in=FOLDER]

1,000 sessions of 1,000 runs (100 of 1,000 cases, 10 runs each, with the aggregates that
benchmark_model tells), so 1,000 series of 100 points; written as sessions on disk and compacted by
`qbench history compact`. Every tenth series has a step of 10 %. Then, as processes of their own,
from start to last byte: `qbench history --case ID` (median of 7), `qbench history --json` of all,
and a `qbench sql` over every run. Exits with 1 when the first takes more than 1 s, the second more
than 20 s, one of them more than 1 GB of memory, or when a step is not found or one is made up. The
clock counts; where it is over a limit and the processors' time is not, the command had to wait for
others: the bench says so and exits with 3.
`--quick`: 100 sessions of 100 cases, the same limits. `--in` keeps the sessions there, for the
next time.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "harness"), str(ROOT / "tests")]

LIMIT_ONE_S = 1.0
LIMIT_ALL_S = 20.0
LIMIT_BYTES = 1_000_000_000
PER_SESSION, RUNS = 100, 10  # cases of a session, runs of a case
STEP, STEPPED_EVERY = 1.1, 10
MOST_FALSE_RATIO = 0.001  # per point


class Ended(NamedTuple):
    duration_s: float
    processor_s: float
    peak_bytes: int
    stdout: bytes


def write_sessions(root: Path, sessions: int) -> None:
    import msgspec
    import numpy as np

    from fakes.latency_samples import ON_CPU
    from fakes.sessions import PHONE, TOOL, a_named_case
    from qbench.plan import in_turn
    from qbench.records import InvokeAggregate, Measurement, Plan, RunRecord, SessionInfo
    from qbench.store import SCHEMA_VERSION, Session

    cases = [a_named_case(model=f"net{number:03d}") for number in range(sessions)]
    rng = np.random.default_rng(0)
    base_us = np.exp(rng.uniform(np.log(1_000), np.log(300_000), len(cases)))
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    groups = len(cases) // PER_SESSION
    for number in range(sessions):
        at = begin + timedelta(hours=number)
        first = number % groups * PER_SESSION
        chosen = cases[first : first + PER_SESSION]
        is_late = number >= sessions * 0.7
        levels = base_us[first : first + PER_SESSION] * np.exp(
            0.01 * rng.standard_normal(PER_SESSION)
        )
        by_case = {
            case.case_id: level * (STEP if is_late and place % STEPPED_EVERY == 0 else 1)
            for place, (case, level) in enumerate(zip(chosen, levels, strict=True))
        }
        order = in_turn(chosen, RUNS)
        medians = np.exp(0.005 * rng.standard_normal(len(order)))
        records = []
        for run, factor in zip(order, medians, strict=True):
            p50_us = int(by_case[run.case_id] * factor)
            told = InvokeAggregate(50, avg_us=p50_us * 1.01, min_us=p50_us - 20, p50_us=p50_us)
            outcome = Measurement(
                init_latency_us=5000,
                first_invoke_latency_us=p50_us * 2,
                warmup_invokes=1,
                invokes=told,
                placement=ON_CPU,
            )
            records.append(
                RunRecord(
                    schema_version=SCHEMA_VERSION,
                    sequence=run.sequence,
                    case_id=run.case_id,
                    repetition=run.repetition,
                    origin=chosen[0].origin,
                    started_at=(at + timedelta(seconds=run.sequence)).isoformat(),
                    before=None,
                    after=None,
                    tool="benchmark_model tttttttttttt (arm64-v8a)",
                    tool_sha256=TOOL,
                    outcome=outcome,
                )
            )
        folder = root / f"{at:%Y-%m-%dT%H%MZ}-nightly"
        folder.mkdir(parents=True)
        info = SessionInfo(
            schema_version=SCHEMA_VERSION,
            session_id=f"{number:032x}",
            name="nightly",
            created_at=at.isoformat(),
            qbench_version="0",
            command=("qbench", "run"),
            devices=(PHONE,),
        )
        plan = Plan(
            schema_version=1,
            name="nightly",
            protocol="default",
            seed=0,
            cases=tuple(chosen),
            runs=order,
        )
        # Not by Session.create, whose fsyncs would be most of the time.
        (folder / "session.json").write_bytes(msgspec.json.encode(info))
        (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
        (folder / "runs.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(records))
        ended_s = (at + timedelta(seconds=len(order))).timestamp()
        os.utime(folder / "runs.jsonl", (ended_s, ended_s))  # as if it had been written then
        assert Session(folder).plan() == plan


def qbench(*words: str) -> Ended:
    """Runs to its end, with the memory that the process had at most."""
    command = [sys.executable, "-m", "qbench", *words]
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        taken_s = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(words)}: exit code {child.returncode}")
        out.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024
        processor_s = usage.ru_utime + usage.ru_stime
        return Ended(taken_s, processor_s, usage.ru_maxrss * unit, out.read())


class Verdict(IntEnum):
    """In order of gravity."""

    KEPT = 0
    TOO_BUSY = 1
    BROKEN = 2

    @property
    def code(self) -> int:
        return {Verdict.KEPT: 0, Verdict.TOO_BUSY: 3, Verdict.BROKEN: 1}[self]


def told(what: str, ended: Ended, limit_s: float | None) -> Verdict:
    limit = f" (limit {limit_s:g} s)" if limit_s else ""
    times = f"{ended.duration_s:.2f} s, of processors {ended.processor_s:.2f} s"
    print(f"{what}: {times}{limit}, {ended.peak_bytes / 1e6:.0f} MB", flush=True)
    if ended.peak_bytes > LIMIT_BYTES:
        return Verdict.BROKEN
    if limit_s is None or ended.duration_s <= limit_s:
        return Verdict.KEPT
    if ended.processor_s > limit_s:
        return Verdict.BROKEN
    print("MACHINE TOO BUSY TO MEASURE: the command waited for others")
    return Verdict.TOO_BUSY


def judge_steps(body: bytes) -> Verdict:
    """Every step is found once, near to where it is; next to nothing else is."""
    series = json.loads(body)["series"]
    found = wrong = expected = points = 0
    for each in series:
        number = int(each["case_id"].removeprefix("net").split("-")[0])
        count = len(each["points"])
        points += count
        is_stepped = number % PER_SESSION % STEPPED_EVERY == 0
        at = [step["point"] for step in each["steps"]]
        near = [place for place in at if is_stepped and abs(place - 0.7 * count) <= 3]
        expected += is_stepped
        found += bool(near)
        wrong += len(at) - len(near)
    print(
        f"{len(series)} series, {points} points: {found} of {expected} steps found, "
        f"{wrong} made up ({wrong / points * 1000:.2f} of 1,000 points)"
    )
    is_kept = found >= 0.95 * expected and wrong <= max(1, MOST_FALSE_RATIO * points)
    return Verdict.KEPT if is_kept else Verdict.BROKEN


def run(root: Path, sessions: int) -> Verdict:
    if not root.exists():
        start = time.perf_counter()
        write_sessions(root, sessions)
        print(f"{sessions * PER_SESSION * RUNS} runs written: {time.perf_counter() - start:.0f} s")
    where = ("--results", str(root))
    ended = qbench("history", "compact", *where)
    told(ended.stdout.decode().strip(), ended, None)
    case_id = "net000-int8-cpu-t4@d"
    tries = [qbench("history", "--case", case_id, *where) for _ in range(7)]
    print(tries[0].stdout.decode().splitlines()[2])
    one = Ended(
        statistics.median(each.duration_s for each in tries),
        statistics.median(each.processor_s for each in tries),
        max(each.peak_bytes for each in tries),
        b"",
    )
    verdicts = [told("one case's history (median of 7)", one, LIMIT_ONE_S)]
    every = qbench("history", "--json", *where)
    verdicts.append(told("change points of all series", every, LIMIT_ALL_S))
    verdicts.append(judge_steps(every.stdout))
    question = "SELECT count(*), count(DISTINCT case_id), median(p50_us) FROM runs"
    verdicts.append(told(f"sql: {question}", qbench("sql", question, *where), None))
    return max(verdicts)


def main() -> int:
    sessions = 100 if "--quick" in sys.argv else 1000
    kept = next((a.removeprefix("--in=") for a in sys.argv if a.startswith("--in=")), None)
    if kept is not None:
        return run(Path(kept), sessions).code
    scratch = Path(tempfile.mkdtemp(prefix="qbench-bench-"))
    try:
        return run(scratch / "results", sessions).code
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    sys.exit(main())
