"""Writes the captures beside this file; see README.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec

from fakes import tiny_models
from fakes.host_cases import case_for, limited_python
from qbench.clock import SystemClock
from qbench.host import HostBackend
from qbench.records import Case

HERE = Path(__file__).parent


def write(name: str, case: Case, python: str = sys.executable) -> None:
    raw = HostBackend(SystemClock(), python=python).run(case)
    body = msgspec.json.format(msgspec.json.encode(raw), indent=1)
    (HERE / f"{name}.json").write_bytes(body + b"\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        conv = tiny_models.conv_model(folder / "conv.tflite", side=64)
        write("measured", case_for(conv, threads=2, min_invokes=40))
        write("split", case_for(tiny_models.split_model(folder / "split.tflite")))
        write("plain_kernels", case_for(conv, xnnpack=False))
        write("dynamic", case_for(tiny_models.dynamic_model(folder / "dynamic.tflite")))
        write("custom_op", case_for(tiny_models.custom_op_model(folder / "custom.tflite")))
        gather = tiny_models.gather_model(folder / "gather.tflite", rows=3)
        write("index_out_of_range", case_for(gather))
        write("strings", case_for(tiny_models.string_model(folder / "strings.tflite")))
        matrix = tiny_models.matrix_model(folder / "matrix.tflite", size=6000)
        for capture, limit in (("out_of_memory", "-v 98304"), ("no_room_for_kernels", "-v 307200")):
            write(capture, case_for(matrix), limited_python(folder, limit))
        endless = case_for(conv, min_s=60.0, max_s=60.0, timeout_s=30.0)
        write("killed", endless, limited_python(folder, "-t 1"))
        write("deadline", case_for(conv, min_s=60.0, max_s=60.0, timeout_s=0.5))


if __name__ == "__main__":
    main()
