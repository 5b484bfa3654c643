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
from typing import NamedTuple

from qbench.records import Interval, Origin, Stability, Summary
from qbench.stats.comparison import MARGIN_RATIO, Method, Ratio, Refusal, Verdict, verdict_of
from qbench.stats.differences import judged, paired, welch
from qbench.stats.intervals import t_quantile
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
            candidate=candidate.case.case_id,
            baseline=baseline.case.case_id,
            reason=reason,
            is_broken=bool(baseline.p50_us and not candidate.p50_us and candidate.failure),
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
        cautions=cautions_of(candidate, baseline),
    )


def _of_runs(
    candidate: Summary, baseline: Summary, margin_ratio: float, *, may_pair: bool
) -> Ratio:
    ours, theirs = logs_by_repetition(candidate), logs_by_repetition(baseline)
    common = sorted(ours.keys() & theirs.keys())
    is_paired = may_pair and len(common) >= 2
    if is_paired:
        difference = paired([ours[k] - theirs[k] for k in common])
        basis = f"{len(common)} pairs of interleaved runs"
    else:
        difference = welch([*ours.values()], [*theirs.values()])
        basis = f"{len(ours)} runs against {len(theirs)}, not interleaved"
    return judged(
        difference,
        candidate=candidate.case,
        baseline=baseline.case,
        margin_ratio=margin_ratio,
        method=Method.PAIRED if is_paired else Method.UNPAIRED,
        is_paired=is_paired,
        basis=basis,
        blur=blur(candidate) + blur(baseline),
        fewest=MIN_RUNS_FOR_VERDICT,
        cautions=cautions_of(candidate, baseline),
    )


def logs_by_repetition(side: Summary) -> dict[int, float]:
    """The log of each run's median."""
    runs = zip(side.run_repetitions, side.run_medians_us, strict=True)
    return {repetition: math.log(max(value, side.tick_us / 2)) for repetition, value in runs}


def blur(side: Summary) -> float:
    """In logs: a latency is not known better than to half a tick of its clock."""
    return side.tick_us / (2 * (side.p50_us or 1))


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


def cautions_of(candidate: Summary, baseline: Summary) -> tuple[str, ...]:
    """What speaks against any comparison of the two."""
    ours, theirs = candidate.case.origin, baseline.case.origin
    mixed = [f"{ours} against {theirs}: numbers of different origin"] if ours is not theirs else []
    unstable = [
        f"the {role} is {side.verdict}"
        for role, side in (("candidate", candidate), ("baseline", baseline))
        if side.verdict not in (None, Stability.STABLE)
    ]
    return (*mixed, *unstable)
