"""A difference of logs, its error, and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance
from typing import NamedTuple

from qbench.records import Case, Interval
from qbench.stats.comparison import Method, Ratio, Verdict, verdict_of
from qbench.stats.intervals import LEVEL, t_p_value, t_quantile
from qbench.stats.planning import detectable_ratio, runs_to_settle


class Difference(NamedTuple):
    """Candidate less baseline. `log_sd` is that of one pair, `size` pairs or the smaller side."""

    point: float
    error: float
    degrees: float
    log_sd: float
    size: int


def paired(differences: Sequence[float]) -> Difference:
    """Student's t on the differences of pairs, two and more."""
    count = len(differences)
    log_sd = math.sqrt(variance(differences))
    return Difference(fmean(differences), log_sd / math.sqrt(count), count - 1, log_sd, count)


def welch(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Two and more on each side; degrees of freedom by Welch and Satterthwaite."""
    a, b = variance(ours), variance(theirs)
    part_a, part_b = a / len(ours), b / len(theirs)
    squared = part_a + part_b
    degrees = float(len(ours) + len(theirs) - 2)
    if squared > 0:
        spread = part_a**2 / (len(ours) - 1) + part_b**2 / (len(theirs) - 1)
        degrees = squared**2 / spread
    point = fmean(ours) - fmean(theirs)
    count = min(len(ours), len(theirs))
    return Difference(point, math.sqrt(squared), degrees, math.sqrt(a + b), count)


def judged(
    difference: Difference,
    *,
    candidate: Case,
    baseline: Case,
    margin_ratio: float,
    method: Method,
    basis: str,
    blur: float,
    fewest: int,
    cautions: tuple[str, ...],
    is_paired: bool,
    unit: str = "runs",
) -> Ratio:
    """The ratio with its interval, verdict and what would settle it.

    `blur` (in logs) is what no number of runs takes away; no verdict with less than `fewest`.
    """
    point, error, degrees, log_sd, size = difference
    half = t_quantile(degrees, LEVEL) * error + blur
    verdict = verdict_of(point, point - half, point + half, margin_ratio)
    beyond_blur = max(abs(point) - blur, 0.0)
    if 2 * blur > math.log1p(margin_ratio):
        cautions = (*cautions, "the clock ticks too coarsely for the margin")
    if size < fewest:
        cautions = (*cautions, f"{size} {unit}: a verdict takes {fewest}")
    needed = None
    if size < fewest or verdict is Verdict.INCONCLUSIVE:
        needed = runs_to_settle(
            point,
            log_sd,
            margin_ratio=margin_ratio,
            floor=max(fewest, size + 1),
            is_paired=is_paired,
            blur=blur,
        )
    no_scatter = float(beyond_blur == 0)
    return Ratio(
        candidate=candidate.case_id,
        baseline=baseline.case_id,
        ratio=math.exp(point),
        interval=Interval(low=math.exp(point - half), high=math.exp(point + half), level=LEVEL),
        verdict=verdict if size >= fewest else None,
        method=method,
        basis=basis,
        origins=(candidate.origin, baseline.origin),
        margin_ratio=margin_ratio,
        cautions=cautions,
        runs=size,
        log_sd=log_sd,
        p_value=t_p_value(beyond_blur / error, degrees) if error > 0 else no_scatter,
        runs_needed=needed,
        detectable_ratio=detectable_ratio(size, log_sd, is_paired=is_paired) * math.exp(blur),
        is_paired=is_paired,
        unit=unit,
    )
