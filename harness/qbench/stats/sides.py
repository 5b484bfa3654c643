"""Two sides of a comparison: what may be compared, and by which method.

One session that took turns between both sides: its runs are paired. One session per side: Welch's
t on the runs, which cannot see that the sessions themselves differ (heat, an update, the time of
day), and says so. Several sessions per side: the session is the unit, for it is the highest level
that varies (Kalibera and Jones 2013); paired where every session measured both sides.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from statistics import fmean

import msgspec

from qbench.records import DeviceInfo, Metric, Origin, Summary, Taint
from qbench.stats.comparison import MARGIN_RATIO, Method, Ratio, Refusal
from qbench.stats.differences import judged, paired, welch
from qbench.stats.metrics import seen_by
from qbench.stats.ratios import blur, cautions_of, logs_by_repetition, ratio

MIN_SESSIONS_FOR_VERDICT = 3  # each is a mean of several runs: close to normal


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A case in one session (by its id): its summary, who measured it, and with what."""

    session: str
    summary: Summary
    device: DeviceInfo | None
    tools: tuple[str, ...]  # hashes, or names where there is no hash


class Aspect(StrEnum):
    """In what two sides may differ although the question is another one."""

    ORIGIN = "origin"
    DEVICE = "device"
    TOOL = "tool"
    TAINTS = "taints"


class Crossing(msgspec.Struct, frozen=True):
    aspect: Aspect
    text: str


def compare(
    candidate: Sequence[Measured],
    baseline: Sequence[Measured],
    *,
    margin_ratio: float = MARGIN_RATIO,
    metric: Metric = Metric.P50,
    across: Collection[Aspect] = (),
) -> Ratio | Refusal:
    """Compare a case (in one session or several) with a baseline.

    Refused where the sides differ in an aspect that is not in `across`; what was allowed is said
    among the cautions.
    """
    ours, theirs = candidate[0].summary.case, baseline[0].summary.case
    found = crossings(candidate, baseline)
    forbidden = [crossing for crossing in found if crossing.aspect not in across]
    if forbidden:
        flags = " ".join(f"--across {c.aspect}" for c in forbidden)
        return Refusal(
            candidate=ours.case_id,
            baseline=theirs.case_id,
            reason=f"{'; '.join(c.text for c in forbidden)} ({flags} compares them all the same)",
        )
    mine = [msgspec.structs.replace(m, summary=seen_by(m.summary, metric)) for m in candidate]
    other = [msgspec.structs.replace(m, summary=seen_by(m.summary, metric)) for m in baseline]
    for role, plain, seen in (("candidate", candidate, mine), ("baseline", baseline, other)):
        if any(m.summary.p50_us for m in plain) and not any(m.summary.p50_us for m in seen):
            reason = f"the {role} has no {metric}: not every run told it, or it is predicted"
            return Refusal(candidate=ours.case_id, baseline=theirs.case_id, reason=reason)
    result = _by_method(mine, other, margin_ratio)
    if isinstance(result, Refusal):
        return result
    # `ratio` itself says which origins are mixed.
    said = [f"across {c.aspect}: {c.text}" for c in found if c.aspect is not Aspect.ORIGIN]
    return msgspec.structs.replace(result, cautions=(*said, *result.cautions))


def _by_method(
    candidate: Sequence[Measured], baseline: Sequence[Measured], margin_ratio: float
) -> Ratio | Refusal:
    if len(candidate) == len(baseline) == 1:
        one, other = candidate[0], baseline[0]
        is_one_session = one.session == other.session
        result = ratio(
            one.summary,
            other.summary,
            interleaved=is_one_session and one.summary.case.device == other.summary.case.device,
            margin_ratio=margin_ratio,
            allow_mixed_origins=True,
        )
        if isinstance(result, Ratio) and result.method is Method.UNPAIRED and not is_one_session:
            caution = "one session per side: what differs between the sessions is in the change"
            result = msgspec.structs.replace(result, cautions=(*result.cautions, caution))
        return result
    return _over_sessions(candidate, baseline, margin_ratio)


