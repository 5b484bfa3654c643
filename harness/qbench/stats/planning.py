"""How many runs a question takes, and what a number of runs can answer.

`log_sd` is the standard deviation of the log ratio of one pair of runs, candidate and baseline.
"""

from __future__ import annotations

import math

from qbench.stats.intervals import LEVEL, t_quantile

POWER = 0.90
MAX_RUNS = 1000


def degrees_of_freedom(runs: int, *, is_paired: bool) -> int:
    """Of a mean over pairs, or of a difference between two equal groups."""
    return runs - 1 if is_paired else 2 * runs - 2


def detectable_ratio(
    runs: int, log_sd: float, *, is_paired: bool = True, power: float = POWER
) -> float:
    """The smallest ratio above 1 that `runs` runs per side tell from 1 with `power`.

    From the noncentral t distribution, two-sided at 95 %. Two runs and more.
    """
    from scipy.special import nctdtrinc

    degrees = degrees_of_freedom(runs, is_paired=is_paired)
    shift = float(nctdtrinc(degrees, 1 - power, t_quantile(degrees, LEVEL)))
    return math.exp(shift * log_sd / math.sqrt(runs))


def runs_to_settle(
    log_ratio: float,
    log_sd: float,
    *,
    margin_ratio: float,
    floor: int,
    is_paired: bool = True,
    blur: float = 0.0,
    level: float = LEVEL,
) -> int | None:
    """Runs per side until the interval of `level` around `log_ratio` gives a verdict.

    It has to become narrower than the distance from 1 (if the effect is beyond the margin), or
    than the distance from the effect to the margin (if within). `blur` is what no number of
    runs takes away (the clock's step). At least `floor`. None: more than 1,000, or that
    distance is below a quarter of the margin: the question on which side the effect lies is not
    worth the runs.
    """
    margin = math.log1p(margin_ratio)
    effect = abs(log_ratio)
    room = (effect if effect > margin else margin - effect) - blur
    if room < margin / 4:
        return None
    for runs in range(max(floor, 2), MAX_RUNS + 1):
        degrees = degrees_of_freedom(runs, is_paired=is_paired)
        if t_quantile(degrees, level) * log_sd <= room * math.sqrt(runs):
            return runs
    return None
