"""What a comparison of two cases says: nouns only."""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

from qbench.records import Interval, Origin

MARGIN_RATIO = 0.02  # what is closer than this counts as the same


class Verdict(StrEnum):
    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"  # shown: the whole interval lies within the margin
    INCONCLUSIVE = "inconclusive"


class Method(StrEnum):
    PAIRED = "paired"  # t on the log ratios of interleaved runs
    UNPAIRED = "unpaired"  # Welch's t on the log run medians
    HIERARCHICAL = "hierarchical"  # t on the means of several sessions
    BANDS = "bands"  # at least one side is predicted
    SAME_PATH = "same path"  # both are the same computation


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """Latency of the candidate over latency of the baseline; below 1 is faster.

    `interval` is 95 % if both are measured, a 90 % band if one is predicted, None if the ratio
    is exact. `verdict` is None where there were too few runs for one; `basis` says in words
    what the ratio rests on, `cautions` what speaks against it. `runs` are the pairs, or the
    runs of the smaller side. `p_value` is that of a ratio of 1, `p_adjusted` the same among all
    comparisons that were made together (Holm). `runs_needed` (per side, in
    all) would settle what is not settled; None: it is settled, or no sensible number would.
    `detectable_ratio` is the change that these runs find in nine of ten cases. `unit` is what
    both count: runs, or sessions where there are several on a side.
    """

    candidate: str  # case ids
    baseline: str
    ratio: float
    interval: Interval | None
    verdict: Verdict | None
    method: Method
    basis: str
    origins: tuple[Origin, Origin]  # candidate, baseline
    margin_ratio: float
    cautions: tuple[str, ...] = ()
    runs: int | None = None
    log_sd: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    runs_needed: int | None = None
    detectable_ratio: float | None = None
    is_paired: bool = False
    unit: str = "runs"

    @property
    def mixed(self) -> bool:
        return self.origins[0] is not self.origins[1]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why two cases cannot be compared, in words.

    `is_broken`: the baseline ran, and every run of the candidate failed.
    """

    candidate: str
    baseline: str
    reason: str
    is_broken: bool = False


def verdict_of(point: float, low: float, high: float, margin_ratio: float) -> Verdict:
    """By equivalence; all in logs.

    The interval within the margin: same (shown, not merely "no difference found"). The interval
    beyond 1 and the effect beyond the margin: faster or slower. Else: inconclusive.
    """
    margin = math.log1p(margin_ratio)
    if -margin <= low and high <= margin:
        return Verdict.SAME
    if high < 0 and point < -margin:
        return Verdict.FASTER
    if low > 0 and point > margin:
        return Verdict.SLOWER
    return Verdict.INCONCLUSIVE
