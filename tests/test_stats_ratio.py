"""What each comparison says, or refuses to say."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from fakes.summaries import measured, predicted
from qbench.records import (
    Delegate,
    Failure,
    Interval,
    Origin,
    Stability,
    Summary,
    UnitNodes,
)
from qbench.stats import Method, Ratio, Refusal, Verdict, ratio, with_holm


def compare(candidate: Summary, baseline: Summary, *, interleaved: bool = True) -> Ratio:
    found = ratio(candidate, baseline, interleaved=interleaved)
    assert isinstance(found, Ratio)
    return found


FIVE = (10_000, 10_100, 9_950, 10_020, 10_080)
FASTER_FIVE = tuple(round(v * 0.5) for v in FIVE)


def refusal(candidate: Summary, baseline: Summary, **options: bool) -> str:
    found = ratio(candidate, baseline, interleaved=True, **options)
    assert isinstance(found, Refusal)
    assert (found.candidate, found.baseline) == (
        candidate.case.case_id,
        baseline.case.case_id,
    )
    return found.reason


def test_one_run_per_side_is_refused_in_words() -> None:
    reason = refusal(measured((10_000,), case_id="a"), measured((20_000,), case_id="b"))
    assert reason == (
        "the candidate a has one run: how much processes scatter cannot be seen in one; "
        "a verdict takes 5 per side"
    )


def test_one_run_against_many_is_refused_too() -> None:
    assert "the baseline b has one run" in refusal(
        measured(FIVE, case_id="a"), measured((20_000,), case_id="b")
    )


def test_a_side_without_a_number_is_refused_with_its_failure() -> None:
    failed = measured((), case_id="a", failure=Failure("RunnerCrashedError", "signal 11"))
    assert refusal(failed, measured(FIVE)) == (
        "the candidate a has no latency: RunnerCrashedError: signal 11"
    )
    assert refusal(measured(FIVE), measured((), case_id="b")) == "the baseline b has no latency"


def test_two_to_four_runs_give_a_ratio_without_a_verdict() -> None:
    found = compare(measured(FASTER_FIVE[:4]), measured(FIVE[:4]))
    assert found.verdict is None
    assert found.ratio == pytest.approx(0.5, rel=0.001)
    assert "4 runs: a verdict takes 5" in found.cautions
    assert found.runs_needed == 5


def test_half_the_latency_is_faster_and_twice_is_slower() -> None:
    faster = compare(measured(FASTER_FIVE, case_id="a"), measured(FIVE, case_id="b"))
    assert (faster.verdict, faster.method, faster.runs) == (Verdict.FASTER, Method.PAIRED, 5)
    assert (faster.candidate, faster.baseline) == ("a", "b")
    assert (faster.basis, faster.cautions) == ("5 pairs of interleaved runs", ())
    assert faster.runs_needed is None
    slower = compare(measured(FIVE), measured(FASTER_FIVE))
    assert slower.verdict is Verdict.SLOWER
    assert slower.ratio == pytest.approx(1 / faster.ratio)


def test_the_paired_interval_is_students_t_on_the_log_ratios() -> None:
    ours, theirs = (1100, 1000, 1200, 1050, 990), (1000, 1010, 1100, 1000, 1000)
    found = compare(measured(ours), measured(theirs))
    logs = np.log(np.array(ours) / np.array(theirs))
    half = 2.776445 * logs.std(ddof=1) / math.sqrt(5)
    blur = 0.5 / 1050 + 0.5 / 1000
    assert found.ratio == pytest.approx(math.exp(logs.mean()))
    assert found.interval is not None
    assert found.interval.low == pytest.approx(math.exp(logs.mean() - half - blur))
    assert found.interval.high == pytest.approx(math.exp(logs.mean() + half + blur))


def test_the_unpaired_interval_is_welchs() -> None:
    from scipy.stats import ttest_ind

    ours, theirs = (1100, 1000, 1200, 1050, 990, 1010), (1000, 1010, 1100, 1000, 1000)
    found = compare(measured(ours), measured(theirs), interleaved=False)
    oracle = ttest_ind(np.log(ours), np.log(theirs), equal_var=False)
    low, high = oracle.confidence_interval(0.95)
    blur = 0.5 / 1030 + 0.5 / 1000
    assert found.basis == "6 runs against 5, not interleaved"
    assert found.interval is not None
    assert found.interval.low == pytest.approx(math.exp(low - blur), rel=1e-4)
    assert found.interval.high == pytest.approx(math.exp(high + blur), rel=1e-4)


def test_pairs_are_made_by_repetition_and_runs_without_partner_are_left_out() -> None:
    ours = measured((1000, 2000, 3000, 4000, 5000), repetitions=(0, 1, 2, 3, 5))
    theirs = measured((1000, 2000, 4000, 5000, 6000), repetitions=(0, 1, 3, 5, 6))
    found = compare(ours, theirs)
    assert (found.method, found.runs) == (Method.PAIRED, 4)
    assert found.ratio == pytest.approx(1.0)


def test_drift_of_a_session_falls_out_of_pairs_and_not_of_unpaired_runs() -> None:
    drift = np.array([1.0, 1.1, 1.25, 1.4, 1.5, 1.6])
    ours = measured([int(v) for v in 10_000 * drift * 1.05])
    theirs = measured([int(v) for v in 10_000 * drift])
    assert compare(ours, theirs).verdict is Verdict.SLOWER
    assert compare(ours, theirs, interleaved=False).verdict is Verdict.INCONCLUSIVE


def test_equal_within_the_margin_is_the_same_and_a_wide_interval_is_inconclusive() -> None:
    same = compare(measured(FIVE), measured(FIVE))
    assert (same.verdict, same.p_value) == (Verdict.SAME, 1.0)
    noisy = (10_000, 11_000, 9_000, 10_500, 9_400)
    found = compare(measured(noisy), measured(FIVE))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.runs_needed is not None
    assert found.runs_needed > 5
    assert found.detectable_ratio is not None
    assert found.detectable_ratio > 1.02


def test_a_significant_change_below_the_margin_is_not_called_faster() -> None:
    by_one_percent = tuple(round(v * 0.99) for v in FIVE)
    assert compare(measured(by_one_percent), measured(FIVE)).verdict is Verdict.SAME
    found = ratio(measured(by_one_percent), measured(FIVE), interleaved=True, margin_ratio=0.005)
    assert isinstance(found, Ratio)
    assert found.verdict is Verdict.FASTER


def test_a_clock_coarser_than_the_margin_leaves_equal_things_open() -> None:
    ours = measured((10, 10, 10, 10, 10))
    found = compare(ours, ours)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.runs_needed is None
    assert "the clock ticks too coarsely for the margin" in found.cautions


def test_unstable_sides_are_named_in_the_cautions() -> None:
    found = compare(measured(FASTER_FIVE, verdict=Stability.THROTTLED), measured(FIVE))
    assert found.cautions == ("the candidate is throttled",)


def test_origins_are_mixed_only_on_request_and_the_result_says_so() -> None:
    device = measured(FASTER_FIVE)
    host = measured(FIVE, origin=Origin.HOST)
    assert refusal(device, host) == (
        "device against host: numbers of different origin are not compared"
    )
    found = ratio(device, host, interleaved=True, allow_mixed_origins=True)
    assert isinstance(found, Ratio)
    assert found.mixed
    assert found.origins == (Origin.DEVICE, Origin.HOST)
    assert found.method is Method.UNPAIRED  # they cannot have taken turns
    assert "device against host: numbers of different origin" in found.cautions


def test_bands_of_two_predictions_are_combined_as_if_independent() -> None:
    found = compare(
        predicted(1000, 1000 / 1.3, 1000 * 1.4),
        predicted(4000, 4000 / 1.2, 4000 * 1.5, delegate=Delegate.CPU, nodes=UnitNodes(10, 0, 0)),
    )
    down = math.hypot(math.log(1.3), math.log(1.5))
    up = math.hypot(math.log(1.4), math.log(1.2))
    assert (found.method, found.verdict) == (Method.BANDS, Verdict.FASTER)
    assert found.ratio == pytest.approx(0.25)
    assert found.interval is not None
    assert found.interval.level == 0.90
    assert found.interval.low == pytest.approx(0.25 * math.exp(-down))
    assert found.interval.high == pytest.approx(0.25 * math.exp(up))
    assert found.basis == "both predicted; bands combined as if independent"
    assert (found.p_value, found.runs) == (None, None)


def test_bands_that_overlap_leave_predictions_inconclusive() -> None:
    found = compare(predicted(1000, 500, 2000), predicted(1500, 700, 3000, delegate=Delegate.CPU))
    assert found.verdict is Verdict.INCONCLUSIVE


def test_a_predicted_fall_back_is_exactly_the_cpu() -> None:
    all_cpu = UnitNodes(10, 0, 0)
    cpu = predicted(1000, 800, 1300, delegate=Delegate.CPU, nodes=all_cpu)
    found = compare(predicted(1000, 800, 1300, nodes=all_cpu), cpu)
    assert (found.ratio, found.interval, found.method) == (1.0, None, Method.SAME_PATH)
    assert found.verdict is Verdict.SAME


@pytest.mark.parametrize(
    "other",
    [
        predicted(1000, 800, 1300, nodes=UnitNodes(9, 0, 1)),
        predicted(1000, 800, 1300, nodes=UnitNodes(10, 0, 0), model_sha256="1" * 64),
        predicted(1010, 800, 1300, nodes=UnitNodes(10, 0, 0)),
    ],
    ids=["a node elsewhere", "another model", "another number"],
)
def test_what_is_not_the_same_computation_keeps_its_band(other: Summary) -> None:
    cpu = predicted(1000, 800, 1300, delegate=Delegate.CPU, nodes=UnitNodes(10, 0, 0))
    assert compare(other, cpu).method is Method.BANDS


def test_a_measured_interval_is_brought_to_the_level_of_a_band() -> None:
    simulated = predicted(20_000, 20_000, 20_000)
    device = msgspec.structs.replace(
        measured(FIVE), p50_us=10_000, interval=Interval(10_000 / 1.1, 11_000, 0.95)
    )
    assert "simulated against device" in refusal(simulated, device)
    found = ratio(simulated, device, interleaved=False, allow_mixed_origins=True)
    assert isinstance(found, Ratio)
    assert found.interval is not None
    assert math.log(found.interval.high / 2) == pytest.approx(
        math.log(1.1) * 1.644854 / 1.959964, rel=1e-5
    )
    assert found.basis == "one measured, one predicted; bands combined as if independent"
    assert found.mixed


def test_among_many_comparisons_a_chance_find_does_not_stand() -> None:
    weak = tuple(round(v * f) for v, f in zip(FIVE, (0.93, 0.98, 0.95, 0.99, 0.94), strict=True))
    found = compare(measured(weak), measured(FIVE))
    assert found.verdict is Verdict.FASTER
    others = [compare(measured(FIVE), measured(FIVE))] * 9
    refused = Refusal(candidate="a", baseline="b", reason="one run")
    corrected = with_holm([refused, found, *others])
    assert corrected[0] == refused
    first = corrected[1]
    assert isinstance(first, Ratio)
    assert first.verdict is Verdict.INCONCLUSIVE
    assert "not significant among 10 comparisons (Holm)" in first.cautions
    assert first.runs_needed is not None
    assert first.runs_needed > 5
    (alone,) = with_holm([found])
    assert alone == msgspec.structs.replace(found, p_adjusted=found.p_value)


def test_a_clear_find_stands_among_many_and_predictions_are_not_counted() -> None:
    clear = compare(measured(FASTER_FIVE), measured(FIVE))
    bands = compare(predicted(1000, 900, 1100), predicted(4000, 3900, 4100, delegate=Delegate.CPU))
    corrected = with_holm([clear, bands, clear])
    assert [getattr(r, "verdict", None) for r in corrected] == [Verdict.FASTER] * 3
    assert corrected[1] == bands
    p_values = [getattr(r, "p_adjusted", None) for r in corrected]
    assert p_values[0] == pytest.approx(2 * (clear.p_value or 0))
    assert p_values[1] is None
