"""Asks a device: which models, in which order, and what is made of what its runner says.

Singles and networks are mixed in an order that is the same every time, so that a slow drift of the
device meets all classes of kernels alike, and a calibration that runs out of time has asked some
of each, and of what matters first. Every tenth run is the reference: it says how much the device
itself has drifted. What was measured while others had the processor is measured again, while there
is time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import median

import msgspec

from qbench import modelfile
from qbench.backend import Backend
from qbench.clock import Clock
from qbench.records import (
    Case,
    Delegate,
    ModelInfo,
    Origin,
    Precision,
)
from qbench.simulator import networks
from qbench.simulator.calibration import singles
from qbench.simulator.calibration.answer import CONTENDED_RATIO as CONTENDED_RATIO
from qbench.simulator.calibration.answer import Question as Question
from qbench.simulator.calibration.answer import read_answer
from qbench.simulator.calibration.document import Answer
from qbench.simulator.kernels import Dtype
from qbench.simulator.networks import files

# Whole networks for the scale. None of `networks.held_out`, on which predictions are judged, and
# none whose time rests on its values: TFLite's own RELU of 8-bit values, of which ddrnet_23_slim
# has a dozen, takes 2.7 to 6.9 ns a value, by how well a branch on its sign is foreseen.
NETWORKS = (
    *("mobilenet_v1_050@160x160", "mobilenet_v2_tf@160x160", "ffnet_40s@96x192"),
    *("squeezenet_1_0@160x160", "bisenet@96x128", "resnet34@112x112"),
    *("efficientnet_lite2@160x160", "mobilenet_v2_050@128x128", "mobilenet_v1_130@128x128"),
    *("inception_v2@128x128", "mobilenet_v1_075@224x224", "resnext50@96x96"),
)
REFERENCE = "reference"
_REFERENCE_EVERY = 10
# Processes differ by a percent, and one in twenty by much: a band of a few networks would be that.
_NETWORK_REPETITIONS = 5
# Operators of few published networks, by the labels of `singles`.
_RARE = frozenset(
    {"TANH", "LEAKY_RELU", "GELU", "SUB", "SUM", "DEPTH_TO_SPACE", "SLICE", "PRELU", "SILU"}
    | {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE"}
)
_WARMUP_S, _LEAST_S, _LEAST_INVOKES = 0.02, 0.06, 12
_START_S = 0.25  # of a process, on a small machine: for the plan's estimate only
_PRECISIONS = {Dtype.FP32: Precision.FP32, Dtype.INT8: Precision.INT8}
_NETWORK_DTYPES = {Dtype.FP32: "float32", Dtype.INT8: "int8"}


_Key = tuple[str, Dtype, int, int]


class Asked(msgspec.Struct, frozen=True):
    """`references`: what the reference took, in order. `tool`: what ran the models, and its hash;
    None when nothing was run any more."""

    answers: tuple[Answer, ...]
    references: tuple[float, ...]
    tool: str | None = None
    tool_sha256: str | None = None

    @property
    def drift_ratio(self) -> float:
        """The largest departure of the reference from its median."""
        if not self.references:
            return 0.0
        middle = median(self.references)
        return max(abs(value / middle - 1) for value in self.references)


def questions(
    dtypes: Sequence[Dtype], threads: Sequence[int], *, most_singles: int | None, nets: bool
) -> list[Question]:
    """All of them in the order in which they are asked. `most_singles`: of one data type.

    However soon the time is over, each class of kernels has had its share: the i-th of n questions
    of a class stands at (i + 1/2) / n of the list. What networks seldom have comes in the last
    third, and the repetitions of a network in equal parts of the list.
    """
    found: list[tuple[float, Question]] = []
    for dtype in dtypes:
        names = [s.name for s in singles.singles(dtype)]
        placed = sorted(_places(names))[:most_singles]
        whole = NETWORKS if nets and dtype in _NETWORK_DTYPES else ()
        for count in threads:
            found += [(at, Question(name, dtype, count, False)) for at, name in placed]
            found += [
                ((number + (i + 0.5) / len(whole)) / _NETWORK_REPETITIONS, question)
                for i, name in enumerate(whole)
                for number in range(_NETWORK_REPETITIONS)
                for question in (Question(name, dtype, count, True, number),)
            ]
    Random(0).shuffle(found)
    return [question for _, question in sorted(found, key=lambda pair: pair[0])]


def _places(names: Sequence[str]) -> Iterator[tuple[float, str]]:
    """Every name with its place in the list, from 0 to 1."""
    classes: dict[str, list[str]] = {}
    for name in names:
        classes.setdefault(re.split("[-:+]", name)[0], []).append(name)
    for label, mine in classes.items():
        Random(label).shuffle(mine)
        for i, name in enumerate(mine):
            at = (i + 0.5) / len(mine)
            yield (2 + at) / 3 if label in _RARE else at, name


def expected_s(asked: Sequence[Question]) -> float:
    """About how long one pass takes on a machine like the one this was written on."""
    runs = len(asked) * (1 + 1 / _REFERENCE_EVERY)
    return runs * (_START_S + _WARMUP_S + _LEAST_S)


class Models:
    """The questions' models, by name."""

    def __init__(self) -> None:
        self._singles: dict[Dtype, dict[str, ModelInfo]] = {}

    def of(self, name: str, dtype: Dtype, *, is_network: bool) -> ModelInfo:
        if is_network:
            return networks.build(name, _NETWORK_DTYPES[dtype])
        if name == REFERENCE:
            return singles.reference().model
        if dtype not in self._singles:
            self._singles[dtype] = {s.name: s.model for s in singles.singles(dtype)}
        return self._singles[dtype][name]

    def write(self, question: Question, folder: Path) -> ModelInfo:
        """The model as a file in `folder`."""
        model = self.of(question.name, question.dtype, is_network=question.is_network)
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in question.name)
        path = folder / f"{stem}-{question.dtype.value}.tflite"
        if not path.exists():
            data = files.write(model) if question.is_network else modelfile.write(model)
            path.write_bytes(data)
        return msgspec.structs.replace(model, path=str(path))


