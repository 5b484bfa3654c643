"""What reading a model of half a gigabyte costs in memory; time is for scripts/bench."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models import vgg16
from qbench.modelfile import read
from qbench.records import Precision

_CHILD = """
import json, pathlib, sys
from qbench.modelfile import read

def status():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: 1024 * int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM")}

before = status()
model = read(pathlib.Path(sys.argv[1]))
after = status()
json.dump({"grown": after["VmRSS"] - before["VmRSS"], "peak": after["VmHWM"] - before["VmRSS"],
           "macs": [op.macs for op in model.main.ops]}, sys.stdout)
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "vgg16.tflite"
    vgg16.write_vgg16(path)
    return path


def test_a_vgg16_of_half_a_gigabyte_is_read_in_full(big: Path) -> None:
    model = read(big)
    assert model.file_bytes == big.stat().st_size > 537_000_000
    assert len(model.main.ops) == vgg16.OPERATORS
    assert model.macs == vgg16.MACS
    assert model.weight_bytes == 4 * vgg16.PARAMETERS + 8  # and the shape of the RESHAPE
    assert model.precision == Precision.FP32


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_reading_it_takes_less_than_40_mb_at_any_moment(big: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(big)], capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    assert sum(result["macs"]) == vgg16.MACS
    assert result["grown"] < 40_000_000
    assert result["peak"] < 40_000_000
