"""The same images to the same model in another place: files of inputs, and what comes back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from qbench import modelfile
from qbench.errors import InputError, RunnerOutputError
from qbench.pipeline.classifier import Ends, InputRange
from qbench.pipeline.data import Sample, images
from qbench.pipeline.evaluation.answering import CHECKPOINT, to_answer
from qbench.pipeline.evaluation.grading import share
from qbench.pipeline.evaluation.records import Answer, Match, Subject

# Of one file: the device reads it from the front for each image.
_IMAGES, _BYTES = 50, 16_000_000


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """`samples` as input tensors of `item_bytes`, one after another in the file `path`."""

    path: Path
    sha256: str
    item_bytes: int
    samples: tuple[Sample, ...]


def ends_of(subject: Subject, scale: InputRange) -> Ends:
    """Raises InputError for a PyTorch checkpoint, which runs nowhere else."""
    if subject.path.endswith(CHECKPOINT):
        raise InputError(
            f"{subject.path}: a PyTorch checkpoint does not run on a device",
            hint="convert it: qbench convert",
        )
    return Ends(modelfile.read(Path(subject.path)), scale)


def packs(ends: Ends, samples: Sequence[Sample], folder: Path) -> Iterator[Pack]:
    """Write `samples` into files of `folder`, each when it is asked for; the same images and the
    same input give the same file. Raises InputError for an image that cannot be read."""
    shape = ends.shape
    item_bytes = ends.taken.nbytes or 0
    count = max(1, min(_IMAGES, _BYTES // item_bytes))
    for at in range(0, len(samples), count):
        chosen = tuple(samples[at : at + count])
        digest = hashlib.sha256()
        path = folder / f"{at}.bin"
        with path.open("wb") as file:
            for sample in chosen:
                image = images.read(Path(sample.path), shape.height, shape.width, shape.channels)
                content = ends.encode(image).tobytes()
                digest.update(content)
                file.write(content)
        yield Pack(path=path, sha256=digest.hexdigest(), item_bytes=item_bytes, samples=chosen)


def told(ends: Ends, pack: Pack, raw: Sequence[bytes]) -> list[Answer]:
    """What was answered to `pack`. Raises RunnerOutputError for another number of answers, or of
    bytes in one; ModelFileError as `to_answer`."""
    if len(raw) != len(pack.samples):
        raise RunnerOutputError(f"{len(raw)} answers to {len(pack.samples)} images")
    answers = []
    for sample, content in zip(pack.samples, raw, strict=True):
        if len(content) != ends.given.nbytes:
            raise RunnerOutputError(
                f"{sample.path}: an answer of {len(content)} bytes, not {ends.given.nbytes}"
            )
        answers.append(to_answer(ends.path, sample, content, ends.probabilities(content), None))
    return answers


def match(subject: Subject, ends: Ends, here: Sequence[Answer], there: Sequence[Answer]) -> Match:
    """Both answered to the same images in the same order."""
    pairs = list(zip(here, there, strict=True))
    apart = [abs(ends.scores(a.raw) - ends.scores(b.raw)).max() for a, b in pairs]
    steps = [abs(ends.steps(a.raw) - ends.steps(b.raw)).max() for a, b in pairs]
    is_float = ends.given.dtype.startswith("float")
    return Match(
        subject=subject,
        identical=share(sum(a.raw == b.raw for a, b in pairs), len(pairs)),
        agreement=share(sum(a.told == b.told for a, b in pairs), len(pairs)),
        largest=float(max(apart, default=0.0)),
        largest_steps=None if is_float else int(max(steps, default=0)),
    )
