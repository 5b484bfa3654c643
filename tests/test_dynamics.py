"""Heat, held clocks and scatter: what must hold whatever the parameters are."""

from __future__ import annotations

import math
import statistics
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbench import profiles
from qbench.errors import ProfileError
from qbench.records import ComputeUnit, Noise, Thermal, Trip
from qbench.simulator import thermal as heat
from qbench.simulator.dynamics import WARMUP_EXCESS, Scatter, p90_ratio
from qbench.simulator.thermal import Heat

SD865 = profiles.load("sd865")
NOISE = Noise(
    within_run_sigma_ratio=0.03,
    between_run_sigma_ratio=0.015,
    autocorrelation=0.5,
    outlier_ratio=0.02,
    outlier_excess_ratio=0.35,
)

resistances = st.floats(0.5, 20)
capacities = st.floats(0.1, 300)
powers = st.floats(0, 15)
ambients = st.floats(-20, 50)
durations = st.floats(0.01, 5000)


@st.composite
def networks(draw: st.DrawFn) -> Thermal:
    assert SD865.thermal is not None
    return msgspec.structs.replace(
        SD865.thermal,
        chip_c_per_w=draw(resistances),
        chip_j_per_c=draw(capacities),
        skin_c_per_w=draw(resistances),
        skin_j_per_c=draw(capacities),
    )


def euler(net: Thermal, at: Heat, power_w: float, ambient_c: float, duration_s: float) -> Heat:
    """The differential equations of the module's docstring, in steps too small to matter."""
    chip, skin, steps = at.chip_c, at.skin_c, 20_000
    for _ in range(steps):
        through_w = (chip - skin) / net.chip_c_per_w
        out_w = (skin - ambient_c) / net.skin_c_per_w
        chip += duration_s / steps * (power_w - through_w) / net.chip_j_per_c
        skin += duration_s / steps * (through_w - out_w) / net.skin_j_per_c
    return Heat(chip, skin)


# -- two nodes


@settings(max_examples=12, deadline=None)
@given(st.floats(1, 20), st.floats(0.5, 100), st.floats(1, 20), st.floats(5, 300), powers, ambients)
def test_a_step_solves_the_equations(
    r1: float, c1: float, r2: float, c2: float, power_w: float, ambient_c: float
) -> None:
    assert SD865.thermal is not None
    net = msgspec.structs.replace(
        SD865.thermal, chip_c_per_w=r1, chip_j_per_c=c1, skin_c_per_w=r2, skin_j_per_c=c2
    )
    start = Heat(ambient_c + 3, ambient_c + 1)
    exact = heat.step(net, start, power_w, ambient_c, 20)
    slow = euler(net, start, power_w, ambient_c, 20)
    assert exact.chip_c == pytest.approx(slow.chip_c, abs=0.15)
    assert exact.skin_c == pytest.approx(slow.skin_c, abs=0.15)


@given(networks(), powers, ambients, durations, st.floats(0.01, 0.99))
def test_two_steps_are_one_long_step(
    net: Thermal, power_w: float, ambient_c: float, duration_s: float, share: float
) -> None:
    start = Heat(ambient_c + 20, ambient_c + 5)
    once = heat.step(net, start, power_w, ambient_c, duration_s)
    half = heat.step(net, start, power_w, ambient_c, duration_s * share)
    twice = heat.step(net, half, power_w, ambient_c, duration_s * (1 - share))
    assert twice.chip_c == pytest.approx(once.chip_c, abs=1e-6)
    assert twice.skin_c == pytest.approx(once.skin_c, abs=1e-6)


@given(networks(), powers, ambients)
def test_a_long_load_ends_where_ohms_law_of_heat_says(
    net: Thermal, power_w: float, ambient_c: float
) -> None:
    end = heat.step(net, Heat(ambient_c, ambient_c), power_w, ambient_c, 1e7)
    skin_c = ambient_c + power_w * net.skin_c_per_w
    assert end.skin_c == pytest.approx(skin_c, abs=1e-6)
    assert end.chip_c == pytest.approx(skin_c + power_w * net.chip_c_per_w, abs=1e-6)
    assert heat.steady(net, power_w, ambient_c).chip_c == pytest.approx(end.chip_c, abs=1e-6)


@given(networks(), ambients, durations, st.lists(st.tuples(powers, powers), min_size=1, max_size=8))
def test_more_power_is_never_cooler(
    net: Thermal, ambient_c: float, duration_s: float, loads: list[tuple[float, float]]
) -> None:
    less = more = Heat(ambient_c, ambient_c)
    for pair in loads:
        less = heat.step(net, less, min(pair), ambient_c, duration_s)
        more = heat.step(net, more, max(pair), ambient_c, duration_s)
        assert more.chip_c >= less.chip_c - 1e-9
        assert more.skin_c >= less.skin_c - 1e-9


@given(networks(), powers, ambients, durations)
def test_heating_from_rest_is_monotone_and_the_chip_is_the_hotter(
    net: Thermal, power_w: float, ambient_c: float, duration_s: float
) -> None:
    at = Heat(ambient_c, ambient_c)
    for _ in range(5):
        after = heat.step(net, at, power_w, ambient_c, duration_s)
        assert after.chip_c >= at.chip_c - 1e-9
        assert after.skin_c >= at.skin_c - 1e-9
        assert after.chip_c >= after.skin_c - 1e-9
        at = after


# -- trip points


