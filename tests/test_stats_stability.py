from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from fakes.latency_samples import (
    Floats,
    Noise,
    a_case,
    a_measurement,
    measured_records,
    migrations,
    quantised,
    records_of,
    steady,
    throttle_ramp,
    throttle_step,
)
from fakes.rates import is_at_least, is_at_most
from qbench.records import DeviceState, InvokeAggregate, Stability, Summary
from qbench.stats import summarize
from qbench.stats.trend import between_runs

SIMS = [40, pytest.param(1000, marks=pytest.mark.heavy)]
# (runs, invokes): one long run, `quick` on a small model, `default`.
SHAPES = [(1, 200), (5, 50), (10, 50)]
LOCKED = DeviceState(governor="performance")
Change = Callable[[np.random.Generator, int, int], Floats]


def judge(
    samples_us: Floats,
    *,
    tick_us: int = 1,
    before: DeviceState | None = None,
    after: DeviceState | None = None,
) -> Summary:
    case = a_case()
    records = measured_records(case, samples_us, tick_us=tick_us, before=before, after=after)
    return summarize([case], records)[0]


def verdicts(
    sims: int, runs: int, n: int, noise: Noise, change: Change | None = None
) -> list[Stability | None]:
    rng = np.random.default_rng([5, runs, n])
    found = []
    for _ in range(sims):
        samples = steady(rng, runs, n, noise)
        if change is not None:
            samples = samples * change(rng, runs, n)
        found.append(judge(samples).verdict)
    return found


def step_in_each_run(rng: np.random.Generator, runs: int, n: int) -> Floats:
    at = rng.uniform(0.2, 0.8, runs)
    return np.stack([throttle_step(n, at=float(a), rise=0.10) for a in at])


def ramp_in_each_run(rng: np.random.Generator, runs: int, n: int) -> Floats:
    return np.stack([throttle_ramp(n, rise=0.10)] * runs)


def step_in_the_session(rng: np.random.Generator, runs: int, n: int) -> Floats:
    return throttle_step(runs * n, at=rng.uniform(0.2, 0.8), rise=0.10).reshape(runs, n)


def ramp_over_the_session(rng: np.random.Generator, runs: int, n: int) -> Floats:
    return throttle_ramp(runs * n, rise=0.10).reshape(runs, n)


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize(("runs", "n"), SHAPES)
@pytest.mark.parametrize(
    "noise",
    [Noise(rho=0.3), Noise(), Noise(outlier_share=0.05), Noise(between_run_sigma=0.02)],
    ids=["rho .3", "rho .6", "outliers 5 %", "run sd 2 %"],
)
def test_at_most_2_percent_of_clean_cases_are_flagged(
    noise: Noise, runs: int, n: int, sims: int
) -> None:
    found = verdicts(sims, runs, n, noise)
    assert is_at_most(sum(v is not Stability.STABLE for v in found), sims, 0.02)


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize(("runs", "n"), SHAPES)
def test_strongly_autocorrelated_clean_cases_are_stable_or_too_few_but_not_blamed(
    runs: int, n: int, sims: int
) -> None:
    found = verdicts(sims, runs, n, Noise(rho=0.8))
    is_blamed = [v not in (Stability.STABLE, Stability.TOO_FEW) for v in found]
    assert is_at_most(sum(is_blamed), sims, 0.02)


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize(("runs", "n"), SHAPES)
@pytest.mark.parametrize("change", [step_in_each_run, ramp_in_each_run])
def test_a_10_percent_slow_down_within_runs_is_called_throttled(
    change: Change, runs: int, n: int, sims: int
) -> None:
    found = verdicts(sims, runs, n, Noise(), change)
    assert is_at_least(sum(v is Stability.THROTTLED for v in found), sims, 0.95)


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize("change", [step_in_the_session, ramp_over_the_session])
def test_a_10_percent_slow_down_over_ten_runs_is_called_throttled(
    change: Change, sims: int
) -> None:
    found = verdicts(sims, 10, 50, Noise(), change)
    assert is_at_least(sum(v is Stability.THROTTLED for v in found), sims, 0.95)


@pytest.mark.parametrize("sims", SIMS)
def test_hopping_between_two_kinds_of_core_is_called_bimodal(sims: int) -> None:
    def hops(rng: np.random.Generator, runs: int, n: int) -> Floats:
        return np.stack([migrations(rng, n, gap=1.0, mean_dwell=10) for _ in range(runs)])

    found = verdicts(sims, 10, 50, Noise(), hops)
    assert is_at_least(sum(v is Stability.BIMODAL for v in found), sims, 0.90)


