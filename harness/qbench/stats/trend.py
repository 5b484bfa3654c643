"""Does a latency rise or fall within runs, or from run to run?

A rise is judged against its standard error under AR(1) noise, estimated over all runs of the
case. A block bootstrap was tried and refused: on runs of 30 to 200 invokes with rho 0.3 to 0.8
its 95 % intervals excluded the true slope, zero, in 21 to 57 % of the trials, for a short run
holds too few blocks. tests/test_stats_stability.py measures the error rates of these tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, NamedTuple

from qbench.stats.intervals import t_quantile
from qbench.stats.noise import MIN_POINTS, log_points, noise, rise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_EFFECTIVE = 15  # invokes of all runs; below, nobody can tell noise from trend
MIN_RUNS = 5
MIN_RISE = math.log(1.02)
MIN_RISE_OVER_RUNS = math.log(1.05)
# Of a least-squares line in white noise: 12 / n. 13.5 holds the level in AR(1) up to rho 0.6.
_RISE_VARIANCE = 13.5
_WITHIN_LEVEL = 0.998  # twice: for all runs together, and for the worst of them
_BETWEEN_LEVEL = 0.98
_TICKS = 1.5  # of the clock: a change of one tick may be next to nothing


class Drift(NamedTuple):
    """`rise` is the log of (latency at the end / latency at the start)."""

    rise: float
    where: str
    runs: tuple[int, ...]  # places, in the sequence given, of the runs that show it


class WithinRuns(NamedTuple):
    """`effective` is how many independent invokes would tell as much as those of all runs,
    `scatter` the standard deviation of the log of one."""

    effective: float
    scatter: float
    drift: Drift | None


def within_runs(runs: Sequence[NDArray[np.float64]], *, tick_us: int) -> WithinRuns:
    """Trend, scatter and effective size of the runs of one case.

    `runs` holds the latencies in us of each run, shape (n,), warm-up left out; runs of fewer
    than 8 are passed over. The scatter is at least that of a clock with steps of `tick_us`, and
    a drift more than one step.
    """
    import numpy as np

    places = [place for place, run in enumerate(runs) if len(run) >= MIN_POINTS]
    if not places:
        return WithinRuns(0.0, 0.0, None)
    series = [log_points(runs[place]) for place in places]
    rises = [rise(points) for points in series]
    found = noise(series, rises)
    tick = tick_us / max(float(np.median(np.concatenate(runs))), tick_us)
    scatter = max(found.scatter, tick / math.sqrt(12))
    effective = [found.effective(len(points)) for points in series]
    errors = [scatter * math.sqrt(_RISE_VARIANCE / size) for size in effective]
    total = sum(effective)
    degrees = max(total - 2 * len(places), 2.0) if total >= MIN_EFFECTIVE else None
    least = max(MIN_RISE, _TICKS * tick)
    common = _common(rises, errors, degrees, least)
    worst = _worst(rises, errors, degrees, least)
    drift = None
    if common is not None:
        drift = Drift(common, "from start to end of the runs", tuple(places))
    if worst is not None and (common is None or abs(rises[worst]) > 2 * abs(common)):
        drift = Drift(rises[worst], "from start to end of one run", (places[worst],))
    return WithinRuns(total, scatter, drift)


def between_runs(run_medians_us: Sequence[int], *, tick_us: int) -> Drift | None:
    """A line or a step over the runs, in their order, that changes the latency by over 5 %.

    t tests, together at 98 %: the line has half of the error, each split into earlier and later
    runs its part of the other half (Bonferroni). Fewer than five runs cannot tell a trend from
    scatter.
    """
    import numpy as np

    runs = len(run_medians_us)
    if runs < MIN_RUNS or min(run_medians_us) <= 0:
        return None
    logs = np.log(np.array(run_medians_us, dtype=np.float64))
    least = max(MIN_RISE_OVER_RUNS, _TICKS * tick_us / float(np.median(run_medians_us)))
    spare = (1 - _BETWEEN_LEVEL) / 2
    line_bound = t_quantile(runs - 2, 1 - spare)
    split_bound = t_quantile(runs - 2, 1 - spare / (runs - 1))
    place = np.linspace(-0.5, 0.5, runs)
    slope = float(place @ logs / (place @ place))
    line = (slope, logs - logs.mean() - slope * place, 1 / float(place @ place), line_bound)
    shapes = [line]
    for split in range(1, runs):
        early, late = logs[:split], logs[split:]
        rest = np.concatenate([early - early.mean(), late - late.mean()])
        up = float(late.mean() - early.mean())
        shapes.append((up, rest, 1 / split + 1 / (runs - split), split_bound))
    best, best_excess = 0.0, 1.0
    for up, rest, variance, bound in shapes:
        error = max(math.sqrt(float(rest @ rest) / (runs - 2) * variance), 1e-9)
        excess = abs(up) / (bound * error)
        if abs(up) > least and excess > best_excess:
            best, best_excess = up, excess
    return Drift(best, "from the first runs to the last", (0, runs - 1)) if best else None


def _common(
    rises: Sequence[float], errors: Sequence[float], degrees: float | None, least: float
) -> float | None:
    """The mean rise, if it stands out: from the noise within runs, or, with enough runs, from
    the scatter of the rises themselves, which takes no model."""
    runs = len(rises)
    mean = fmean(rises)
    bounds = []
    if degrees is not None:
        error = math.sqrt(math.fsum(e * e for e in errors)) / runs
        bounds.append(t_quantile(degrees, _WITHIN_LEVEL) * error)
    if runs >= MIN_RUNS:
        bounds.append(t_quantile(runs - 1, _WITHIN_LEVEL) * stdev(rises) / math.sqrt(runs))
    return mean if bounds and abs(mean) > max(least, min(bounds)) else None


def _worst(
    rises: Sequence[float], errors: Sequence[float], degrees: float | None, least: float
) -> int | None:
    """The run whose rise stands out most, if it does so among as many runs."""
    if degrees is None:
        return None
    runs = len(rises)
    worst = max(range(runs), key=lambda i: abs(rises[i]) / errors[i])
    bound = t_quantile(degrees, 1 - (1 - _WITHIN_LEVEL) / runs) * errors[worst]
    return worst if abs(rises[worst]) > max(least, bound) else None
