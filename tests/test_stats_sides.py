"""What may be compared, and by which method."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from fakes.rates import is_at_least, is_at_most
from fakes.sessions import PHONE
from fakes.summaries import measured, predicted
from qbench.records import DeviceInfo, Metric, Origin, Summary, Taint
from qbench.stats import Aspect, Measured, Method, Ratio, Refusal, Verdict, compare, seen_by

FIVE = (10_000, 10_100, 9_950, 10_020, 10_080)
HALF = tuple(v // 2 for v in FIVE)


def side(
    medians_us: Sequence[int] = FIVE,
    *,
    session: str = "s",
    device: DeviceInfo | None = PHONE,
    tools: tuple[str, ...] = ("tool",),
    taints: tuple[Taint, ...] = (),
    origin: Origin = Origin.DEVICE,
) -> Measured:
    summary = measured(medians_us, origin=origin)
    summary = msgspec.structs.replace(summary, taints=taints)
    return Measured(session=session, summary=summary, device=device, tools=tools)


def ratio_of(found: Ratio | Refusal) -> Ratio:
    assert isinstance(found, Ratio)
    return found


def test_runs_of_one_session_are_paired_and_of_two_are_not_and_it_is_said() -> None:
    one = ratio_of(compare([side(HALF)], [side()]))
    two = ratio_of(compare([side(HALF, session="t")], [side()]))
    assert (one.method, one.cautions) == (Method.PAIRED, ())
    assert two.method is Method.UNPAIRED
    assert two.cautions == (
        "one session per side: what differs between the sessions is in the change",
    )


OTHER = {
    Aspect.DEVICE: side(device=msgspec.structs.replace(PHONE, serial="S2")),
    Aspect.TOOL: side(tools=("another",)),
    Aspect.TAINTS: side(taints=(Taint.CHARGING,)),
    Aspect.ORIGIN: side(origin=Origin.EMULATED),
}


@pytest.mark.parametrize("aspect", list(Aspect))
def test_sides_that_differ_in_something_else_are_refused_unless_told_and_then_it_is_said(
    aspect: Aspect,
) -> None:
    refused = compare([OTHER[aspect]], [side()])
    assert isinstance(refused, Refusal)
    assert f"--across {aspect}" in refused.reason
    found = ratio_of(compare([OTHER[aspect]], [side()], across={aspect}))
    words = {
        Aspect.DEVICE: "across device: another serial of d: S1 / S2",
        Aspect.TOOL: "across tool: measured by another tool: tool / another",
        Aspect.TAINTS: "across taints: other taints: none / CHARGING",
        Aspect.ORIGIN: "emulated against device: numbers of different origin",
    }
    assert words[aspect] in found.cautions


def test_a_new_system_build_on_the_same_phone_is_another_device() -> None:
    updated = side(device=msgspec.structs.replace(PHONE, fingerprint="build/2"))
    refused = compare([updated], [side()])
    assert isinstance(refused, Refusal)
    assert "another system build of d: build/1 / build/2" in refused.reason


def test_equal_taints_few_runs_and_unknown_tools_do_not_refuse() -> None:
    tainted = side(taints=(Taint.CHARGING, Taint.FEW_RUNS))
    assert isinstance(compare([tainted], [side(taints=(Taint.CHARGING,))]), Ratio)
    assert isinstance(compare([side(tools=())], [side()]), Ratio)


def test_one_run_per_side_is_refused() -> None:
    refused = compare([side((10_000,))], [side((20_000,))])
    assert isinstance(refused, Refusal)
    assert "one run" in refused.reason
    assert not refused.is_broken


def sessions(factors: Sequence[float], *, first: int = 0) -> list[Measured]:
    return [
        side(tuple(round(v * f) for v in FIVE), session=f"s{first + n}")
        for n, f in enumerate(factors)
    ]


def test_several_sessions_per_side_are_compared_session_by_session_as_welch_does() -> None:
    theirs, ours = (1.0, 1.04, 0.97, 1.01), (1.21, 1.17, 1.25)
    found = ratio_of(compare(sessions(ours, first=9), sessions(theirs)))
    oracle = ttest_ind(np.log(ours), np.log(theirs), equal_var=False)
    low, high = oracle.confidence_interval(0.95)
    assert (found.method, found.unit, found.runs) == (Method.HIERARCHICAL, "sessions", 3)
    assert found.verdict is Verdict.SLOWER
    assert found.interval is not None
    assert found.interval.low == pytest.approx(math.exp(low), rel=5e-4)
    assert found.interval.high == pytest.approx(math.exp(high), rel=5e-4)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=0.05)


def test_sessions_that_measured_both_sides_are_pairs_and_what_they_share_falls_out() -> None:
    shared = (1.0, 1.3, 0.8, 1.1)
    ours = [f * r for f, r in zip(shared, (1.05, 1.06, 1.04, 1.05), strict=True)]
    found = ratio_of(compare(sessions(ours), sessions(shared)))
    oracle = ttest_1samp(np.log(np.array(ours) / shared), 0.0).confidence_interval(0.95)
    assert found.basis == "4 sessions that measured both"
    assert found.verdict is Verdict.SLOWER
    assert found.interval is not None
    assert found.interval.low == pytest.approx(math.exp(oracle.low), rel=5e-4)


def test_two_sessions_per_side_give_no_verdict_and_several_against_one_are_refused() -> None:
    found = ratio_of(compare(sessions((1.2, 1.21), first=9), sessions((1.0, 1.01))))
    assert found.verdict is None
    assert "2 sessions: a verdict takes 3" in found.cautions
    refused = compare(sessions((1.2, 1.21), first=9), [side()])
    assert isinstance(refused, Refusal)
    assert "name several on both sides" in refused.reason


def test_sessions_keep_their_error_where_pooled_runs_would_not() -> None:
    """Sessions differ by 2 %: one of each per side calls equal things different far too often."""
    rng = np.random.default_rng(3)
    sims, wrong, wrong_single = 300, 0, 0
    for _ in range(sims):
        levels = np.exp(
            0.02 * rng.standard_normal((2, 4, 1)) + 0.01 * rng.standard_normal((2, 4, 8))
        )
        made = [
            [side([round(v) for v in 10_000 * runs], session=f"{k}{n}") for n, runs in enumerate(s)]
            for k, s in enumerate(levels)
        ]
        for count, single in ((4, False), (1, True)):
            found = ratio_of(compare(made[0][:count], made[1][:count]))
            assert found.interval is not None
            differs = not found.interval.low <= 1 <= found.interval.high
            wrong += differs and not single
            wrong_single += differs and single
    assert is_at_most(wrong, sims, 0.05)
    assert is_at_least(wrong_single, sims, 0.5)


def full() -> Summary:
    return msgspec.structs.replace(
        measured(FIVE),
        p90_us=12_000,
        run_p90s_us=(12_000, 12_100, 11_900, 12_050, 11_950),
        run_inits_us=(500, 510, 490, 505, 495),
    )


def test_another_metric_is_compared_by_its_own_runs() -> None:
    one = Measured(session="s", summary=full(), device=PHONE, tools=())
    slow = msgspec.structs.replace(full(), run_p90s_us=(24_000, 24_200, 23_800, 24_100, 23_900))
    other = msgspec.structs.replace(one, summary=slow)
    assert ratio_of(compare([other], [one])).verdict is Verdict.SAME
    found = ratio_of(compare([other], [one], metric=Metric.P90))
    assert found.ratio == pytest.approx(2.0)
    assert found.verdict is Verdict.SLOWER
    assert ratio_of(compare([other], [one], metric=Metric.INIT)).ratio == pytest.approx(1.0)


def test_a_metric_that_no_run_told_or_that_has_no_band_is_refused() -> None:
    assert seen_by(measured(FIVE), Metric.FIRST).p50_us is None
    assert isinstance(compare([side(HALF)], [side()], metric=Metric.P90), Refusal)
    told = predicted(1000, 900, 1100)
    simulated = Measured(session="s", summary=told, device=None, tools=())
    assert isinstance(compare([simulated], [simulated], metric=Metric.INIT), Refusal)
