"""From what the user asked to answers of the simulator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from qbench import modelfile, models, profiles, simulator
from qbench.errors import InputError, QBenchError
from qbench.formats import failure_of
from qbench.records import Delegate, DeviceProfile, ModelInfo, Precision
from qbench.report.simulation import Answer, Asked, Line, Piece
from qbench.simulator import whatif

_MOST_THREADS = 64


def ask(
    names: Sequence[str],
    device: str,
    delegates: Sequence[str],
    precisions: Sequence[str],
    threads: str | None,
    suppositions: Sequence[str],
    clocks: Sequence[str],
    ops: bool | None,
) -> tuple[Asked, list[Answer]]:
    """Every file on every delegate with every number of threads, in this order.

    A file of a folder that cannot be predicted is a Failure; what the user named alone raises
    InputError or what the reader raises.
    """
    plain = profiles.load(device)
    profile = whatif.clocked(plain, clocks)
    supposed = (*suppositions, *clocks)
    wanted = [Delegate(d) for d in delegates] or _all_units(profile)
    counts = thread_counts(threads) if threads else [profile.cpu.default_threads]
    files = list(_files(names, [Precision(p) for p in precisions]))
    oracle = simulator.Oracle(profile, [whatif.assumption(s) for s in suppositions], supposed)
    answers: list[Answer] = []
    with_ops = len(files) == 1 if ops is None else ops
    for path in files:
        answers += _of_file(path, oracle, wanted, counts, with_ops, alone=len(files) == 1)
    return Asked(device=profile.name, title=profile.title, supposed=supposed), answers


def thread_counts(text: str) -> list[int]:
    """`4`, `1,2,4`, `1..8`. Raises InputError."""
    parts = [re.fullmatch(r"(\d+)(?:\.\.(\d+))?", part.strip()) for part in text.split(",")]
    spans = [(int(p[1]), int(p[2] or p[1])) for p in parts if p is not None]
    if len(spans) < len(parts) or not all(1 <= a <= b <= _MOST_THREADS for a, b in spans):
        raise InputError(f"threads: {text!r} is not understood", hint="say 4, 1,2,4 or 1..8")
    return list(dict.fromkeys(n for a, b in spans for n in range(a, b + 1)))


def _all_units(profile: DeviceProfile) -> list[Delegate]:
    """The NPU by its first route, the GPU, the CPU: what the device has of them."""
    npu = [Delegate(route) for route in profile.npu.routes][:1] if profile.npu else []
    return [*npu, *([Delegate.GPU] if profile.gpu else []), Delegate.CPU]


def _files(names: Sequence[str], precisions: Sequence[Precision]) -> Iterator[Path]:
    for name in names:
        path = Path(name)
        if path.is_dir():
            found = sorted(path.rglob("*.tflite"))
            if not found:
                raise InputError(f"{path}: there is no .tflite file in this folder")
            yield from found
        elif name.endswith(".tflite") or "/" in name or path.exists():
            yield path
        else:
            yield from models.resolve(name, precisions)


def _of_file(
    path: Path,
    oracle: simulator.Oracle,
    delegates: Sequence[Delegate],
    counts: Sequence[int],
    with_ops: bool,
    *,
    alone: bool,
) -> Iterator[Answer]:
    try:
        model = modelfile.read(path)
    except QBenchError as error:
        if alone:
            raise
        yield from (_failed(path, None, d, n, error) for d in delegates for n in counts)
        return
    for delegate in delegates:
        for threads in counts:
            try:
                told = oracle.foresee(model, delegate, threads)
            except QBenchError as error:
                yield _failed(path, model, delegate, threads, error)
                continue
            yield _answer(path, model, delegate, threads, told, with_ops)


def _failed(
    path: Path, model: ModelInfo | None, delegate: Delegate, threads: int, error: QBenchError
) -> Answer:
    return Answer(
        model=path.stem,
        path=str(path),
        precision=model.precision if model else None,
        delegate=delegate,
        threads=threads,
        outcome=failure_of(error),
    )


def _answer(
    path: Path,
    model: ModelInfo,
    delegate: Delegate,
    threads: int,
    told: simulator.Foreseen,
    with_ops: bool,
) -> Answer:
    return Answer(
        model=path.stem,
        path=str(path),
        precision=model.precision,
        delegate=delegate,
        threads=threads,
        outcome=told.prediction,
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
