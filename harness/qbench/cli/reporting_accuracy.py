"""Accuracies for a report, from what `qbench evaluate --json` printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from qbench.errors import InputError
from qbench.report import html


class _Data(msgspec.Struct):
    root: str
    split: str
    is_synthetic: bool


class _Subject(msgspec.Struct):
    sha256: str


class _Share(msgspec.Struct):
    trials: int
    ratio: float | None


class _Grade(msgspec.Struct):
    subject: _Subject
    accuracy: _Share


class _Evaluation(msgspec.Struct):
    """Of its schema version 1, the part that a report tells."""

    schema_version: int
    data: _Data
    grades: list[_Grade]


def load(files: Sequence[Path]) -> tuple[html.Accuracy, ...]:
    """Raises InputError for a file that cannot be read or is something else."""
    return tuple(one for file in files for one in _of_file(file))


def _of_file(file: Path) -> list[html.Accuracy]:
    try:
        told = msgspec.json.decode(file.read_bytes(), type=_Evaluation)
    except OSError as exc:
        raise InputError(f"{file}: {exc.strerror or exc}") from exc
    except msgspec.MsgspecError as exc:
        raise _wrong(file, exc) from exc
    if told.schema_version != 1:
        raise _wrong(file, f"schema version {told.schema_version}")
    dataset = f"{Path(told.data.root).name}, {told.data.split}"
    if told.data.is_synthetic:
        dataset += ", synthetic"
    return [
        html.Accuracy(
            model_sha256=grade.subject.sha256,
            metric="accuracy",
            ratio=grade.accuracy.ratio,
            samples=grade.accuracy.trials,
            dataset=dataset,
        )
        for grade in told.grades
        if grade.accuracy.ratio is not None
    ]


def _wrong(file: Path, why: Any) -> InputError:
    return InputError(
        f"{file}: not what qbench evaluate --json prints: {why}",
        hint="qbench evaluate MODELS --data FOLDER --json > accuracy.json",
    )
