"""Percentiles of latencies, taken as TFLite and MLPerf take them: no interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from qbench.errors import InputError


def percentile_index(count: int, pct: int) -> int:
    """Where the percentile stands among `count` sorted values.

    `n * pct // 100`, as TFLite's stats_calculator.h and MLPerf's loadgen have it.
    """
    return min(count * pct // 100, count - 1)


def percentile_us(samples: Sequence[int], pct: int) -> int:
    """The `pct`-th percentile (0 .. 100): always one of the samples. Any order.

    Raises InputError when there are no samples.
    """
    if not samples:
        raise InputError(f"percentile: no samples to take the {pct}th percentile of")
    return sorted(samples)[percentile_index(len(samples), pct)]


def median_us(values: Sequence[int]) -> int | None:
    """The middle of a few values, one per run (the mean of the middle two); None of none."""
    return round(median(values)) if values else None
