"""What users give by mistake, command by command: one line that names it, exit code 2, and nothing
on stdout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import classifiers
from fakes.missing import without
from qbench import cli


class Desk:
    """A data set, a model, and a command line."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.root = classifiers.pictures(folder / "set", splits=("train", "val", "test"))
        self.model = classifiers.brightness(folder / "net-fp32.tflite")
        self._capsys = capsys

    def refused(self, *arguments: str) -> list[str]:
        """The lines on stderr, of which there are at most two: what is wrong, and what helps."""
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        told = self._capsys.readouterr()
        lines = [line for line in told.err.splitlines() if not line.startswith("==")]
        assert (ended.value.code, told.out) == (2, "")
        assert 1 <= len(lines) <= 2
        assert lines[0].startswith("error: ")
        assert all(line.startswith("hint: ") for line in lines[1:])
        return lines


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


# Data


def empty_class(root: Path) -> str:
    for image in (root / "test" / "dark").iterdir():
        image.unlink()
    return "the class has no images"


def unreadable_image(root: Path) -> str:
    (root / "test" / "light" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    return "test/light/3.png: cannot be read as an image"


def one_class(root: Path) -> str:
    for split in ("train", "val", "test"):
        shutil.rmtree(root / split / "dark")
    return "one class only (light)"


def leakage(root: Path) -> str:
    shutil.copy(root / "train" / "dark" / "0.png", root / "test" / "dark" / "copy.png")
    return "is the same file as"


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("spoil", [empty_class, unreadable_image, one_class, leakage])
def test_a_data_set_that_is_spoilt_is_told(
    desk: Desk, spoil: Callable[[Path], str], jobs: str
) -> None:
    message = spoil(desk.root)
    where = ("--data", str(desk.root), "--jobs", jobs)
    if jobs == "1":
        assert message in desk.refused("data", "check", str(desk.root), "--jobs", "1")[0]
        out = ("--out", str(desk.folder / "report"))
        assert message in desk.refused("analyze", str(desk.model), *where, *out)[0]
    assert message in desk.refused("evaluate", str(desk.model), *where)[0]
    assert not (desk.folder / "report").exists()


# Models


def with_nan(model: Path) -> Path:
    half = np.float32(4.0).tobytes()
    content = model.read_bytes()
    assert half in content
    broken = model.with_name("broken-fp32.tflite")
    broken.write_bytes(content.replace(half, np.float32(np.nan).tobytes()))
    return broken


def test_weights_that_are_no_numbers_are_told_wherever_they_are_used(desk: Desk) -> None:
    broken = str(with_nan(desk.model))
    where = ("--data", str(desk.root), "--jobs", "1")
    (line, _) = desk.refused("evaluate", broken, *where)
    assert "broken-fp32.tflite: its answer to" in line
    assert "is NaN or infinite" in line
    (line, _) = desk.refused("quantize", broken, "--scheme", "fp16")
    assert "weights are broken: 1 of 2 values" in line


def test_an_operator_that_cannot_be_quantized_is_named(desk: Desk) -> None:
    model = classifiers.brightness(desk.folder / "odd-fp32.tflite", extra="FLOOR")
    images = ("--scheme", "int8", "--representative", str(desk.root))
    lines = desk.refused("quantize", str(model), *images)
    assert "is not full integer" in lines[0]
    assert "FLOOR (operator 2)" in lines[0]
    assert not (desk.folder / "odd-int8.tflite").exists()


# Extras that are not installed


@pytest.mark.parametrize(
    ("module", "extra", "arguments"),
    [
        ("torch", "torch", ["train", "--arch", "small", "--data", "set", "--out", "run"]),
        ("torch", "torch", ["evaluate", "best.pt", "--data", "set"]),
        ("litert_quantizer", "quantize", ["quantize", "net-fp32.tflite", "--scheme", "fp16"]),
        ("pydicom", "dicom", ["evaluate", "net-fp32.tflite", "--data", "dicom", "--jobs", "1"]),
        ("tensorflow", "convert", ["models", "build", "smallcnn"]),
    ],
)
def test_an_extra_that_is_missing_is_named_with_what_installs_it(
    desk: Desk, module: str, extra: str, arguments: list[str]
) -> None:
    (desk.folder / "best.pt").write_bytes(b"")
    shutil.copytree(desk.root, desk.folder / "dicom")
    for split in ("train", "val", "test"):
        (desk.folder / "dicom" / split / "dark" / "0.png").rename(
            desk.folder / "dicom" / split / "dark" / "0.dcm"
        )
    done = subprocess.run(
        [sys.executable, "-m", "qbench", *arguments],
        cwd=desk.folder,
        env=without(desk.folder, module),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 2), done.stderr
    assert "not installed" in lines[0]
    assert f"[{extra}]" in lines[1]


# Checkpoints: needs PyTorch, which scripts/test installs


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="not installed: torch (extra)")


def checkpoint(torch: Any, path: Path, **changes: Any) -> None:
    """Of `small`, untrained."""
    from qbench.pipeline.training import checkpoint as files
    from qbench.pipeline.training.networks import network
    from qbench.pipeline.training.options import Epoch, TrainOptions

    model = network("small", 2)
    said = files.Checkpoint(
        arch="small",
        classes=("dark", "light"),
        size=32,
        trained_on="nothing",
        is_synthetic=False,
        options=TrainOptions(arch="small", lr=1e-3, epochs=1, batch=8, size=32),
        history=(Epoch(1, 1e-3, 0.7, 0.7, 0.5, 1.0),),
    )
    files.save(path, said, model, torch.optim.Adam(model.parameters()))
    content = torch.load(path, weights_only=True)
    torch.save({**content, **changes}, path)


@pytest.mark.parametrize("command", ["evaluate", "analyze"])
def test_a_checkpoint_of_another_architecture_is_told(desk: Desk, torch: Any, command: str) -> None:
    from qbench.pipeline.training.networks import network

    path = desk.folder / "best.pt"
    checkpoint(torch, path, model=network("resnet34", 2).state_dict())
    more = ("--jobs", "1", *(("--out", "r") if command == "analyze" else ()))
    (line, *_) = desk.refused(command, str(path), "--data", str(desk.root), *more)
    assert "best.pt: holds weights of another architecture" in line


def test_a_checkpoint_with_nan_is_told(desk: Desk, torch: Any) -> None:
    from qbench.pipeline.training.networks import network

    weights = network("small", 2).state_dict()
    name = next(iter(weights))
    weights[name] = weights[name] * float("nan")
    path = desk.folder / "best.pt"
    checkpoint(torch, path, model=weights)
    (line, _) = desk.refused("evaluate", str(path), "--data", str(desk.root), "--jobs", "1")
    assert f"best.pt: weights are broken: {name} holds NaN" in line


def test_a_study_of_a_checkpoint_that_is_no_checkpoint_is_told(desk: Desk, torch: Any) -> None:
    folder = desk.folder / "study" / "training" / "small"
    folder.mkdir(parents=True)
    (folder / "last.pt").write_bytes(b"PK")
    where = ("--quick", "--network", "small", "--out", str(desk.folder / "study"))
    (line, *_) = desk.refused("study", *where, "--data", str(desk.root))
    assert "last.pt: is no PyTorch checkpoint" in line