def _over_sessions(
    candidate: Sequence[Measured], baseline: Sequence[Measured], margin_ratio: float
) -> Ratio | Refusal:
    ours, theirs = candidate[0].summary.case, baseline[0].summary.case
    reason = None
    if Origin.SIMULATED in (ours.origin, theirs.origin):
        reason = "a prediction is the same in every session: name one session"
    means, others = _means(candidate), _means(baseline)
    common = sorted(means.keys() & others.keys())
    is_paired = len(common) >= 2 and means.keys() == others.keys()
    if reason is None and min(len(means), len(others)) < 2:
        reason = (
            f"{len(others)} sessions with a number against {len(means)}: how much sessions differ "
            "cannot be seen in one; name several on both sides, or one on both"
        )
    if reason is not None:
        return Refusal(candidate=ours.case_id, baseline=theirs.case_id, reason=reason)
    if is_paired:
        difference = paired(_paired_means(candidate, baseline, common))
        basis = f"{len(common)} sessions that measured both"
    else:
        difference = welch([*means.values()], [*others.values()])
        basis = f"{len(means)} sessions against {len(others)}"
    lost = sum(not m.summary.run_medians_us for m in (*candidate, *baseline))
    sides = [m.summary for m in (*candidate, *baseline) if m.summary.p50_us]
    pairwise = [cautions_of(c.summary, b.summary) for c in candidate for b in baseline]
    cautions = tuple(dict.fromkeys(text for texts in pairwise for text in texts))
    if lost:
        cautions = (*cautions, f"sessions without a number are left out: {lost}")
    return judged(
        difference,
        candidate=ours,
        baseline=theirs,
        margin_ratio=margin_ratio,
        method=Method.HIERARCHICAL,
        is_paired=is_paired,
        basis=basis,
        blur=2 * max(blur(side) for side in sides),
        fewest=MIN_SESSIONS_FOR_VERDICT,
        cautions=cautions,
        unit="sessions",
    )


def _means(side: Sequence[Measured]) -> dict[str, float]:
    """By session: the mean of the logs of its run medians."""
    logs = {m.session: [*logs_by_repetition(m.summary).values()] for m in side}
    return {session: fmean(values) for session, values in logs.items() if values}


def _paired_means(
    candidate: Sequence[Measured], baseline: Sequence[Measured], sessions: Sequence[str]
) -> list[float]:
    """Of each session the mean difference over the repetitions that both sides have."""
    ours = {m.session: logs_by_repetition(m.summary) for m in candidate}
    theirs = {m.session: logs_by_repetition(m.summary) for m in baseline}
    differences = []
    for session in sessions:
        mine, other = ours[session], theirs[session]
        shared = sorted(mine.keys() & other.keys())
        differences.append(
            fmean(mine[k] - other[k] for k in shared)
            if shared
            else fmean(mine.values()) - fmean(other.values())
        )
    return differences


def crossings(candidate: Sequence[Measured], baseline: Sequence[Measured]) -> list[Crossing]:
    """In what the sides differ besides the question. Another origin implies another tool and other
    taints, so these are not told apart then."""
    ours, theirs = candidate[0].summary.case, baseline[0].summary.case
    found = []
    if ours.origin is not theirs.origin:
        text = f"{theirs.origin} against {ours.origin}: numbers of different origin"
        found.append(Crossing(Aspect.ORIGIN, text))
    if device := _device_text(candidate, baseline):
        found.append(Crossing(Aspect.DEVICE, device))
    if ours.origin is not theirs.origin:
        return found
    tools = [{tool for m in side for tool in m.tools} for side in (baseline, candidate)]
    if tools[0] != tools[1] and all(tools):
        told = [" and ".join(sorted(tool[:12] for tool in side)) for side in tools]
        found.append(Crossing(Aspect.TOOL, f"measured by another tool: {told[0]} / {told[1]}"))
    # Fewer than five runs give no verdict anyway.
    taints = [
        {t for m in side for t in m.summary.taints} - {Taint.FEW_RUNS}
        for side in (baseline, candidate)
    ]
    if taints[0] != taints[1]:
        told = [" ".join(sorted(side)) or "none" for side in taints]
        found.append(Crossing(Aspect.TAINTS, f"other taints: {told[0]} / {told[1]}"))
    return found


def _device_text(candidate: Sequence[Measured], baseline: Sequence[Measured]) -> str | None:
    names = [side[0].summary.case.device for side in (baseline, candidate)]
    if names[0] != names[1]:
        return f"another device: {names[0]} / {names[1]}"
    for field, word in _IDENTITY:
        told = [
            {v for m in side if m.device and (v := getattr(m.device, field))}
            for side in (baseline, candidate)
        ]
        if told[0] != told[1] and all(told):
            words = [" and ".join(sorted(side)) for side in told]
            return f"another {word} of {names[0]}: {words[0]} / {words[1]}"
    return None


# Fields of DeviceInfo that make two devices of one name different, in the order they are told.
_IDENTITY = (
    ("serial", "serial"),
    ("cpu", "processor"),
    ("fingerprint", "system build"),
    ("os", "system"),
)
