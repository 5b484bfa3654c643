"""Predictions: of one invoke, and of a load that goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qbench.api import frames
from qbench.api.asking import Names, choice, several, words
from qbench.cli import simulating, sustaining
from qbench.records import Delegate, Precision
from qbench.report import simulation, sustained
from qbench.report.simulation import Answer, Asked
from qbench.report.sustained import AskedFor, Curve

if TYPE_CHECKING:
    import pandas as pd


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """Answers in order of files, delegates and threads; `asked` names device and suppositions.

    The `outcome` of an answer is a Prediction (`p50_us`, its 90 % band `low_us` .. `high_us`,
    `tier`, `basis`, `placement`, `cpu_fallback`) or a Failure.
    """

    asked: Asked
    answers: tuple[Answer, ...]

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    def frame(self) -> pd.DataFrame:
        """A row per answer, as `qbench simulate --csv` prints it; absent values are pandas.NA."""
        rows = [simulation.flat(self.asked, answer) for answer in self.answers]
        return frames.table(rows, simulation.FIELDS)


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """Curves in order of files, delegates and threads; `asked` names device, suppositions, the
    time, the air's temperature, the seed, and who is ahead from which minute (`leads`).

    The `outcome` of a curve is a Sustained (`minutes`, `tier`, `throttles_s`) or a Failure.
    """

    asked: AskedFor
    curves: tuple[Curve, ...]

    def __iter__(self) -> Iterator[Curve]:
        return iter(self.curves)

    def __len__(self) -> int:
        return len(self.curves)

    def frame(self) -> pd.DataFrame:
        """A row per minute of a curve, as `qbench simulate --duration --csv` prints it."""
        rows = [row for curve in self.curves for row in sustained.flat(self.asked, curve)]
        return frames.table(rows, sustained.FIELDS)


def simulate(
    models: Names,
    *,
    device: str,
    delegates: str | Iterable[str] = (),
    precisions: str | Iterable[str] = (),
    threads: int | Iterable[int] = (),
    what_if: str | Iterable[str] = (),
    clocks: str | Iterable[str] = (),
    calibration: str | Path | None = None,
    ops: bool | None = None,
) -> Simulation:
    """Predict latencies, as `qbench simulate` does: nothing is measured, nothing is written.

    `models` are files, folders or names; an answer per file, delegate and number of threads. Every
    answer has its 90 % band and tier, or is a Failure. `what_if` such as "ADD refused by gpu",
    `clocks` such as "prime=1.8GHz". `ops`: the answers' `kernels`, operator by operator; None: for
    one file. Raises InputError, ModelFileError (of a file that was named alone), ProfileError.
    """
    asked, answers = simulating.ask(
        _question(
            models,
            device,
            delegates=delegates,
            precisions=precisions,
            threads=threads,
            suppositions=words(what_if),
            clocks=words(clocks),
            calibration=None if calibration is None else Path(calibration),
            ops=ops,
        )
    )
    return Simulation(asked=asked, answers=tuple(answers))


def sustain(
    models: Names,
    *,
    device: str,
    duration_s: float = 600.0,
    ambient_c: float = 25.0,
    seed: int = 0,
    delegates: str | Iterable[str] = (),
    precisions: str | Iterable[str] = (),
    threads: int | Iterable[int] = (),
    what_if: str | Iterable[str] = (),
    clocks: str | Iterable[str] = (),
    calibration: str | Path | None = None,
) -> Curves:
    """Predict minutes of back-to-back invokes on a device that heats, as `qbench simulate
    --duration` does: a curve per file, delegate and number of threads, each minute with its 90 %
    band. `duration_s` from 1 s to 6 h, `ambient_c` from -20 to 50. The scatter of invokes is drawn
    from `seed`. Raises as `simulate`; ProfileError for a device that says nothing of heat.
    """
    asked, curves = sustaining.ask(
        _question(
            models,
            device,
            delegates=delegates,
            precisions=precisions,
            threads=threads,
            suppositions=words(what_if),
            clocks=words(clocks),
            calibration=None if calibration is None else Path(calibration),
            duration=f"{duration_s:f}s",
            ambient=f"{ambient_c:f}C",
            seed=seed,
        )
    )
    return Curves(asked=asked, curves=tuple(curves))


def _question(
    models: Names,
    device: str,
    *,
    delegates: str | Iterable[str],
    precisions: str | Iterable[str],
    threads: int | Iterable[int],
    **more: Any,
) -> simulating.Question:
    counts = (threads,) if isinstance(threads, int) else tuple(threads)
    return simulating.Question(
        names=words(models),
        device=device,
        delegates=[choice(Delegate, "delegate", d).value for d in several(delegates)],
        precisions=[choice(Precision, "precision", p).value for p in several(precisions)],
        threads=",".join(map(str, counts)) or None,
        **more,
    )