def one(seed: int, factor: Floats | float = 1.0, runs: int = 10, n: int = 50) -> Floats:
    return steady(np.random.default_rng(seed), runs, n, Noise()) * factor


def test_runs_that_land_on_either_core_are_called_bimodal() -> None:
    on_little = np.array([1, 0, 0, 1, 0, 1, 1, 0, 1, 0])[:, None]
    summary = judge(one(1, 1.0 + on_little))
    assert summary.verdict is Stability.BIMODAL
    assert any(w.startswith("two latencies ") for w in summary.warnings)


@pytest.mark.parametrize("rise", [0.1, 0.3, 1.0])
@pytest.mark.parametrize(
    "change", [throttle_ramp, lambda n, rise: throttle_step(n, at=0.4, rise=rise)]
)
def test_a_large_slow_down_is_not_taken_for_hopping(
    change: Callable[..., Floats], rise: float
) -> None:
    assert judge(one(14, change(100, rise=rise), n=100)).verdict is Stability.THROTTLED


def test_neighbouring_ticks_of_a_coarse_clock_are_neither_modes_nor_noise() -> None:
    assert judge(one(2, 1.05), tick_us=1000).verdict is Stability.STABLE


def test_a_slow_down_is_throttling_only_where_nothing_speaks_against_it() -> None:
    slower = one(3, throttle_ramp(50, rise=0.12))
    cool, hot = DeviceState(temperature_c=35.0), DeviceState(temperature_c=39.0)
    assert judge(slower).verdict is Stability.THROTTLED
    assert judge(slower, before=cool, after=hot).verdict is Stability.THROTTLED
    assert judge(slower, before=cool, after=cool).verdict is Stability.DRIFTING
    fast, slow = DeviceState(cpu_khz=2_800_000), DeviceState(cpu_khz=2_000_000)
    assert judge(slower, before=fast, after=slow).verdict is Stability.THROTTLED
    told = DeviceState(temperature_c=35.0, thermal_status=1)
    assert judge(slower, before=cool, after=told).verdict is Stability.THROTTLED


def test_a_small_slow_down_is_throttling_only_if_heat_agrees() -> None:
    slower = one(4, throttle_ramp(200, rise=0.035), n=200)
    cool, hot = DeviceState(temperature_c=35.0), DeviceState(temperature_c=39.0)
    assert judge(slower).verdict is Stability.DRIFTING
    assert judge(slower, before=cool, after=hot).verdict is Stability.THROTTLED


def test_growing_faster_is_drifting_never_throttling() -> None:
    summary = judge(one(5, throttle_ramp(50, rise=-0.12)))
    assert summary.verdict is Stability.DRIFTING
    assert any(w.startswith("latency fell by ") for w in summary.warnings)


def test_the_reason_for_a_verdict_is_said_in_words() -> None:
    summary = judge(one(6, throttle_step(50, at=0.5, rise=0.25)))
    assert any(
        w.startswith("latency rose by ") and w.endswith("from start to end of the runs")
        for w in summary.warnings
    )


def test_one_throttled_run_among_ten_is_found() -> None:
    factor = np.ones((10, 50))
    factor[6] = throttle_step(50, at=0.5, rise=0.25)
    summary = judge(one(7, factor))
    assert summary.verdict is Stability.THROTTLED
    assert any(w.endswith("from start to end of one run") for w in summary.warnings)


def test_locked_clocks_are_held_to_a_stricter_scatter() -> None:
    rng = np.random.default_rng(8)
    samples = steady(rng, 10, 50, Noise(within_run_sigma=0.03, outlier_share=0.0, rho=0.3))
    assert judge(samples).verdict is Stability.STABLE
    assert judge(samples, before=LOCKED, after=LOCKED).verdict is Stability.NOISY


