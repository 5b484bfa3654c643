"""Predictions beside measurements: one line per network, and what all of them come to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from qbench.records import Prediction

# What a calibration of this machine must reach on networks that it has not measured.
LIMITS: dict[str, float] = {"fp32": 0.08, "int8": 0.05}
WORST_RATIO = 0.20
COVERAGE = (0.85, 0.95)


class Row(NamedTuple):
    name: str
    group: str
    measured_us: float
    runs_us: tuple[float, ...]
    predicted: Prediction

    @property
    def ratio(self) -> float:
        return self.predicted.p50_us / self.measured_us

    @property
    def error(self) -> float:
        return abs(self.ratio - 1)

    @property
    def is_in_band(self) -> bool:
        return self.predicted.low_us <= self.measured_us <= self.predicted.high_us


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Of any rows: MAPE, the same with one common factor taken out, worst, coverage."""
    logs = statistics.median(row.ratio for row in rows)
    worst = max(rows, key=lambda row: row.error)
    return {
        "n": len(rows),
        "mape_ratio": statistics.mean(row.error for row in rows),
        "median_ratio": logs,
        "scaled_mape_ratio": statistics.mean(abs(row.ratio / logs - 1) for row in rows),
        "worst_ratio": worst.error,
        "worst": f"{worst.name} {worst.group}",
        "within_10_ratio": statistics.mean(row.error <= 0.10 for row in rows),
        "coverage_ratio": statistics.mean(row.is_in_band for row in rows),
    }


def shortfalls(rows: Sequence[Row]) -> list[str]:
    """Every limit that is missed, in words; empty when all are kept."""
    missed = []
    for group, limit in LIMITS.items():
        mine = [row for row in rows if row.group == group]
        if not mine:
            continue
        found = summary(mine)["mape_ratio"]
        if found > limit:
            missed.append(f"{group}: MAPE {found:.1%}, more than {limit:.0%}")
    for row in rows:
        if row.error > WORST_RATIO:
            missed.append(f"{row.name} {row.group}: {row.ratio:.2f} of what was measured")
    coverage = summary(rows)["coverage_ratio"]
    if not COVERAGE[0] <= coverage <= COVERAGE[1]:
        low, high = COVERAGE
        missed.append(f"90 % bands hold {coverage:.0%}, not {low:.0%} to {high:.0%}")
    return missed
