"""How right are answers, and is one set of answers better than another? Counts and ranks only.

Without scipy, which takes longer to import than a small network to answer a thousand images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

from qbench.records import Interval
from qbench.stats.intervals import LEVEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def wilson(hits: int, trials: int, level: float = LEVEL) -> Interval | None:
    """Score interval of a share (Wilson, JASA 22, 1927); None of no trials.

    Unlike hits/trials +- 2 standard errors it stays within 0..1 and is no point at 0 or 1.
    """
    if not trials:
        return None
    z = _normal_quantile(level)
    share = hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    half /= 1 + z * z / trials
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return Interval(low if hits else 0.0, high if hits < trials else 1.0, level)


def auc(scores: Sequence[float] | NDArray[np.float64], is_positive: Sequence[bool]) -> float | None:
    """Area under the ROC curve: how often a positive has the higher score, ties counting half
    (Mann and Whitney's U over all pairs). None without positives or without negatives."""
    import numpy as np

    positive = np.asarray(is_positive, bool)
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        return None
    values = np.asarray(scores, float)
    in_order = np.sort(values)
    first, after = (np.searchsorted(in_order, values, side) for side in ("left", "right"))
    ranks = (first + 1 + after) / 2  # from 1; equals share the mean of theirs
    return float((ranks[positive].sum() - ups * (ups + 1) / 2) / (ups * downs))


def auc_interval(area: float, positives: int, negatives: int, level: float = LEVEL) -> Interval:
    """Interval of an AUC: all areas whose distance to `area` is within z standard errors of
    themselves (Newcombe, Stat. Med. 25, 2006, method 5, on Hanley and McNeil's variance).

    Unlike DeLong's it is no point when `area` is 1.
    """
    z = _normal_quantile(level)
    extra = (positives + negatives) / 2 - 1

    def is_inside(theta: float) -> bool:
        spread = 1 + extra * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        variance = theta * (1 - theta) * spread / (positives * negatives)
        return abs(theta - area) <= z * math.sqrt(variance)

    def edge(outside: float) -> float:
        inside = area
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if is_inside(middle) else (inside, middle)
        return inside

    return Interval(edge(0.0), edge(1.0), level)


def mcnemar(only_first: int, only_second: int) -> float:
    """p value that two classifiers are right equally often, from the images on which only one of
    them is: exact, two-sided, binomial with 1/2 (McNemar, Psychometrika 12, 1947)."""
    trials = only_first + only_second
    if not trials:
        return 1.0
    fewer = min(only_first, only_second)
    tail = sum(math.comb(trials, k) for k in range(fewer + 1))
    return min(1.0, 2 * (tail / (1 << trials)))


def _normal_quantile(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
