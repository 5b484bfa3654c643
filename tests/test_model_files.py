"""What a user names, and the precisions that are asked for, are the files that are looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qbench import models
from qbench.cli.model_files import inside, of
from qbench.errors import InputError
from qbench.records import Precision as P


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The four forms of smallcnn under names that tell nothing."""
    for number, model in enumerate(models.builtin()):
        shutil.copy(model.path, tmp_path / f"m{number}.tflite")
    return tmp_path


def test_of_a_folder_only_files_of_the_precisions_that_are_asked_for(folder: Path) -> None:
    of_number = {n: m.precision for n, m in enumerate(models.builtin())}
    assert len(inside(folder)) == len(of_number) == 4
    for number, precision in of_number.items():
        assert inside(folder, [precision]) == (folder / f"m{number}.tflite",)
    assert len(inside(folder, [P.FP32, P.INT8])) == 2


def test_a_folder_with_nothing_that_fits_says_what_it_has(folder: Path) -> None:
    for number, model in enumerate(models.builtin()):
        if model.precision is P.INT8:
            (folder / f"m{number}.tflite").unlink()
    with pytest.raises(InputError, match="no file in this folder is int8") as error:
        inside(folder, [P.INT8])
    assert error.value.hint == "they are dynamic, fp16, fp32"
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"there is no \.tflite file in this folder"):
        inside(empty)


def test_what_cannot_be_read_is_left_to_whoever_uses_it(folder: Path) -> None:
    broken = folder / "a.tflite"
    broken.write_bytes(b"x" * 40)
    assert broken in inside(folder, [P.INT8])
    assert of(str(broken), [P.INT8]) == (broken,)
    assert of(str(folder / "none.tflite"), [P.INT8]) == (folder / "none.tflite",)


def test_a_named_file_is_meant_whatever_it_holds_and_a_name_chooses_its_files() -> None:
    by_precision = {m.precision: m.path for m in models.builtin()}
    path = by_precision[P.FP32]
    assert of(str(path)) == of(str(path), [P.INT8]) == (path,)
    assert of("smallcnn", [P.INT8]) == (by_precision[P.INT8],)
    with pytest.raises(InputError, match="no model of that name"):
        of("nothing")
