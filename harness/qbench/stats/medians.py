"""Medians of runs: the values that numpy gives, without what it costs to ask.

np.median takes 20 us and more of any array, of which a short run's sorting is 1; a report of
10,000 runs asks for 100,000 of them. tests/test_stats_medians.py compares both, bit by bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def median(values: NDArray[np.float64]) -> float:
    """Of at least one value, shape (n,), none of them NaN."""
    import numpy as np

    ordered = np.sort(values)
    half, is_odd = divmod(len(ordered), 2)
    if is_odd:
        return float(ordered[half])
    return float((ordered[half - 1] + ordered[half]) / 2)


def running_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every five neighbours: shape (n,) to (n - 4,), of at least five.

    The middle of five is that of three: the fifth, the larger of both pairs' smaller ones, and
    the smaller of both pairs' larger ones.
    """
    import numpy as np

    a, b, c, d, e = (values[place : len(values) - 4 + place] for place in range(5))
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    middle: NDArray[np.float64] = np.maximum(
        np.minimum(low, high), np.minimum(np.maximum(low, high), e)
    )
    return middle
