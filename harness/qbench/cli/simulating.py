"""From what the user asked to answers of the simulator."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from qbench import modelfile, profiles, simulator
from qbench.cli import model_files
from qbench.errors import InputError, ProfileError, QBenchError
from qbench.formats import failure_of
from qbench.records import Delegate, DeviceProfile, Failure, ModelInfo, Precision
from qbench.report.simulation import Answer, Asked, Line, Piece
from qbench.simulator import requantize, whatif
from qbench.simulator.calibration import document

_MOST_THREADS = 64

T = TypeVar("T")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The command line of `qbench simulate`, unread: every word as the user gave it.

    `duration`, `ambient`, `seed`: of a load that goes on (`cli.sustaining`).
    """

    names: Sequence[str]
    device: str
    delegates: Sequence[str] = ()
    precisions: Sequence[str] = ()
    threads: str | None = None
    suppositions: Sequence[str] = ()
    clocks: Sequence[str] = ()
    ops: bool | None = None
    duration: str | None = None
    ambient: str | None = None
    seed: int | None = None
    calibration: Path | None = None

    @property
    def supposed(self) -> tuple[str, ...]:
        return (*self.suppositions, *self.clocks)


def ask(question: Question) -> tuple[Asked, list[Answer]]:
    """Every file on every delegate with every number of threads, in this order.

    A file of a folder that cannot be predicted is a Failure; what the user named alone raises
    InputError or what the reader raises.
    """
    if question.ambient is not None or question.seed is not None:
        raise InputError(
            "simulate: --ambient and --seed speak of a load that goes on",
            hint="add --duration 10min, or leave them out",
        )
    oracle = oracle_for(question)
    files = list(files_of(question))
    with_ops = len(files) == 1 if question.ops is None else question.ops
    answers = [
        answer(path, model, delegate, threads, told, with_ops)
        for path, model, delegate, threads, told in tell(question, oracle, files, oracle.foresee)
    ]
    return asked(question, oracle), answers


def asked(question: Question, oracle: simulator.Oracle) -> Asked:
    profile = oracle.profile
    return Asked(device=profile.name, title=profile.title, supposed=question.supposed)


def oracle_for(question: Question) -> simulator.Oracle:
    """For the profile as it is supposed to be. Raises InputError, ProfileError (a profile, or a
    calibration that is damaged or of another profile)."""
    profile = whatif.clocked(profiles.load(question.device), question.clocks)
    assumptions = [
        whatif.assumption(text) for text in question.suppositions if whatif.precision(text) is None
    ]
    given = None if question.calibration is None else document.load(question.calibration)
    if given is not None and given.profile != profile.name:
        raise ProfileError(
            f"{question.calibration}: calibrated as {given.profile}, and {profile.name} is asked",
            hint=f"--device {given.profile}",
        )
    return simulator.Oracle(profile, assumptions, question.supposed, calibration=given)


def thread_counts(text: str) -> list[int]:
    """`4`, `1,2,4`, `1..8`. Raises InputError."""
    parts = [re.fullmatch(r"(\d+)(?:\.\.(\d+))?", part.strip()) for part in text.split(",")]
    spans = [(int(p[1]), int(p[2] or p[1])) for p in parts if p is not None]
    if len(spans) < len(parts) or not all(1 <= a <= b <= _MOST_THREADS for a, b in spans):
        raise InputError(f"threads: {text!r} is not understood", hint="say 4, 1,2,4 or 1..8")
    return list(dict.fromkeys(n for a, b in spans for n in range(a, b + 1)))


def files_of(question: Question) -> Iterator[Path]:
    """Raises InputError when a name stands for nothing."""
    wanted = [Precision(p) for p in question.precisions]
    for name in question.names:
        path = Path(name)
        if path.is_dir():
            yield from model_files.inside(path, wanted, f"**/*{model_files.SUFFIX}")
        else:
            yield from model_files.of(name, wanted)


def tell(
    question: Question,
    oracle: simulator.Oracle,
    files: Sequence[Path],
    answer: Callable[[ModelInfo, Delegate, int], T],
) -> Iterator[tuple[Path, ModelInfo | None, Delegate, int, T | Failure]]:
    """`answer` for every file, delegate and number of threads; see `ask` for what it raises."""
    wanted = [p for text in question.suppositions if (p := whatif.precision(text)) is not None]
    delegates = [Delegate(d) for d in question.delegates] or _all_units(oracle.profile)
    default = [oracle.default_threads]
    counts = thread_counts(question.threads) if question.threads else default
    cases = [(delegate, threads) for delegate in delegates for threads in counts]
    for path in files:
        try:
            model = modelfile.read(path)
            for precision in wanted:
                model = requantize.quantized(model, precision)
        except QBenchError as error:
            if len(files) == 1:
                raise
            yield from ((path, None, *case, failure_of(error)) for case in cases)
            continue
        for case in cases:
            try:
                yield (path, model, *case, answer(model, *case))
            except QBenchError as error:
                yield (path, model, *case, failure_of(error))


def _all_units(profile: DeviceProfile) -> list[Delegate]:
    """The NPU by its first route, the GPU, the CPU: what the device has of them."""
    npu = [Delegate(route) for route in profile.npu.routes][:1] if profile.npu else []
    return [*npu, *([Delegate.GPU] if profile.gpu else []), Delegate.CPU]


def answer(
    path: Path,
    model: ModelInfo | None,
    delegate: Delegate,
    threads: int,
    told: simulator.Foreseen | Failure,
    with_ops: bool,
) -> Answer:
    plain = Answer(
        model=path.stem,
        path=str(path),
        precision=model.precision if model else None,
        delegate=delegate,
        threads=threads,
        outcome=told if isinstance(told, Failure) else told.prediction,
    )
    if isinstance(told, Failure) or model is None:
        return plain
    return msgspec.structs.replace(
        plain,
        pieces=tuple(
            Piece(unit=s.unit, executor=s.executor, ops=s.ops) for s in told.placement.segments
        ),
        bound_by_us=told.bound_by_us,
        kernels=tuple(_line(model, cost) for cost in told.lines) if with_ops else (),
    )


def _line(model: ModelInfo, cost: simulator.KernelCost) -> Line:
    ops = [model.main.ops[i] for i in cost.ops]
    return Line(
        ops=cost.ops,
        names=tuple(op.label for op in ops),
        unit=cost.unit,
        executor=cost.executor,
        dtype=cost.dtype,
        macs=sum(op.macs or 0 for op in ops),
        time_us=round(cost.time_us, 3),
        bound_by=cost.bound_by,
    )
