"""Shows every image to every model, over several processes, and hands the answers on as they
come."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from qbench import modelfile
from qbench.errors import InputError, ModelFileError
from qbench.models import PRECISIONS
from qbench.pipeline.classifier import Classifier, InputRange, classes, image_shape
from qbench.pipeline.data import DataSet, Sample, images
from qbench.pipeline.evaluation.records import Answer, Subject
from qbench.pipeline.tflite_file import provenance
from qbench.pipeline.workers import Pool
from qbench.records import Precision

if TYPE_CHECKING:
    from qbench.pipeline.training.inference import TorchClassifier

CHECKPOINT = ".pt"
# Small enough that no process waits long for another's last piece, and progress moves.
_PIECE = 10

_Task = tuple[str, InputRange, tuple[Sample, ...]]


def examine(path: Path, data: DataSet) -> Subject:
    """Who is examined. Raises ModelFileError for a file that cannot be read, InputError for a
    model that takes no image or tells other classes than `data` has."""
    if path.suffix == CHECKPOINT:
        from qbench.pipeline.training import checkpoint

        held = checkpoint.describe(path)
        told, network, precision = len(held.classes), held.arch, None
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        info = modelfile.read(path)
        image_shape(info)
        told, precision, digest = classes(info), info.precision, modelfile.sha256(path)
        network = (provenance(path) or {}).get("network") or _stem(path, info.precision)
    if told != len(data.classes):
        raise InputError(
            f"{path}: tells {told} classes, but {data.root} has "
            f"{len(data.classes)} ({', '.join(data.classes)})"
        )
    return Subject(str(network), precision, str(path), digest, path.stat().st_size)


def in_order(subjects: Sequence[Subject]) -> tuple[Subject, ...]:
    """Network by network, as they first came; in each the checkpoint, fp32, then the others."""
    networks = list(dict.fromkeys(s.network for s in subjects))
    order = (None, *PRECISIONS, Precision.MIXED)
    return tuple(
        sorted(subjects, key=lambda s: (networks.index(s.network), order.index(s.precision)))
    )


def _stem(path: Path, precision: Precision) -> str:
    for joint in "-_.":
        if path.stem.endswith(f"{joint}{precision}"):
            return path.stem.removesuffix(f"{joint}{precision}")
    return path.stem


def get_ready() -> None:
    """What the first answer would import."""
    for name in ("numpy", "ai_edge_litert.interpreter", "PIL.ImageOps"):
        import_module(name)


def answers(
    subjects: Sequence[Subject],
    samples: Sequence[Sample],
    scale: InputRange,
    pool: Pool,
    progress: Callable[[int, int], None],
    ended: Callable[[Subject, tuple[Answer, ...]], None] = lambda subject, given: None,
) -> dict[Subject, tuple[Answer, ...]]:
    """What each of `subjects` answers to each of `samples`, in their order. `ended` gets each as
    soon as all its answers, and those of all before it, are there.

    Images are decoded where they are used, so memory does not grow with their number. Raises
    InputError for an image that cannot be read, RunnerError for a model that cannot be run,
    ModelFileError for one that answers with NaN.
    """
    pieces = [tuple(samples[at : at + _PIECE]) for at in range(0, len(samples), _PIECE)]
    todo: list[_Task] = [(s.path, scale, piece) for s in subjects for piece in pieces]
    found: dict[Subject, tuple[Answer, ...]] = {}
    total = len(subjects) * len(samples)
    waiting: list[Answer] = []
    for number, given in enumerate(pool.results(_answer, todo), 1):
        waiting += given
        progress(len(found) * len(samples) + len(waiting), total)
        if number % len(pieces) == 0:
            subject = subjects[len(found)]
            found[subject] = tuple(waiting)
            ended(subject, found[subject])
            waiting.clear()
    return found


def _answer(task: _Task) -> list[Answer]:
    path, scale, samples = task
    model = _loaded(path, scale)
    shape = model.shape
    given = []
    for sample in samples:
        image = images.read(Path(sample.path), shape.height, shape.width, shape.channels)
        raw, took_us = model.raw(image)
        given.append(to_answer(path, sample, raw, model.probabilities(raw), took_us))
    return given


def to_answer(
    path: str, sample: Sample, raw: bytes, row: Iterable[float], took_us: int | None
) -> Answer:
    """Raises ModelFileError for scores that are no numbers: a class would be told all the same."""
    probabilities = tuple(map(float, row))
    if not all(map(math.isfinite, probabilities)):
        raise ModelFileError(
            f"{path}: its answer to {sample.path} is NaN or infinite",
            hint="weights are broken or activations overflow: train or convert it again",
        )
    return Answer(sample.path, sample.label, probabilities, took_us, raw)


@lru_cache(maxsize=1)  # one: models come in order, and twelve at once would fill the memory
def _loaded(path: str, scale: InputRange) -> Classifier | TorchClassifier:
    if path.endswith(CHECKPOINT):
        from qbench.pipeline.training.inference import TorchClassifier

        return TorchClassifier(Path(path), scale)
    return Classifier(Path(path), scale=scale)
