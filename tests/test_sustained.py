"""Sustained load: the curve, its band, who is ahead, and what `qbench simulate --duration` says."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.public_networks import ROOT, build
from qbench import profiles
from qbench.cli import group as qbench
from qbench.cli.sustaining import celsius, seconds
from qbench.errors import InputError, ProfileError
from qbench.records import Delegate, DeviceProfile, Lead, Sustained, Thermal, Tier
from qbench.simulator import Oracle
from qbench.simulator import thermal as heat
from qbench.simulator.sustained import Level, Moment, leads, moments, slowed, sustain

INT8 = str(ROOT / "harness" / "qbench" / "models" / "smallcnn-int8.tflite")
MODEL = build("mobilenet_v2", "int8")
SD865 = profiles.load("sd865")
assert SD865.thermal is not None
THERMAL: Thermal = SD865.thermal
LEVELS = {
    ratio: Level(10_000 / ratio, 6000 * heat.clocked_power_ratio(THERMAL, ratio))
    for ratio in (1.0, *(trip.clock_ratio for trip in THERMAL.trips))
}


def curve(
    delegate: Delegate = Delegate.CPU,
    *,
    profile: DeviceProfile = SD865,
    threads: int = 4,
    ambient_c: float = 25,
    duration_s: float = 600,
    seed: int = 0,
) -> Sustained:
    return sustain(
        Oracle(profile),
        MODEL,
        delegate,
        threads,
        duration_s=duration_s,
        ambient_c=ambient_c,
        generator=Random(seed),
    )


def hot(profile: DeviceProfile = SD865, **changes: Any) -> DeviceProfile:
    return msgspec.structs.replace(profile, thermal=msgspec.structs.replace(THERMAL, **changes))


def held_after_s(run: list[Moment]) -> float:
    return next((i for i, m in enumerate(run) if m.cap_ratio < 1), float("inf"))


# -- the curve


def test_the_first_minute_of_a_cool_device_is_the_prediction() -> None:
    told = curve(Delegate.NNAPI, ambient_c=10)
    first = told.minutes[0]
    assert first.undisturbed_us == pytest.approx(told.cold.p50_us, abs=1)
    assert (first.low_us, first.high_us) == (told.cold.low_us, told.cold.high_us)
    assert first.clock_ratio == 1


def test_a_band_never_narrows_and_always_holds_its_median() -> None:
    for delegate in (Delegate.NNAPI, Delegate.GPU, Delegate.CPU):
        told = curve(delegate, ambient_c=35)
        cold = told.cold
        for m in told.minutes:
            assert m.low_us <= m.p50_us <= m.high_us
            assert m.low_us <= m.undisturbed_us <= m.high_us
            assert m.high_us / m.low_us >= 0.99 * cold.high_us / cold.low_us
            assert m.p90_us is not None
            assert m.p90_us >= m.p50_us


def test_a_curve_is_s0_however_well_known_its_start_is() -> None:
    told = curve(Delegate.GPU)
    assert (told.cold.tier, told.tier) == (Tier.S1, Tier.S0)
    assert "priors" in told.basis


def test_the_same_seed_gives_the_same_curve_and_another_moves_only_what_is_drawn() -> None:
    one, same, other = curve(seed=1), curve(seed=1), curve(seed=2)
    assert one == same
    assert [m.p50_us for m in one.minutes] != [m.p50_us for m in other.minutes]
    assert [m.undisturbed_us for m in one.minutes] == [m.undisturbed_us for m in other.minutes]
    assert one.throttles_s == other.throttles_s


def test_a_load_on_all_cores_slows_down_as_its_clocks_are_held() -> None:
    told = curve(ambient_c=35)
    first, last = told.minutes[0], told.minutes[-1]
    assert last.clock_ratio < first.clock_ratio
    assert last.p50_us > 1.2 * first.p50_us
    assert last.power_mw < first.power_mw


def test_without_trips_nothing_slows_down_and_heat_ends_at_its_steady_state() -> None:
    told = curve(profile=hot(trips=()), duration_s=3 * 3600)
    assert {m.undisturbed_us for m in told.minutes} == {told.minutes[0].undisturbed_us}
    assert told.throttles_s is None
    last = told.minutes[-1]
    end = heat.steady(THERMAL, last.power_mw / 1000, 25)
    assert last.chip_c == pytest.approx(end.chip_c, abs=0.1)
    assert last.skin_c == pytest.approx(end.skin_c, abs=0.1)


def test_a_profile_without_noise_has_no_p90_and_no_scatter() -> None:
    told = curve(profile=msgspec.structs.replace(SD865, noise=None))
    assert {m.p90_us for m in told.minutes} == {None}
    assert all(m.p50_us == m.undisturbed_us for m in told.minutes)


def test_energy_is_power_times_time() -> None:
    for m in curve(Delegate.GPU).minutes:
        assert m.energy_mj * m.invokes == pytest.approx(m.power_mw * 60, rel=1e-3)


def test_the_last_minute_may_be_shorter() -> None:
    told = curve(duration_s=90)
    assert [m.minute for m in told.minutes] == [1, 2]
    assert told.minutes[1].invokes < 0.6 * told.minutes[0].invokes


def test_an_invoke_of_seconds_is_drawn_all_the_same() -> None:
    slow = slowed(SD865, 0.001)
    told = curve(profile=slow, threads=1, duration_s=60)
    assert told.minutes[0].undisturbed_us > 2_000_000
    assert told.minutes[0].p50_us > 0


# -- heat and time


@settings(max_examples=40, deadline=None)
@given(st.floats(-20, 50), st.floats(0, 30), st.floats(0.3, 2))
def test_cooler_air_never_holds_clocks_earlier(
    ambient_c: float, warmer_c: float, power_ratio: float
) -> None:
    cool = moments(THERMAL, LEVELS, power_ratio, 900, ambient_c)
    warm = moments(THERMAL, LEVELS, power_ratio, 900, ambient_c + warmer_c)
    assert held_after_s(warm) <= held_after_s(cool)


@settings(max_examples=40, deadline=None)
@given(st.floats(-20, 50), st.floats(0.1, 2), st.floats(1, 3))
def test_more_power_never_holds_clocks_later(
    ambient_c: float, power_ratio: float, more_ratio: float
) -> None:
    less = moments(THERMAL, LEVELS, power_ratio, 900, ambient_c)
    more = moments(THERMAL, LEVELS, power_ratio * more_ratio, 900, ambient_c)
    assert held_after_s(more) <= held_after_s(less)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 45), st.floats(0.3, 2))
def test_a_clock_is_given_back_only_below_the_hysteresis(
    ambient_c: float, power_ratio: float
) -> None:
    run = moments(THERMAL, LEVELS, power_ratio, 1800, ambient_c)
    for before, after in pairwise(run):
        if after.cap_ratio > before.cap_ratio:
            freed = [t for t in THERMAL.trips if t.clock_ratio == before.cap_ratio]
            assert any(
                (before.after.chip_c if t.sensor == "chip" else before.after.skin_c)
                < t.trip_c - t.hysteresis_c
                for t in freed
            )


def test_the_early_and_the_late_start_enclose_the_likely_one() -> None:
    told = curve(Delegate.GPU, duration_s=3600)
    assert told.throttles_early_s is not None
    assert told.throttles_s is not None
    assert told.throttles_early_s <= told.throttles_s
    assert told.throttles_late_s is None or told.throttles_late_s >= told.throttles_s


def test_slower_clocks_leave_the_memory_alone_and_never_make_a_network_faster() -> None:
    half = slowed(SD865, 0.5)
    assert [c.max_khz for c in half.cpu.clusters] == [1_420_000, 1_210_000, 900_000]
    assert half.memory == SD865.memory
    for delegate in (Delegate.CPU, Delegate.GPU, Delegate.NNAPI):
        times = [
            Oracle(slowed(SD865, r)).foresee(MODEL, delegate, 4).prediction.p50_us
            for r in (1.0, 0.8, 0.5, 0.3)
        ]
        assert times == sorted(times)


# -- who is ahead


def with_medians(*medians_us: int) -> Sustained:
    told = curve(Delegate.GPU, duration_s=60 * len(medians_us))
    minutes = tuple(
        msgspec.structs.replace(m, undisturbed_us=us, low_us=us - 5, high_us=us + 5)
        for m, us in zip(told.minutes, medians_us, strict=True)
    )
    return msgspec.structs.replace(told, minutes=minutes)


def test_the_lead_changes_where_the_medians_cross() -> None:
    steady, fading = with_medians(100, 100, 100, 100), with_medians(80, 90, 100, 130)
    assert leads([steady, fading]) == (Lead(1, 1, True), Lead(4, 0, True))


def test_of_equals_who_was_ahead_stays_ahead_and_overlap_is_told() -> None:
    one, two = with_medians(100, 100), with_medians(104, 100)
    assert leads([one, two]) == (Lead(1, 0, False),)
    assert leads([one]) == (Lead(1, 0, True),)
    assert leads([]) == ()


# -- the command


def ran(*arguments: str, device: str = "sd865") -> Result:
    words = ("simulate", *arguments, "--device", device)
    return CliRunner().invoke(qbench, words, standalone_mode=False)


def test_the_json_has_origin_tier_and_band_in_every_minute() -> None:
    done = ran(INT8, "--duration", "3min", "--json", "--ambient", "30C", "--seed", "7")
    assert done.return_value == 0
    body = json.loads(done.stdout)
    assert (body["origin"], body["duration_s"], body["ambient_c"], body["seed"]) == (
        *("simulated", 180, 30),
        7,
    )
    assert [r["delegate"] for r in body["results"]] == ["nnapi", "gpu", "cpu"]
    for r in body["results"]:
        assert (r["origin"], r["tier"], len(r["minutes"])) == ("simulated", "S0", 3)
        assert r["cold"]["tier"] == "S1"
        assert r["heat_basis"]
        assert all(m["low_us"] <= m["p50_us"] <= m["high_us"] for m in r["minutes"])
    (ahead,) = body["ahead"]
    assert ahead["path"] == INT8
    assert ahead["leads"][0]["from_minute"] == 1


def test_the_csv_has_a_line_per_minute_with_the_same_numbers() -> None:
    arguments = (INT8, "--duration", "2min", "--delegate", "cpu")
    lines = list(csv.DictReader(io.StringIO(ran(*arguments, "--csv").stdout)))
    (told,) = json.loads(ran(*arguments, "--json").stdout)["results"]
    assert [int(line["minute"]) for line in lines] == [1, 2]
    for line, minute in zip(lines, told["minutes"], strict=True):
        assert (line["origin"], line["tier"]) == ("simulated", "S0")
        for name in ("p50_us", "p90_us", "low_us", "high_us", "power_mw"):
            assert int(line[name]) == minute[name]


def test_the_same_question_gets_the_same_bytes_and_a_curve_does_not_depend_on_the_others() -> None:
    both = ran(INT8, "--duration", "2min", "--json").stdout
    assert both == ran(INT8, "--duration", "2min", "--json").stdout
    alone = json.loads(ran(INT8, "--duration", "2min", "--json", "--delegate", "cpu").stdout)
    assert alone["results"][0] == json.loads(both)["results"][2]


def test_the_text_says_that_it_is_simulated_and_fits_a_terminal() -> None:
    done = ran(INT8, "--duration", "40min", "--ambient", "35")
    assert done.return_value == 0
    assert "SIMULATED: computed for sd865" in done.stdout
    assert "heat rests on: " in done.stdout
    assert "ahead: " in done.stdout
    assert "every 3 minutes" in done.stdout
    tables = done.stdout.partition("ahead: ")[0].splitlines()
    assert max(len(line.rstrip()) for line in tables) <= 100


def test_what_cannot_be_placed_is_a_failure_beside_the_curves() -> None:
    done = ran(INT8, "--duration", "1min", "--delegate", "qnn", "--delegate", "cpu", "--json")
    assert done.return_value == 4
    qnn, cpu = json.loads(done.stdout)["results"]
    assert qnn["failure"].startswith("PlanError: delegate qnn")
    assert cpu["failure"] is None
    text = ran(INT8, "--duration", "1min", "--delegate", "qnn").stdout
    assert "failed: PlanError" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--duration", "long"], "duration: 'long' is not understood"),
        (["--duration", "0s"], "duration: '0s' is not understood"),
        (["--duration", "7h"], "duration: '7h' is not understood"),
        (["--duration", "1min", "--ambient", "hot"], "ambient: 'hot' is not understood"),
        (["--duration", "1min", "--ambient", "70C"], "ambient: '70C' is not understood"),
        (["--duration", "1min", "--ops"], "do not go with --duration"),
        (["--ambient", "30C"], "--ambient and --seed speak of a load that goes on"),
        (["--seed", "1"], "--ambient and --seed speak of a load that goes on"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(arguments: list[str], said: str) -> None:
    done = ran(INT8, *arguments)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_a_device_whose_heat_is_not_known_is_refused() -> None:
    done = ran(INT8, "--duration", "1min", device="host")
    assert isinstance(done.exception, ProfileError)
    assert "host: thermal: not known" in str(done.exception)


def test_durations_and_temperatures() -> None:
    assert [seconds(t) for t in ("90s", "10min", "1.5h", "2 min")] == [90, 600, 5400, 120]
    assert [celsius(t) for t in ("25C", "-5 C", "30")] == [25, -5, 30]


@pytest.mark.parametrize("name", [n for n in profiles.names() if n != "host"])
def test_every_phone_has_powers_for_what_it_has_and_trips_above_rest(name: str) -> None:
    profile = profiles.load(name)
    thermal = heat.thermal_of(profile)
    assert (thermal.gpu_mw is None) == (profile.gpu is None)
    assert (thermal.npu_mw is None) == (profile.npu is None)
    rest = heat.steady(thermal, thermal.idle_mw / 1000, 25)
    assert not any(heat.tripped(thermal.trips, (False,) * len(thermal.trips), rest))


def test_a_core_power_that_is_missing_is_refused_by_its_key(tmp_path: Path) -> None:
    text = (ROOT / "device_profiles" / "sd865.yaml").read_text(encoding="utf-8")
    path = tmp_path / "sd865.yaml"
    path.write_text(text.replace("big: 1_380, ", ""), encoding="utf-8")
    with pytest.raises(ProfileError, match=r"thermal\.cpu_core_mw: expected one power for each"):
        profiles.load(str(path))
