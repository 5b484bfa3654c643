"""Host backend beside the runtime's own `litert-benchmark`: same model, threads, invokes, in turn.

scripts/bench_parts/host_parity.py [--quick] [--model FILE ...] [--threads N ...] [--rounds N]

One round is a run of each, in the order A B, the next in the order B A; the pair's ratio is the
median invoke of the host backend over that of `litert-benchmark`. `ratio` is the median pair; then
its 95 % interval by the order of the pairs, the smallest and the largest pair, and the same ratio
of 5th percentiles, which other programs disturb less. Exits with 0 only when every ratio is within
3 % of 1; one that is not, and whose interval is wider than that, is called noisy: then the machine
is too busy to decide.

A round is busy when some task of this machine waited for a processor more than 5 % of its time
(/proc/pressure/cpu); quiet rounds alone count if there are at least three. Rounds go on, up to four
times as many, until enough count and the interval is within 1.5 % of its middle.
`litert-benchmark` rounds to 10 us: `grid` says what that is of its median.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from qbench.clock import SystemClock
from qbench.formats import outcome
from qbench.host import HostBackend
from qbench.records import Case, Delegate, InvokeSamples, Measurement, Origin, Precision

LIMIT_RATIO = 0.03
BUSY_RATIO = 0.05
PRECISE_RATIO = 0.015
WARMUP_INVOKES = 5
BUILT_IN = Path(__file__).resolve().parents[2] / "harness/qbench/models"


def case_for(model: Path, threads: int, invokes: int) -> Case:
    return Case(
        case_id=f"{model.stem}-t{threads}@host",
        model=model.stem,
        model_path=str(model),
        model_sha256="",
        precision=Precision.MIXED,
        device="host",
        origin=Origin.HOST,
        delegate=Delegate.CPU,
        threads=threads,
        warmup_invokes=WARMUP_INVOKES,
        warmup_s=0.0,
        min_invokes=invokes,
        min_s=0.0,
        max_s=120.0,
        timeout_s=240.0,
        seed=1,
    )


class Run(NamedTuple):
    median_us: float
    p5_us: float


class Pair(NamedTuple):
    host: Run
    tool: Run

    @property
    def ratio(self) -> float:
        return self.host.median_us / self.tool.median_us


def host_run(host: HostBackend, case: Case) -> Run:
    told = outcome(host.run(case))
    if not isinstance(told, Measurement) or not isinstance(told.invokes, InvokeSamples):
        raise SystemExit(f"{case.case_id}: {told}")
    samples = sorted(told.invokes.latencies_us)
    return Run(statistics.median(samples), samples[len(samples) * 5 // 100])


def tool_run(case: Case) -> Run:
    program = Path(sys.executable).with_name("litert-benchmark")
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        command = [str(program), "--model", case.model_path, "--num_runs", str(case.min_invokes)]
        command += ["--warmup_runs", str(WARMUP_INVOKES), "--num_threads", str(case.threads)]
        command += ["--result_json", result.name]
        subprocess.run(command, capture_output=True, check=True)
        latency = json.loads(Path(result.name).read_bytes())["latency"]
    return Run(latency["median_ms"] * 1000, latency["p5_ms"] * 1000)


def waited_us() -> int | None:
    """How long some task of this machine has waited for a processor, ever (Linux PSI)."""
    try:
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return None
    return int(some.rsplit("total=", 1)[1])


def paired_runs(
    host: HostBackend, model: Path, threads: int, run_s: float, rounds: int
) -> tuple[list[Pair], int]:
    """One run of each per round, of quiet rounds; and how many rounds were busy."""
    probe = host_run(host, case_for(model, threads, 20))
    invokes = min(max(round(run_s * 1e6 / probe.median_us), 20), 5000)
    case = case_for(model, threads, invokes)
    quiet: list[Pair] = []
    counted: list[Pair] = []
    busy: list[Pair] = []
    for number in range(4 * rounds):
        start, waited = time.perf_counter(), waited_us()
        if number % 2 == 0:
            ours = host_run(host, case)
            theirs = tool_run(case)
        else:
            theirs = tool_run(case)
            ours = host_run(host, case)
        after = waited_us()
        elapsed_us = (time.perf_counter() - start) * 1e6
        calm = waited is None or after is None or after - waited <= BUSY_RATIO * elapsed_us
        (quiet if calm else busy).append(Pair(ours, theirs))
        counted = quiet if len(quiet) >= 3 else quiet + busy
        if len(counted) >= rounds:
            low, high = paired_interval(counted)
            if high / low <= (1 + PRECISE_RATIO) ** 2:
                break
    return counted, len(busy)


def paired_interval(pairs: list[Pair]) -> tuple[float, float]:
    """95 % interval of the median pair's ratio, by the order of the pairs: one disturbed round does
    not widen it, as it would an interval of means. Not a number of fewer than six pairs."""
    from scipy.stats import quantile_test

    test = quantile_test([pair.ratio for pair in pairs], q=1, p=0.5)
    found: Any = test.confidence_interval(0.95)  # its stubs say float
    return float(found.low), float(found.high)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="6 rounds of 0.3 s instead of 20 of 1 s"
    )
    parser.add_argument("--model", type=Path, action="append", help="default: the built-in models")
    parser.add_argument("--threads", type=int, action="append", help="default: 1 and 2")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    rounds, run_s = (6, 0.3) if options.quick else (20, 1.0)
    models = options.model or sorted(BUILT_IN.glob("*.tflite"))
    if not models:
        raise SystemExit(f"{BUILT_IN}: no models there; name one with --model")
    good = True
    print(HEAD)
    with HostBackend(SystemClock()) as host:
        for model in models:
            for threads in options.threads or (1, 2):
                pairs, busy = paired_runs(host, model, threads, run_s, options.rounds or rounds)
                verdict, line = judge(pairs)
                good = good and verdict == ""
                print(f"{model.stem[:32]:<32} {threads:>3} {line} {busy:>5}  {verdict}", flush=True)
    return 0 if good else 1


HEAD = (
    f"{'model':<32} thr  host ms  tool ms   grid   ratio    95 % interval   min .. max pair"
    "  ratio p5   busy"
)


def judge(pairs: list[Pair]) -> tuple[str, str]:
    """The verdict, empty when the ratio is within the limit; and the line that shows why."""
    ours, theirs = (
        statistics.median(run.median_us for run in side) for side in zip(*pairs, strict=True)
    )
    ours_p5, theirs_p5 = (
        statistics.median(run.p5_us for run in side) for side in zip(*pairs, strict=True)
    )
    low, high = paired_interval(pairs)
    ratios = sorted(pair.ratio for pair in pairs)
    ratio = statistics.median(ratios)
    verdict = ""
    if abs(ratio - 1) > LIMIT_RATIO:
        noisy = not high / low <= (1 + LIMIT_RATIO) ** 2
        verdict = "NOISY, not decided" if noisy else "BEYOND 3 %"
    return verdict, (
        f"{ours / 1e3:8.3f} {theirs / 1e3:8.3f}  {10 / theirs:5.1%}  {ratio:.4f}"
        f"  {low:.4f} .. {high:.4f}  {ratios[0]:.3f} .. {ratios[-1]:.3f}"
        f"    {ours_p5 / theirs_p5:.4f}"
    )


if __name__ == "__main__":
    sys.exit(main())
