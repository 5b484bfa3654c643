"""What a simulation says, as values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from qbench.api import frames
from qbench.report import simulation
from qbench.report.simulation import Answer, Asked

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
