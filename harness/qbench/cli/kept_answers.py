"""Answers on disk, a file per model, so that an evaluation that was killed goes on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qbench.errors import InputError
from qbench.pipeline.data import Sample
from qbench.pipeline.evaluation import Answer, Subject


class _File(msgspec.Struct, frozen=True):
    """`model`: the file's SHA-256."""

    model: str
    answers: tuple[Answer, ...]


class KeptAnswers:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def known(
        self, subjects: Sequence[Subject], samples: Sequence[Sample]
    ) -> dict[Subject, tuple[Answer, ...]]:
        """Of those of `subjects` that have answered, in this very form, to all of `samples`."""
        asked = [(sample.path, sample.label) for sample in samples]
        found = {}
        for subject in subjects:
            try:
                file = msgspec.json.decode(self._path(subject).read_bytes(), type=_File)
            except (OSError, msgspec.MsgspecError):
                continue  # not there, or half of it: it answers again
            told = [(answer.image, answer.label) for answer in file.answers]
            if file.model == subject.sha256 and told == asked:
                found[subject] = file.answers
        return found

    def keep(self, subject: Subject, answers: tuple[Answer, ...]) -> None:
        """Raises InputError when it cannot be written."""
        path = self._path(subject)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.encode(_File(subject.sha256, answers)))
            part.replace(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error

    def _path(self, subject: Subject) -> Path:
        return self._folder / f"{Path(subject.path).name}.json"
