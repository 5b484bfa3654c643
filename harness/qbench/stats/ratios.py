"""Is a candidate faster than a baseline?

Measured cases are compared run by run, never invoke by invoke (see intervals.py). Where the
plan interleaved their repetitions, the k-th run of one is paired with the k-th of the other, so
that the drift of a session falls out.

Two predictions are compared by their bands, as if their errors were independent. They are not:
both rest on the same rates and bandwidths, and where they err, they err in the same direction.
The band of the ratio is therefore wider than it need be, rather than narrower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance
from typing import NamedTuple

from qbench.records import Interval, Origin, Stability, Summary
from qbench.stats.comparison import MARGIN_RATIO, Method, Ratio, Refusal, Verdict, verdict_of
from qbench.stats.intervals import LEVEL, t_p_value, t_quantile
from qbench.stats.planning import detectable_ratio, runs_to_settle
from qbench.stats.summaries import BAND_LEVEL, MIN_RUNS_FOR_VERDICT


def ratio(
    candidate: Summary,
    baseline: Summary,
    *,
    interleaved: bool,
    margin_ratio: float = MARGIN_RATIO,
    allow_mixed_origins: bool = False,
) -> Ratio | Refusal:
    """Compare two cases.

    `interleaved`: both were measured in one session that took turns between them, so that runs
    of the same repetition may be paired. Two runs per side give a ratio and an interval; a
    verdict takes five (`verdict_of` has the rule). Refused: a side without a number, one
    measured run, different origins unless `allow_mixed_origins`.
    """
    reason = _why_not(candidate, baseline, allow_mixed_origins)
    if reason is not None:
        return Refusal(
            candidate=candidate.case.case_id, baseline=baseline.case.case_id, reason=reason
        )
    if _is_same_path(candidate, baseline):
        return _exact(candidate, baseline, margin_ratio)
    origins = {candidate.case.origin, baseline.case.origin}
    if Origin.SIMULATED in origins:
        return _of_bands(candidate, baseline, margin_ratio)
    return _of_runs(candidate, baseline, margin_ratio, may_pair=interleaved and len(origins) == 1)


def _why_not(candidate: Summary, baseline: Summary, allow_mixed_origins: bool) -> str | None:
    sides = (("candidate", candidate), ("baseline", baseline))
    for role, side in sides:
        if not side.p50_us:
            failure = side.failure
            because = f": {failure.error}: {failure.message}" if failure is not None else ""
            return f"the {role} {side.case.case_id} has no latency{because}"
    origins = (candidate.case.origin, baseline.case.origin)
    if origins[0] is not origins[1] and not allow_mixed_origins:
        return f"{origins[0]} against {origins[1]}: numbers of different origin are not compared"
    for role, side in sides:
        if side.case.origin is not Origin.SIMULATED and len(side.run_medians_us) < 2:
            return (
                f"the {role} {side.case.case_id} has one run: how much processes scatter cannot "
                f"be seen in one; a verdict takes {MIN_RUNS_FOR_VERDICT} per side"
            )
        if side.interval is None:
            return f"the {role} {side.case.case_id} has no interval"
    return None


def _is_same_path(candidate: Summary, baseline: Summary) -> bool:
    """A predicted fall-back and the CPU: one computation, predicted twice."""
    one, other = candidate.case, baseline.case
    return (
        one.origin is Origin.SIMULATED
        and other.origin is Origin.SIMULATED
        and candidate.cpu_fallback
        and candidate.placement is not None
        and baseline.placement is not None
        and candidate.placement.nodes == baseline.placement.nodes
        and (one.model_sha256, one.device, one.threads, one.xnnpack)
        == (other.model_sha256, other.device, other.threads, other.xnnpack)
        and candidate.p50_us == baseline.p50_us
    )


def _exact(candidate: Summary, baseline: Summary, margin_ratio: float) -> Ratio:
    return Ratio(
        candidate=candidate.case.case_id,
        baseline=baseline.case.case_id,
        ratio=1.0,
        interval=None,
        verdict=Verdict.SAME,
        method=Method.SAME_PATH,
        basis="the delegate takes no node: the same computation on the CPU",
        origins=(candidate.case.origin, baseline.case.origin),
        margin_ratio=margin_ratio,
    )


def _of_bands(candidate: Summary, baseline: Summary, margin_ratio: float) -> Ratio:
    ours, theirs = _log_band(candidate), _log_band(baseline)
    point = ours.point - theirs.point
    low = point - math.hypot(ours.down, theirs.up)
    high = point + math.hypot(ours.up, theirs.down)
    is_mixed = candidate.case.origin is not baseline.case.origin
    what = "one measured, one predicted" if is_mixed else "both predicted"
    return Ratio(
        candidate=candidate.case.case_id,
        baseline=baseline.case.case_id,
        ratio=math.exp(point),
        interval=Interval(low=math.exp(low), high=math.exp(high), level=BAND_LEVEL),
        verdict=verdict_of(point, low, high, margin_ratio),
        method=Method.BANDS,
        basis=f"{what}; bands combined as if independent",
        origins=(candidate.case.origin, baseline.case.origin),
        margin_ratio=margin_ratio,
        cautions=_cautions(candidate, baseline),
    )


def _of_runs(
    candidate: Summary, baseline: Summary, margin_ratio: float, *, may_pair: bool
) -> Ratio:
    ours, theirs = _logs_by_repetition(candidate), _logs_by_repetition(baseline)
    common = sorted(ours.keys() & theirs.keys())
    is_paired = may_pair and len(common) >= 2
    if is_paired:
        difference = _paired([ours[k] - theirs[k] for k in common])
        basis = f"{len(common)} pairs of interleaved runs"
    else:
        difference = _welch([*ours.values()], [*theirs.values()])
        basis = f"{len(ours)} runs against {len(theirs)}, not interleaved"
    point, error, log_sd, runs = (
        difference.point,
        difference.error,
        difference.log_sd,
        difference.runs,
    )
    # Neither latency is known better than to half a tick of its clock, whatever the runs say.
    blur = sum(side.tick_us / (2 * (side.p50_us or 1)) for side in (candidate, baseline))
    half = t_quantile(difference.degrees, LEVEL) * error + blur
    verdict = verdict_of(point, point - half, point + half, margin_ratio)
    beyond_blur = max(abs(point) - blur, 0.0)
    cautions = _cautions(candidate, baseline)
    needed = None
    if 2 * blur > math.log1p(margin_ratio):
        cautions = (*cautions, "the clock ticks too coarsely for the margin")
    if runs < MIN_RUNS_FOR_VERDICT:
        cautions = (*cautions, f"{runs} runs: a verdict takes {MIN_RUNS_FOR_VERDICT}")
    if runs < MIN_RUNS_FOR_VERDICT or verdict is Verdict.INCONCLUSIVE:
        needed = runs_to_settle(
            point,
            log_sd,
            margin_ratio=margin_ratio,
            floor=max(MIN_RUNS_FOR_VERDICT, runs + 1),
            is_paired=is_paired,
            blur=blur,
        )
    return Ratio(
        candidate=candidate.case.case_id,
        baseline=baseline.case.case_id,
        ratio=math.exp(point),
        interval=Interval(low=math.exp(point - half), high=math.exp(point + half), level=LEVEL),
        verdict=verdict if runs >= MIN_RUNS_FOR_VERDICT else None,
        method=Method.PAIRED if is_paired else Method.UNPAIRED,
        basis=basis,
        origins=(candidate.case.origin, baseline.case.origin),
        margin_ratio=margin_ratio,
        cautions=cautions,
        runs=runs,
        log_sd=log_sd,
        p_value=(
            t_p_value(beyond_blur / error, difference.degrees)
            if error > 0
            else float(beyond_blur == 0)
        ),
        runs_needed=needed,
        detectable_ratio=(detectable_ratio(runs, log_sd, is_paired=is_paired) * math.exp(blur)),
    )


class _Difference(NamedTuple):
    """Of logs: candidate less baseline. `log_sd` is that of one pair of runs."""

    point: float
    error: float
    degrees: float
    log_sd: float
    runs: int


def _paired(differences: Sequence[float]) -> _Difference:
    runs = len(differences)
    log_sd = math.sqrt(variance(differences))
    return _Difference(fmean(differences), log_sd / math.sqrt(runs), runs - 1, log_sd, runs)


def _welch(ours: Sequence[float], theirs: Sequence[float]) -> _Difference:
    """Degrees of freedom by Welch and Satterthwaite."""
    a, b = variance(ours), variance(theirs)
    part_a, part_b = a / len(ours), b / len(theirs)
    squared = part_a + part_b
    degrees = float(len(ours) + len(theirs) - 2)
    if squared > 0:
        spread = part_a**2 / (len(ours) - 1) + part_b**2 / (len(theirs) - 1)
        degrees = squared**2 / spread
    point = fmean(ours) - fmean(theirs)
    runs = min(len(ours), len(theirs))
    return _Difference(point, math.sqrt(squared), degrees, math.sqrt(a + b), runs)


def _logs_by_repetition(side: Summary) -> dict[int, float]:
    runs = zip(side.run_repetitions, side.run_medians_us, strict=True)
    return {repetition: math.log(max(value, side.tick_us / 2)) for repetition, value in runs}


class _LogBand(NamedTuple):
    point: float
    down: float
    up: float


def _log_band(side: Summary) -> _LogBand:
    """How far the 90 % band reaches from the latency. An interval of another level is brought
    to 90 % as that of a normal."""
    interval, p50_us = side.interval, side.p50_us
    assert interval is not None  # _why_not has seen to both
    assert p50_us is not None
    scale = t_quantile(math.inf, BAND_LEVEL) / t_quantile(math.inf, interval.level)
    point = math.log(p50_us)
    down = point - math.log(interval.low) if interval.low > 0 else math.inf
    return _LogBand(point, down * scale, (math.log(interval.high) - point) * scale)


def _cautions(candidate: Summary, baseline: Summary) -> tuple[str, ...]:
    ours, theirs = candidate.case.origin, baseline.case.origin
    mixed = [f"{ours} against {theirs}: numbers of different origin"] if ours is not theirs else []
    unstable = [
        f"the {role} is {side.verdict}"
        for role, side in (("candidate", candidate), ("baseline", baseline))
        if side.verdict not in (None, Stability.STABLE)
    ]
    return (*mixed, *unstable)
