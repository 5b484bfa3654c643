"""How long simulating one model takes, beside loading the same file into the runtime.

scripts/bench_parts/predicting.py [--quick] [--calibration FILE]

ResNet34 (fp32, 85 MB, random weights): profile and anchors loaded, the file read, placed and
predicted on every delegate of the sd865, in this process; `first` with cold imports and rules, then
the median of repetitions. The yardstick is one `Interpreter` + `allocate_tensors` on the same file,
which every real run pays. Then a folder of 1,000 files of 40 operators, as `qbench simulate FOLDER`
reads and predicts it for the CPU; then single predictions of rebuilt networks of 69 to 711
operators on every delegate, each as for a model that was just read, and on this machine with the
calibration that is named (it has more to look at: where each tensor was left); then ten minutes of
sustained load. Exits with 1 when the median is above 100 ms, the folder above 10 s (of processor
time), or a prediction of a network of at most 300 operators (250 with a calibration) above 5 ms
(least processor time of all repetitions: neighbours on a shared machine slow down all of them, but
some more than others).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qbench.records import Delegate, ModelInfo
    from qbench.simulator import Oracle

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "harness"), str(ROOT / "tests")]

LIMIT_S = 0.1
LIMIT_ONE_S = 0.005
LIMIT_FOLDER_S = 10.0
MODELS = 1000
NETWORKS = (
    *("mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "densenet_121"),
    *("inception_resnet_v2", "hrnet_w32_pose", "nasnet_mobile"),
)
MOST_OPERATORS = 300  # of a network that the limit of one prediction speaks of
MOST_CALIBRATED = 250
DELEGATES = ("cpu", "gpu", "nnapi", "hexagon")


def write_resnet34(path: Path) -> None:
    from fakes.graphs import Graph

    g = Graph()
    x = g.pool(g.conv(g.input((1, 224, 224, 3)), 64, 7, 2), 3, 2)
    for channels, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            stride = 2 if channels > 64 and block == 0 else 1
            y = g.conv(g.conv(x, channels, 3, stride), channels, 3, activation="NONE")
            if stride == 2:
                x = g.conv(x, channels, 1, 2, activation="NONE")
            x = g.binary("ADD", x, y, activation="RELU")
    g.outputs(g.fully_connected(g.mean(x), 1000))
    path.write_bytes(g.to_bytes())


def simulate(path: Path) -> list[int]:
    """Everything that `qbench run` does for one model's simulated side: p50 of every delegate."""
    from qbench import modelfile, placement, profiles, simulator
    from qbench.records import Delegate

    profile = profiles.load("sd865")
    anchors = simulator.load_anchors("sd865")
    model = modelfile.read(path)
    found = []
    for name in DELEGATES:
        where = placement.place(model, Delegate(name), profile)
        found.append(simulator.predict(model, where, profile, threads=4, anchors=anchors).p50_us)
    return found


