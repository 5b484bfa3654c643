"""How much faster two processes evaluate than one.

scripts/bench_parts/evaluating.py [--quick] [--models FOLDER --data FOLDER]

`qbench evaluate` of 200 made-up images of 224x224 on 12 models (six mobile networks with random
weights, fp32 and int8), as a user starts it: imports, children and all. One process and two, in
turn. --models and --data: those of a study, once. Seconds of processors tell what a second process
costs, whatever else runs.

Where the limit is missed, the bench tries what this machine can give at all: two commands of one
process each at the same time, which share nothing; when these gain less than 1.9 the machine is too
busy to judge, and the bench says so and exits with 3. Exits with 1 when two processes are less fast
than the limit (median of the pairs), answer otherwise than one, or when a process takes more than
1 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "harness")]

LEAST_RATIO = 1.8
BUSY_BELOW = 1.9  # what two free processors give two separate commands
MOST_BYTES = 1_000_000_000
DTYPES = ("float32", "int8")


def make(folder: Path, images: int) -> None:
    """`folder`/data, and 12 files in `folder`/models."""
    from functools import partial

    from qbench.pipeline.data import synthetic
    from qbench.simulator.networks import Graph, files, mobile

    counts = {"train": 2, "val": 2, "test": images}
    synthetic.write(folder / "data", 0, counts, jobs=2)
    (folder / "models").mkdir()
    writers: dict[str, Callable[..., int]] = {
        **{f"v1-{width}": partial(mobile.mobilenet_v1, width=width) for width in (0.5, 0.75, 1.0)},
        "v2": mobile.mobilenet_v2,
        "v3": partial(mobile.mobilenet_v3, large=True),
        "mnasnet": mobile.mnasnet_1_0,
    }
    for name, write in writers.items():
        for dtype in DTYPES:
            graph = Graph(name, dtype)
            write(graph, classes=2)
            path = folder / "models" / f"{name}-{dtype}.tflite"
            path.write_bytes(files.write(graph.info()))


def command(models: Path, data: Path, jobs: int) -> list[str]:
    asked = [str(models), "--data", str(data), "--jobs", str(jobs), "--json"]
    return [sys.executable, "-m", "qbench", "evaluate", *asked]


def told(text: str) -> list[object]:
    """What was answered, without how long it took."""
    grades: list[dict[str, object]] = json.loads(text)["grades"]
    return [{k: v for k, v in grade.items() if k != "latency_us"} for grade in grades]


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def evaluate(models: Path, data: Path, jobs: int) -> tuple[float, float, list[object]]:
    """Seconds on the clock, and of processors; the grades."""
    began_s, before_s = time.perf_counter(), cpu_s()
    asked = command(models, data, jobs)
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return time.perf_counter() - began_s, cpu_s() - before_s, told(done.stdout)


def capacity_s(models: Path, data: Path) -> float:
    """Two commands of one process each, at the same time."""
    began_s = time.perf_counter()
    asked = command(models, data, 1)
    both = [subprocess.Popen(asked, stdout=subprocess.DEVNULL) for _ in range(2)]
    for one in both:
        one.wait()
    return time.perf_counter() - began_s


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if (options.models is None) != (options.data is None):
        parser.error("--models and --data go together")
    if options.models is not None:
        return judge(options.models, options.data, 1)
    print("SYNTHETIC images, random weights:", end=" ")
    folder = Path(tempfile.mkdtemp(prefix="qbench-bench-"))
    try:
        make(folder, 200)
        rounds = 1 if options.quick else 3
        return judge(folder / "models", folder / "data", rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def judge(models: Path, data: Path, rounds: int) -> int:
    ratios, same = [], True
    count = len(list(models.glob("*.tflite")))
    print(f"{len(list(data.glob('test/*/*')))} images x {count} models", flush=True)
    for _ in range(rounds):
        alone_s, alone_cpu_s, one = evaluate(models, data, 1)
        both_s, both_cpu_s, two = evaluate(models, data, 2)
        ratios.append(alone_s / both_s)
        same = same and one == two
        print(
            f"1 process {alone_s:6.1f} s (CPU {alone_cpu_s:.1f} s)   "
            f"2 processes {both_s:6.1f} s (CPU {both_cpu_s:.1f} s)   x {ratios[-1]:.2f}",
            flush=True,
        )
    peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    ratio = statistics.median(ratios)
    print(f"median x {ratio:.2f} (at least {LEAST_RATIO})")
    print(f"largest process {peak_bytes / 1e6:.0f} MB; the same grades: {'yes' if same else 'NO'}")
    if not same or peak_bytes > MOST_BYTES:
        return 1
    if ratio >= LEAST_RATIO:
        return 0
    possible = 2 * alone_s / capacity_s(models, data)
    print(f"two separate commands x {possible:.2f}")
    if possible >= BUSY_BELOW:
        return 1
    print("MACHINE TOO BUSY TO MEASURE: two commands that share nothing gain no more")
    return 3


if __name__ == "__main__":
    sys.exit(main())
