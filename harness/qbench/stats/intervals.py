"""Student's t on logarithms: latencies are positive, and what disturbs them multiplies.

The run is the unit. Invokes of one process are not independent, so an interval from pooled
invokes is far too narrow: with one process per side a pooled test calls 45 to 80 % of equal
things different (Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, on
repeating at the highest level that varies; the rates are measured in tests/test_stats_promises.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean, stdev

from qbench.records import Interval

LEVEL = 0.95


@lru_cache(maxsize=4096)
def t_quantile(degrees: float, level: float) -> float:
    """Half-width, in standard errors, of a two-sided interval of `level`."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + level) / 2))


def t_p_value(t: float, degrees: float) -> float:
    """Two-sided."""
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(t)))


def median_interval(
    run_medians_us: Sequence[int], point_us: float, *, tick_us: int = 1
) -> Interval | None:
    """95 % interval in us of the median latency, from one median per run.

    t interval on the logs of the run medians, made longer where it has to be to hold
    `point_us`, and by half a tick of the clock on both sides: runs that all tell the same tick
    do not prove that the latency is exactly that. None of fewer than two runs: the scatter of
    processes cannot be seen in one.
    """
    runs = len(run_medians_us)
    if runs < 2:
        return None
    # A clock that ticks in whole us may tell 0; half a tick is the least that stands for it.
    logs = [math.log(max(value, tick_us / 2)) for value in run_medians_us]
    centre = fmean(logs)
    half = t_quantile(runs - 1, LEVEL) * stdev(logs) / math.sqrt(runs)
    low = min(math.exp(centre - half), point_us) - tick_us / 2
    high = max(math.exp(centre + half), point_us) + tick_us / 2
    return Interval(low=max(low, 0.0), high=high, level=LEVEL)