@given(st.lists(st.floats(20, 60), min_size=1, max_size=60), st.floats(30, 50), st.floats(0.1, 8))
def test_a_trip_is_set_at_its_threshold_and_cleared_below_its_hysteresis_only(
    readings: list[float], trip_c: float, hysteresis_c: float
) -> None:
    trip = Trip(sensor="skin", trip_c=trip_c, hysteresis_c=hysteresis_c, clock_ratio=0.5)
    is_set: tuple[bool, ...] = (False,)
    for reading in readings:
        before, is_set = is_set, heat.tripped([trip], is_set, Heat(99, reading))
        if reading >= trip_c:
            assert is_set == (True,)
        elif reading < trip_c - hysteresis_c:
            assert is_set == (False,)
        else:
            assert is_set == before


def test_each_trip_listens_to_its_own_sensor_and_the_lowest_cap_holds() -> None:
    trips = [
        Trip(sensor="skin", trip_c=40, hysteresis_c=2, clock_ratio=0.9),
        Trip(sensor="chip", trip_c=90, hysteresis_c=2, clock_ratio=0.6),
    ]
    nothing = (False, False)
    for at, cap in ((Heat(50, 39), 1.0), (Heat(50, 41), 0.9), (Heat(91, 30), 0.6)):
        assert heat.cap_ratio(trips, heat.tripped(trips, nothing, at)) == cap
    assert heat.cap_ratio(trips, (True, True)) == 0.6


# -- power


def test_power_falls_with_the_clock_and_faster_than_it() -> None:
    assert SD865.thermal is not None
    ratios = [heat.clocked_power_ratio(SD865.thermal, step / 20) for step in range(21)]
    assert ratios == sorted(ratios)
    assert ratios[-1] == 1
    assert all(power < step / 20 for step, power in enumerate(ratios[1:20], start=1))


def test_the_cores_power_is_of_the_fastest_cores_that_run() -> None:
    powers_mw = [heat.unit_mw(SD865, ComputeUnit.CPU, threads) for threads in (1, 2, 4, 8, 64)]
    assert powers_mw == [1890, 1890 + 1380, 1890 + 3 * 1380, 7630, 7630]
    assert heat.unit_mw(SD865, ComputeUnit.GPU, 1) == heat.unit_mw(SD865, ComputeUnit.GPU, 4)


def test_a_power_that_is_not_known_is_refused_by_its_key() -> None:
    assert SD865.thermal is not None
    unknown = msgspec.structs.replace(SD865.thermal, npu_mw=None)
    with pytest.raises(ProfileError, match=r"sd865: thermal\.npu_mw: not known"):
        heat.unit_mw(msgspec.structs.replace(SD865, thermal=unknown), ComputeUnit.NPU, 1)
    with pytest.raises(ProfileError, match="host: thermal: not known"):
        heat.thermal_of(profiles.load("host"))


# -- scatter


def drawn(noise: Noise, seed: int, count: int, stride: float = 1.0) -> list[float]:
    """Warm invokes of one process."""
    scatter = Scatter(noise, Random(seed))
    while not scatter.is_warm:
        scatter.draw()
    return [scatter.draw(stride) for _ in range(200 + count)][200:]


def calm(**changes: float) -> Noise:
    return msgspec.structs.replace(
        NOISE, **{"outlier_ratio": 0.0, "between_run_sigma_ratio": 0.0} | changes
    )


def test_the_same_seed_draws_the_same_invokes_and_another_draws_others() -> None:
    assert drawn(NOISE, 1, 50) == drawn(NOISE, 1, 50)
    assert drawn(NOISE, 1, 50) != drawn(NOISE, 2, 50)


@pytest.mark.parametrize(("rho", "stride"), [(0.0, 1.0), (0.5, 1.0), (0.8, 1.0), (0.8, 3.0)])
def test_neighbours_are_as_alike_as_the_profile_says_also_when_some_are_skipped(
    rho: float, stride: float
) -> None:
    logs = [math.log(x) for x in drawn(calm(autocorrelation=rho), 3, 20_000, stride)]
    assert statistics.pstdev(logs) == pytest.approx(NOISE.within_run_sigma_ratio, rel=0.05)
    found = statistics.correlation(logs[:-1], logs[1:])
    assert found == pytest.approx(rho**stride, abs=0.04)


def test_outliers_are_as_many_and_as_long_as_the_profile_says() -> None:
    noise = calm(within_run_sigma_ratio=0.0, outlier_ratio=0.1)
    beyond = [x - 1 for x in drawn(noise, 4, 20_000) if x > 1 + 1e-6]
    assert len(beyond) / 20_000 == pytest.approx(0.1, abs=0.01)
    assert statistics.mean(beyond) == pytest.approx(noise.outlier_excess_ratio, rel=0.06)


def test_processes_differ_as_the_profile_says() -> None:
    noise = calm(within_run_sigma_ratio=0.0, between_run_sigma_ratio=0.02)
    runs = [math.log(drawn(noise, seed, 1)[0]) for seed in range(2000)]
    assert statistics.pstdev(runs) == pytest.approx(0.02, rel=0.06)


def test_the_first_invoke_is_the_slowest_and_the_process_warms_up() -> None:
    scatter = Scatter(calm(within_run_sigma_ratio=0.0), Random(0))
    ratios = [scatter.draw() for _ in range(40)]
    assert ratios[0] == pytest.approx(1 + WARMUP_EXCESS)
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] == pytest.approx(1, abs=1e-6)


def test_what_is_drawn_has_the_p90_that_is_computed() -> None:
    pooled = sorted(x for seed in range(300) for x in drawn(NOISE, seed, 100))
    median, p90 = (pooled[len(pooled) * percent // 100] for percent in (50, 90))
    assert p90 / median == pytest.approx(p90_ratio(NOISE), rel=0.01)
