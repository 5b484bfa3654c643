from __future__ import annotations

import msgspec
import numpy as np
import pytest

from fakes.latency_samples import (
    ON_CPU,
    ON_NPU,
    Noise,
    a_case,
    a_measurement,
    measured_records,
    quantised,
    records_of,
    steady,
    warm_up,
)
from fakes.summaries import measured
from qbench.errors import StoreError
from qbench.records import (
    Case,
    Delegate,
    DeviceState,
    Failure,
    InvokeAggregate,
    Measurement,
    Origin,
    Outcome,
    Placement,
    Prediction,
    Proof,
    Summary,
    Taint,
    Tier,
    UnitNodes,
)
from qbench.stats import summarize

NPU_CASE = a_case("m-int8-nnapi-t4@d", delegate=Delegate.NNAPI)
SIMULATED = a_case("m-int8-nnapi-t4@sd865", origin=Origin.SIMULATED, delegate=Delegate.NNAPI)


def flat(value_us: int, count: int = 40) -> tuple[int, ...]:
    """Samples around a value, exact in their middle, one us apart."""
    return tuple(value_us + offset for offset in range(-(count // 2), count - count // 2))


def a_prediction(p50_us: int = 1000, low_us: int = 800, high_us: int = 1300) -> Prediction:
    return Prediction(
        p50_us=p50_us,
        low_us=low_us,
        high_us=high_us,
        tier=Tier.S1,
        placement=Placement(UnitNodes(0, 0, 10), 1, Proof.PREDICTED),
        basis="rates of a test",
    )


def summary_of(*outcomes: Outcome, case: Case | None = None) -> Summary:
    chosen = case or a_case()
    return summarize([chosen], records_of(chosen, outcomes))[0]


def test_summaries_come_in_the_order_of_the_cases_and_a_case_without_runs_is_among_them() -> None:
    cases = [a_case("b"), a_case("a"), a_case("c")]
    records = [
        *records_of(cases[0], [a_measurement(flat(200))]),
        *records_of(cases[2], [a_measurement(flat(300))]),
    ]
    summaries = summarize(cases, records)
    assert [s.case.case_id for s in summaries] == ["b", "a", "c"]
    assert [s.runs for s in summaries] == [1, 0, 1]
    empty = summaries[1]
    assert (empty.p50_us, empty.interval, empty.verdict, empty.failure) == (None, None, None, None)
    assert (empty.taints, empty.warnings) == ((), ())


def test_the_latency_is_the_median_of_run_medians_with_a_95_percent_interval_around_it() -> None:
    summary = summary_of(*(a_measurement(flat(v)) for v in (1000, 1010, 5000, 990, 1005)))
    assert summary.run_medians_us == (1000, 1010, 5000, 990, 1005)
    assert summary.run_repetitions == (0, 1, 2, 3, 4)
    assert summary.p50_us == 1005
    assert summary.interval is not None
    assert summary.interval.level == 0.95
    assert summary.interval.low <= 1005 <= summary.interval.high


def test_the_interval_is_students_t_on_the_logs() -> None:
    summary = summary_of(*(a_measurement(flat(v)) for v in (1000, 1100, 1210)))
    # logs: equally spaced by log 1.1; sd = log 1.1; t(2 degrees, 95 %) = 4.30265
    half = 4.30265 * np.log(1.1) / np.sqrt(3)
    assert summary.interval is not None
    assert summary.interval.low == pytest.approx(1100 * np.exp(-half) - 0.5, abs=0.05)
    assert summary.interval.high == pytest.approx(1100 * np.exp(half) + 0.5, abs=0.05)


def test_one_run_has_no_interval() -> None:
    assert summary_of(a_measurement(flat(1000))).interval is None


def test_equal_run_medians_still_leave_half_a_tick_of_the_clock_open() -> None:
    runs = [a_measurement([1000, 2000] * 20) for _ in range(5)]
    summary = summary_of(*runs)
    assert summary.tick_us == 1000
    assert summary.interval is not None
    assert summary.interval.low == pytest.approx(1500)
    assert summary.interval.high == pytest.approx(2500)
    assert "the clock ticks in 1000 us: more than 1 % of the latency" in summary.warnings


def test_init_first_invoke_and_p90_are_medians_over_the_runs_that_tell_them() -> None:
    summary = summary_of(
        a_measurement(flat(1000, 100), init_us=10, first_us=7),
        a_measurement(flat(2000, 100), init_us=30),
        a_measurement(flat(3000, 100), init_us=20, first_us=9),
    )
    assert (summary.init_us, summary.first_invoke_us) == (20, 8)
    assert summary.p90_us == 2000 - 50 + 90


def test_runs_of_fewer_than_twenty_invokes_have_no_p90() -> None:
    assert summary_of(a_measurement(flat(1000, 19))).p90_us is None
    assert summary_of(a_measurement(flat(1000, 20))).p90_us is not None
    mixed = summary_of(a_measurement(flat(1000, 19)), a_measurement(flat(1000, 20)))
    assert mixed.p90_us is None


def test_of_an_aggregate_stands_what_the_runner_told_and_nothing_else() -> None:
    aggregate = InvokeAggregate(50, avg_us=1100.0, min_us=900, max_us=3000, p50_us=1000)
    run = msgspec.structs.replace(a_measurement(()), invokes=aggregate)
    summary = summary_of(run, run)
    assert (summary.p50_us, summary.p90_us) == (1000, None)
    without = msgspec.structs.replace(a_measurement(()), invokes=InvokeAggregate(50, avg_us=1100.0))
    silent = summary_of(without, without)
    assert (silent.p50_us, silent.interval, silent.verdict) == (None, None, None)
    assert "no median in the runner's output (2 of 2 runs)" in silent.warnings
    assert silent.failed_runs == 0


def test_leftover_warm_up_is_left_out_and_said_so() -> None:
    rng = np.random.default_rng(1)
    noise = Noise()
    samples = steady(rng, 5, 200, noise) * warm_up(200, excess=2.0, tau_invokes=20)
    case = a_case()
    summary = summarize([case], measured_records(case, samples))[0]
    assert summary.p50_us == pytest.approx(10_000, rel=0.02)
    assert any("still warming up" in warning for warning in summary.warnings)


def test_all_runs_failed_and_the_commonest_failure_is_told() -> None:
    crash = Failure("RunnerCrashedError", "signal 11")
    other = Failure("CommandTimeoutError", "60 s")
    summary = summary_of(other, crash, crash)
    assert (summary.runs, summary.failed_runs) == (3, 3)
    assert summary.failure == crash
    assert (summary.p50_us, summary.verdict, summary.taints) == (None, None, ())


def test_of_equally_frequent_failures_the_first_is_told() -> None:
    first = Failure("RunnerCrashedError", "signal 11")
    assert summary_of(first, Failure("CommandTimeoutError", "60 s")).failure == first


def test_a_failed_run_between_others_keeps_repetitions_apart() -> None:
    summary = summary_of(
        a_measurement(flat(1000)), Failure("RunnerCrashedError", "x"), a_measurement(flat(1100))
    )
    assert (summary.runs, summary.failed_runs) == (3, 1)
    assert summary.run_medians_us == (1000, 1100)
    assert summary.run_repetitions == (0, 2)
    assert summary.failure is not None


def test_records_out_of_order_are_put_in_order_of_repetition() -> None:
    case = a_case()
    records = records_of(case, [a_measurement(flat(v)) for v in (1000, 2000, 3000)])
    assert summarize([case], records[::-1])[0].run_medians_us == (1000, 2000, 3000)


def test_warnings_of_the_runs_are_merged_and_counted() -> None:
    summary = summary_of(
        a_measurement(flat(1000), warnings=("hot", "slow disk", "hot")),
        a_measurement(flat(1000), warnings=("hot",)),
    )
    assert "hot" in summary.warnings
    assert "slow disk (1 of 2 runs)" in summary.warnings
    assert sum("hot" in warning for warning in summary.warnings) == 1


def test_runs_that_fell_back_are_not_averaged_with_runs_that_did_not() -> None:
    summary = summary_of(
        a_measurement(flat(1000), placement=ON_NPU),
        a_measurement(flat(5000), placement=ON_CPU),
        a_measurement(flat(1000), placement=ON_NPU),
        case=NPU_CASE,
    )
    assert summary.placement == ON_CPU
    assert summary.cpu_fallback
    assert summary.p50_us == 5000
    assert summary.run_repetitions == (1,)
    assert any(
        w.startswith("the runs differ in what executed them: 1 of 3 ran 0 nodes on the NPU")
        for w in summary.warnings
    )


def test_a_run_that_does_not_tell_what_executed_it_is_the_weakest_claim() -> None:
    summary = summary_of(
        a_measurement(flat(1000), placement=ON_NPU),
        a_measurement(flat(1000), placement=None),
        case=NPU_CASE,
    )
    assert summary.placement is None
    assert not summary.cpu_fallback
    assert any("1 of 2 did not tell what executed them" in w for w in summary.warnings)


def test_equal_placements_of_different_proof_are_shown_with_the_weaker_proof() -> None:
    strong = msgspec.structs.replace(ON_NPU, proof=Proof.BUSY_COUNTER)
    summary = summary_of(
        a_measurement(flat(1000), placement=strong),
        a_measurement(flat(1000), placement=ON_NPU),
        case=NPU_CASE,
    )
    assert summary.placement is not None
    assert summary.placement.proof is Proof.NODE_COUNTS
    assert len(summary.run_medians_us) == 2
    assert not any("differ" in warning for warning in summary.warnings)


def test_the_cpu_delegate_on_the_cpu_is_no_fall_back() -> None:
    assert not summary_of(a_measurement(flat(1000), placement=ON_CPU)).cpu_fallback


def test_a_prediction_is_shown_as_it_is_with_its_band_and_no_verdict() -> None:
    summary = summary_of(a_prediction(), case=SIMULATED)
    assert (summary.p50_us, summary.tier, summary.basis) == (1000, Tier.S1, "rates of a test")
    assert summary.interval is not None
    assert (summary.interval.low, summary.interval.high, summary.interval.level) == (
        800.0,
        1300.0,
        0.90,
    )
    assert (summary.verdict, summary.taints, summary.run_medians_us) == (None, (), ())


def test_of_predictions_that_differ_the_least_certain_one_is_shown() -> None:
    wide = a_prediction(1100, 500, 2500)
    summary = summary_of(a_prediction(), wide, case=SIMULATED)
    assert summary.p50_us == 1100
    assert any("predictions of the same case differ" in w for w in summary.warnings)


@pytest.mark.parametrize(
    ("origin", "outcome", "message"),
    [
        (Origin.SIMULATED, a_prediction(), "is of origin simulated, its case of device"),
        (Origin.HOST, a_measurement(flat(1000)), "is of origin host, its case of device"),
    ],
)
def test_origins_are_never_pooled(origin: Origin, outcome: Outcome, message: str) -> None:
    case = a_case()
    (record,) = records_of(case, [outcome])
    with pytest.raises(StoreError, match=message):
        summarize([case], [msgspec.structs.replace(record, origin=origin)])


def test_a_prediction_of_a_real_device_and_a_measurement_of_a_simulated_one_are_refused() -> None:
    with pytest.raises(StoreError, match="is of origin device and holds a prediction"):
        summary_of(a_prediction())
    with pytest.raises(StoreError, match="is of origin simulated and holds a measurement"):
        summary_of(a_measurement(flat(1000)), case=SIMULATED)


def test_records_of_unknown_cases_and_doubled_ones_are_refused() -> None:
    case = a_case()
    (record,) = records_of(case, [a_measurement(flat(1000))])
    with pytest.raises(StoreError, match="run 0 is of case 'other', which is not in the plan"):
        summarize([case], [msgspec.structs.replace(record, case_id="other")])
    with pytest.raises(StoreError, match="repetition 0 is there twice"):
        summarize([case], [record, record])
    with pytest.raises(StoreError, match="stands twice in the plan"):
        summarize([case, case], [])


def taints(
    runs: int = 5,
    *,
    wait_ratio: float | None = 0.0,
    governor: str | None = None,
    origin: Origin = Origin.DEVICE,
) -> tuple[Taint, ...]:
    case = a_case(origin=origin)
    state = DeviceState(governor=governor)
    outcomes = [a_measurement(flat(1000), wait_ratio=wait_ratio) for _ in range(runs)]
    return summarize([case], records_of(case, outcomes, before=state, after=state))[0].taints


def test_a_clean_case_has_no_taints() -> None:
    assert taints(governor="performance") == ()


def test_taints_that_the_runs_carry_are_kept() -> None:
    tainted = msgspec.structs.replace(a_measurement(flat(1000)), taints=(Taint.CHARGING,))
    summary = summary_of(a_measurement(flat(1000)), tainted)
    assert summary.taints == (Taint.FEW_RUNS, Taint.CHARGING)


def test_fixed_performance_mode_locks_the_clocks_whatever_the_governor() -> None:
    case = a_case()
    state = DeviceState(governor="schedutil", is_fixed_performance=True)
    records = records_of(case, [a_measurement(flat(1000))] * 5, before=state, after=state)
    assert summarize([case], records)[0].taints == ()


def test_each_taint_is_given_for_its_own_reason() -> None:
    assert taints(4) == (Taint.FEW_RUNS,)
    assert taints(wait_ratio=0.021) == (Taint.CONTENDED,)
    assert taints(wait_ratio=0.019) == ()
    assert taints(governor="schedutil") == (Taint.UNLOCKED_CLOCKS,)
    assert taints(wait_ratio=None) == (Taint.UNKNOWN_CONTENTION,)
    assert taints(wait_ratio=None, origin=Origin.HOST) == (Taint.UNKNOWN_CONTENTION,)
    assert taints(wait_ratio=None, origin=Origin.EMULATED) == ()


def test_a_single_contended_run_among_many_is_told_but_taints_nothing() -> None:
    outcomes: list[Measurement] = [a_measurement(flat(1000)) for _ in range(9)]
    outcomes.append(a_measurement(flat(1000), wait_ratio=0.1))
    summary = summary_of(*outcomes)
    assert Taint.CONTENDED not in summary.taints
    assert "waited for a processor more than 2% of the time (1 of 10 runs)" in summary.warnings


def test_the_tick_of_the_clock_is_found_from_the_samples() -> None:
    rng = np.random.default_rng(2)
    samples = steady(rng, 5, 50, Noise())
    for tick_us in (1, 10, 1000):
        runs = [a_measurement(quantised(run, tick_us)) for run in samples]
        assert summary_of(*runs).tick_us == tick_us


def test_the_shortcut_that_other_tests_take_gives_what_summarize_gives() -> None:
    medians_us = (1000, 1010, 1030, 990)
    made, short = summary_of(*(a_measurement(flat(v)) for v in medians_us)), measured(medians_us)
    for field in ("case", "runs", "p50_us", "interval", "run_medians_us", "run_repetitions"):
        assert getattr(made, field) == getattr(short, field), field
    assert made.tick_us == short.tick_us