def test_wide_scatter_many_outliers_and_runs_that_disagree_are_noisy_each() -> None:
    rng = np.random.default_rng(9)
    wide = judge(steady(rng, 10, 50, Noise(within_run_sigma=0.08)))
    spiky = judge(steady(rng, 10, 50, Noise(outlier_share=0.15)))
    factor = np.array([1.0, 1.13, 0.98, 1.09, 1.0, 1.16, 0.95, 1.07, 1.01, 0.97])[:, None]
    apart = judge(steady(rng, 10, 50, Noise(rho=0.3)) * factor)
    assert [s.verdict for s in (wide, spiky, apart)] == [Stability.NOISY] * 3
    assert any(w.startswith("invokes scatter by") for w in wide.warnings)
    assert any("are outliers" in w for w in spiky.warnings)
    assert any(w.startswith("run medians scatter by") for w in apart.warnings)


def test_a_few_invokes_are_too_few_and_it_is_said_how_many_were_needed() -> None:
    summary = judge(one(10, runs=2, n=10))
    assert summary.verdict is Stability.TOO_FEW
    assert any("independent invokes (" in w and "needed)" in w for w in summary.warnings)


def test_scatter_that_leaves_the_median_open_is_too_few() -> None:
    rng = np.random.default_rng(11)
    noise = Noise(within_run_sigma=0.045, rho=0.3, outlier_share=0.0)
    summary = judge(steady(rng, 1, 120, noise))
    assert summary.verdict is Stability.TOO_FEW
    assert any(w.startswith("the invokes leave the median open by") for w in summary.warnings)


def test_contention_comes_before_everything_it_explains() -> None:
    case = a_case()
    slower = one(12, throttle_ramp(50, rise=0.2))
    runs = [a_measurement(quantised(run), wait_ratio=0.05) for run in slower]
    summary = summarize([case], records_of(case, runs))[0]
    assert summary.verdict is Stability.CONTENDED
    assert "5.0% of the time was spent waiting for a processor" in summary.warnings


def aggregates(*invokes: InvokeAggregate, wait_ratio: float | None = None) -> Summary:
    case = a_case()
    base = a_measurement((), wait_ratio=wait_ratio)
    runs = [msgspec.structs.replace(base, invokes=i) for i in invokes]
    return summarize([case], records_of(case, runs))[0]


def an_aggregate(
    p50_us: int = 10_000, p5_us: int | None = 9_800, p95_us: int | None = 10_400, count: int = 50
) -> InvokeAggregate:
    return InvokeAggregate(count, p50_us=p50_us, p5_us=p5_us, p95_us=p95_us)


def test_an_aggregate_that_cannot_hide_a_step_may_be_called_stable() -> None:
    assert aggregates(*[an_aggregate()] * 5).verdict is Stability.STABLE


def test_of_other_aggregates_drift_cannot_be_ruled_out() -> None:
    assert aggregates(*[an_aggregate(p95_us=10_900)] * 5).verdict is Stability.TOO_FEW
    silent = aggregates(*[an_aggregate(p5_us=None, p95_us=None)] * 5)
    assert silent.verdict is Stability.TOO_FEW
    assert "the runner tells no p5 and p95: drift cannot be ruled out" in silent.warnings
    assert aggregates(an_aggregate(count=20)).verdict is Stability.TOO_FEW


def test_aggregates_show_contention_trends_over_runs_and_scatter() -> None:
    assert aggregates(*[an_aggregate()] * 5, wait_ratio=0.1).verdict is Stability.CONTENDED
    rising = [an_aggregate(round(10_000 * 1.05**k)) for k in range(6)]
    assert aggregates(*rising).verdict is Stability.THROTTLED
    assert aggregates(*[an_aggregate(p95_us=14_000)] * 5).verdict is Stability.NOISY


def test_four_runs_cannot_show_a_trend_and_a_rising_five_can() -> None:
    assert between_runs((10_000, 11_000, 12_000, 13_000), tick_us=1) is None
    drift = between_runs((10_000, 11_000, 12_000, 13_000, 14_000), tick_us=1)
    assert drift is not None
    assert drift.rise == pytest.approx(np.log(1.4), rel=0.05)


def test_a_step_of_a_coarse_clock_from_run_to_run_is_no_trend() -> None:
    medians = (10_000, 10_000, 10_000, 11_000, 11_000)
    assert between_runs(medians, tick_us=1000) is None
    assert between_runs(medians, tick_us=1) is not None


def test_ten_runs_of_50000_invokes_get_the_verdict_that_their_first_thousand_get() -> None:
    rng = np.random.default_rng(13)
    block = steady(rng, 10, 1000, Noise())
    assert judge(np.tile(block, 50)).verdict is judge(block).verdict is Stability.STABLE