def write_folder(folder: Path, count: int) -> None:
    """Residual networks of many widths, a few files of each."""
    from fakes.graphs import Graph

    for number in range(count // 10):
        g = Graph()
        x = g.conv(g.input((1, 64, 64, 3)), 8 + number, 3, 2)
        for _ in range(12):
            y = g.conv(g.conv(x, 8 + number, 3), 8 + number, 3, activation="NONE")
            x = g.binary("ADD", x, y, activation="RELU")
        g.outputs(g.fully_connected(g.mean(x), 10))
        data = g.to_bytes()
        for copy in range(10):
            (folder / f"net{number}-{copy}.tflite").write_bytes(data)


def predict_folder(count: int) -> tuple[float, float]:
    """Processor time in s: of the whole folder, and of one prediction after the file is read."""
    from qbench import modelfile, simulator
    from qbench.cli import simulating
    from qbench.profiles import load
    from qbench.records import Delegate

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_folder(folder, count)
        start = time.process_time()
        _, answers = simulating.ask(
            simulating.Question(names=[name], device="sd865", delegates=["cpu"])
        )
        whole_s = time.process_time() - start
        assert len(answers) == count
        oracle = simulator.Oracle(load("sd865"))
        models = [modelfile.read(path) for path in sorted(folder.glob("*-0.tflite"))]
        start = time.process_time()
        for model in models:
            oracle.foresee(model, Delegate.CPU, 4)
        return whole_s, (time.process_time() - start) / len(models)


def predict_networks(repetitions: int, calibration: Path | None) -> bool:
    """Prints a line per network; is every prediction within the limit?"""
    from qbench import simulator
    from qbench.profiles import load
    from qbench.records import Delegate
    from qbench.simulator import networks
    from qbench.simulator.calibration import document

    phone = simulator.Oracle(load("sd865"))
    asked = [(name, phone, Delegate(name), 4, MOST_OPERATORS) for name in DELEGATES]
    if calibration is not None:
        host = simulator.Oracle(load("host"), calibration=document.load(calibration))
        asked.append(("host", host, Delegate.CPU, 1, MOST_CALIBRATED))
    is_fast = True
    print(f"one prediction in ms (least of {repetitions}):")
    for name in NETWORKS:
        for dtype in ("float32", "int8"):
            model = networks.build(name, dtype)
            operators, told = len(model.main.ops), []
            for who, oracle, delegate, threads, most in asked:
                least_s = min(
                    foreseen_s(oracle, model, delegate, threads) for _ in range(repetitions)
                )
                told.append(f"{who} {least_s * 1e3:5.2f}")
                is_fast = is_fast and (operators > most or least_s <= LIMIT_ONE_S)
            print(f"  {name:<20} {dtype:<8} {operators:>4} operators: {'  '.join(told)}")
    return is_fast


def foreseen_s(oracle: Oracle, model: ModelInfo, delegate: Delegate, threads: int) -> float:
    from msgspec.structs import replace

    new = replace(model)  # another one, for all that the oracle knows
    start = time.process_time()
    oracle.foresee(new, delegate, threads)
    return time.process_time() - start


def sustain() -> float:
    """Processor time in s of ten simulated minutes on three delegates."""
    from qbench.cli import simulating, sustaining

    model = str(ROOT / "harness" / "qbench" / "models" / "smallcnn-int8.tflite")
    question = simulating.Question(names=[model], device="sd865", duration="10min")
    sustaining.ask(question)
    start = time.process_time()
    sustaining.ask(question)
    return time.process_time() - start


def allocate(path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    Interpreter(model_path=str(path), num_threads=1).allocate_tensors()


def timed_s(work: Callable[[Path], object], path: Path) -> float:
    start = time.perf_counter()
    work(path)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--calibration", type=Path)
    options = parser.parse_args()
    repetitions = 5 if options.quick else 25
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resnet34.tflite"
        write_resnet34(path)
        first_s = timed_s(simulate, path)
        timed_s(allocate, path)
        pairs = [(timed_s(simulate, path), timed_s(allocate, path)) for _ in range(repetitions)]
        medians = simulate(path)
    ours_s, theirs_s = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    print(f"resnet34 fp32, sd865: {', '.join(DELEGATES)} = {medians} us")
    print(
        f"simulate, {len(DELEGATES)} delegates: first {first_s * 1e3:.0f} ms (cold imports), ",
        end="",
    )
    print(f"then {ours_s * 1e3:.1f} ms; allocate_tensors {theirs_s * 1e3:.1f} ms")
    print(f"ratio simulate / allocate_tensors: {ratio:.2f}")
    count = 100 if options.quick else MODELS
    whole_s, one_s = predict_folder(count)
    print(f"folder of {count} models: {whole_s:.2f} s; one prediction {one_s * 1e3:.2f} ms")
    is_fast = predict_networks(repetitions, options.calibration)
    print(f"ten minutes of sustained load on three delegates: {sustain():.2f} s")
    fast = ours_s <= LIMIT_S and one_s <= LIMIT_ONE_S and whole_s <= LIMIT_FOLDER_S
    return 0 if fast and is_fast else 1


if __name__ == "__main__":
    sys.exit(main())
