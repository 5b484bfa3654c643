"""What the tool prints of its samples (tensorflow/core/util/stats_calculator.h)."""

from __future__ import annotations

import math
from collections.abc import Sequence


def number(value: float) -> str:
    """As a C++ stream prints a double: six significant digits."""
    return f"{value:g}"


def line(samples_us: Sequence[int]) -> str:
    """`count=50 first=.. curr=.. min=.. max=.. avg=.. std=.. p5=.. median=.. p95=..`"""
    count = len(samples_us)
    tail = "".join(
        f" {name}={percentile(samples_us, share)}"
        for name, share in (("p5", 5), ("median", 50), ("p95", 95))
    )
    if count == 0:
        return "count=0" + tail
    last = samples_us[-1]
    if count == 1:
        return f"count=1 curr={last}{tail}"
    low, high = min(samples_us), max(samples_us)
    if low == high:
        return f"count={count} curr={last}(all same){tail}"
    mean = sum(samples_us) / count
    deviation = math.isqrt(int(sum((value - mean) ** 2 for value in samples_us) / count))
    return (
        f"count={count} first={samples_us[0]} curr={last} min={low} max={high} "
        f"avg={number(mean)} std={deviation}{tail}"
    )


def percentile(samples_us: Sequence[int], share: int) -> int:
    """The element at that share of the sorted samples; 0 of none."""
    if not samples_us:
        return 0
    return sorted(samples_us)[min(len(samples_us) - 1, len(samples_us) * share // 100)]


def average(samples_us: Sequence[int]) -> str:
    return number(sum(samples_us) / len(samples_us)) if samples_us else "0"