def schedule(asked: Sequence[Question]) -> list[Question]:
    """The questions with the reference before every tenth."""
    reference = Question(REFERENCE, Dtype.FP32, 1, False)
    found: list[Question] = []
    for number, question in enumerate(asked):
        if number % _REFERENCE_EVERY == 0:
            found.append(reference)
        found.append(question)
    return found


def left(asked: Sequence[Question], known: Sequence[Answer]) -> list[Question]:
    """The questions that have no answer."""
    answered = {_key(answer) for answer in known}
    return [question for question in asked if _key(question) not in answered]


def ask(
    backend: Backend,
    asked: Sequence[Question],
    known: Sequence[Answer],
    folder: Path,
    clock: Clock,
    *,
    budget_s: float,
    rounds: int,
    on_answer: Callable[[Answer], None],
    on_trouble: Callable[[str], None],
) -> Asked:
    """Every question that has no answer among `known`, then again those that were contended, in
    `rounds` more rounds.

    Ends when all are answered or `budget_s` has passed. A model that cannot be measured is told to
    `on_trouble` and left out. Raises DeviceError when the device is lost.
    """
    end_s = clock.monotonic_s() + budget_s
    best: dict[_Key, Answer] = {}
    for answer in known:
        _keep(best, answer)
    references = [a.latency_us for a in known if a.name == REFERENCE]
    models = Models()
    tool: tuple[str | None, str | None] = (None, None)
    for number, question in enumerate(_rounds(asked, known, best, rounds)):
        if clock.monotonic_s() >= end_s:
            break
        model = models.write(question, folder)
        raw = backend.run(case_of(question, number, model.path, backend.origin))
        tool = (raw.tool, raw.tool_sha256)
        found = read_answer(question, raw)
        if rounds:  # an attached device has been told of all files and still needs them
            Path(model.path).unlink()
        if isinstance(found, str):
            on_trouble(found)
            continue
        on_answer(found)
        if found.name == REFERENCE:
            references.append(found.latency_us)
        _keep(best, found)
    return Asked(tuple(best.values()), tuple(references), *tool)


def _rounds(
    asked: Sequence[Question],
    known: Sequence[Answer],
    best: dict[_Key, Answer],
    rounds: int,
) -> Iterator[Question]:
    yield from schedule(left(asked, known))
    for _ in range(rounds):
        yield from schedule([q for q in asked if _is_contended(best.get(_key(q)))])


def _key(question: Question | Answer) -> _Key:
    return question.name, question.dtype, question.threads, question.repetition


def _is_contended(answer: Answer | None) -> bool:
    return answer is not None and (answer.wait_ratio or 0) > CONTENDED_RATIO


def _keep(best: dict[_Key, Answer], answer: Answer) -> None:
    """The least disturbed answer to each question."""
    if answer.name == REFERENCE:
        return
    before = best.get(_key(answer))
    if before is None or (answer.wait_ratio or 0) < (before.wait_ratio or 0):
        best[_key(answer)] = answer


def case_of(question: Question, number: int, path: str, origin: Origin) -> Case:
    """`number`: of the run in its schedule, so that every run has an id of its own."""
    name = Path(path).stem
    return Case(
        case_id=f"{number:04d}-{name}-t{question.threads}",
        model=name,
        model_path=path,
        model_sha256="",
        precision=_PRECISIONS.get(question.dtype, Precision.DYNAMIC),
        device="calibrated",
        origin=origin,
        delegate=Delegate.CPU,
        threads=question.threads,
        warmup_invokes=2,
        warmup_s=_WARMUP_S,
        min_invokes=_LEAST_INVOKES,
        min_s=_LEAST_S,
        max_s=5.0,
        timeout_s=60.0,
        seed=0,
    )


def steady_case(number: int, path: str, threads: int, duration_s: float, origin: Origin) -> Case:
    """The model again and again for so long: a load for the step test."""
    case = case_of(Question(REFERENCE, Dtype.FP32, threads, False), number, path, origin)
    return msgspec.structs.replace(
        case, min_s=duration_s, max_s=duration_s + 5, timeout_s=duration_s + 60
    )
