"""Who a device is: by what it says, with no list of the allowed."""

from __future__ import annotations

import pytest

from fakes.snapshots import CLEAN, EMULATOR, KONA_CORES, MI_10, core, snapshot
from qbench import profiles
from qbench.android import cores, preparation, state
from qbench.android.identity import generic_profile, identify, with_cores
from qbench.android.joblist import Setting
from qbench.android.options import Options
from qbench.formats.runner import Prepared, Skin, Zone
from qbench.records import Origin
from qbench.virtual import kernel


def test_a_phone_with_kona_is_an_865_although_it_tells_no_soc_model() -> None:
    found = identify(MI_10, "a1b2c3d4")
    assert found.is_known
    assert found.profile.name == "sd865"
    assert found.info.origin is Origin.DEVICE
    assert found.info.title == "Xiaomi Mi 10"
    assert found.info.os == "Android 11 (API 30)"
    assert (found.info.abi, found.info.api_level, found.info.board) == ("arm64-v8a", 30, "kona")
    assert found.info.warnings == ()


@pytest.mark.parametrize("name", [n for n in profiles.names() if n != "host"])
def test_a_virtual_device_of_every_profile_is_recognised_and_is_emulated(name: str) -> None:
    profile = profiles.load(name)
    found = identify(kernel.props(profile, "v"), "127.0.0.1:20000")
    assert found.info.profile == name
    assert found.info.origin is Origin.EMULATED
    assert found.is_emulator


def test_an_unknown_device_is_not_refused_but_gets_a_profile_of_its_own_and_a_warning() -> None:
    props = MI_10 | {"ro.board.platform": "mt6893", "ro.product.model": "Some Phone 5G"}
    found = with_cores(identify(props, "x"), CLEAN)
    assert not found.is_known
    assert found.info.profile is None
    assert found.info.name == "some-phone-5g"
    assert found.info.origin is Origin.DEVICE
    assert "no device profile describes it" in found.info.warnings[0]
    assert [c.cores for c in found.profile.cpu.clusters] == [(7,), (4, 5, 6), (0, 1, 2, 3)]
    assert [c.max_khz for c in found.profile.cpu.clusters] == [2_841_600, 2_419_200, 1_804_800]
    assert found.profile.npu is not None
    assert tuple(found.profile.npu.routes) == ("nnapi",)
    assert found.profile.cpu.default_threads == 4


def test_before_nnapi_there_is_no_npu_to_expect() -> None:
    assert generic_profile({"ro.build.version.sdk": "26"}).npu is None


def test_an_emulator_of_android_studio_is_a_device_like_any_other() -> None:
    found = identify(EMULATOR, "emulator-5554")
    assert found.is_emulator
    assert not found.is_virtual
    assert found.info.origin is Origin.DEVICE
    assert found.info.soc == "ranchu"


@pytest.mark.parametrize(
    "props",
    [
        {"a": "b"},
        {"ro.build.version.sdk": "ten", "ro.product.model": "$(id)\n\x1b[31m"},
        {"ro.product.model": "\u4e2d\u6587", "ro.product.cpu.abi": ""},
        {"ro.build.version.sdk": "99999999999999"},
    ],
)
def test_whatever_properties_say_there_is_an_identity(props: dict[str, str]) -> None:
    found = identify(props, "x")
    assert found.info.name
    assert found.info.name.isascii()
    assert found.info.api_level is None


def test_a_device_is_locked_by_its_own_number_not_by_its_address() -> None:
    assert identify(MI_10, "192.168.1.7:5555").lock_name == "a1b2c3d4"
    assert identify({"a": "b"}, "192.168.1.7:5555").lock_name == "192.168.1.7:5555"


# Cores.


@pytest.mark.parametrize(
    ("threads", "mask"), [(1, "80"), (2, "f0"), (4, "f0"), (5, "ff"), (8, "ff")]
)
def test_threads_get_the_fastest_cores_by_the_clocks_that_are_told(threads: int, mask: str) -> None:
    assert cores.tool_mask(KONA_CORES, threads) == mask
    assert cores.runner_mask(KONA_CORES) == "f"


def test_with_one_kind_of_core_or_no_clocks_told_nothing_is_masked() -> None:
    for told in ((), [core(n, 1_000_000) for n in range(4)], [core(0, None), core(1, 2_000_000)]):
        assert cores.tool_mask(told, 4) is None
        assert cores.runner_mask(told) is None


def test_one_core_of_each_clock_is_watched() -> None:
    assert cores.watched(KONA_CORES) == (0, 4, 7)


# State.


def test_a_state_has_the_hottest_of_the_cpu_and_the_fastest_core() -> None:
    told = state.state_of(CLEAN, Prepared(("power fixed_performance",), ()))
    assert told.temperature_c == 38.0
    assert (told.cpu_khz, told.governor) == (2_841_600, "schedutil")
    assert told.battery_level_ratio == 0.8
    assert told.is_fixed_performance is True
    assert told.is_charging is False
    assert state.state_of(CLEAN).is_fixed_performance is None


def test_where_the_shell_may_not_read_zones_androids_word_counts() -> None:
    assert state.temperature_c(snapshot(zones=())) == 39.0
    assert state.temperature_c(snapshot(zones=(), temperatures=())) is None


# Preparation.


def test_a_run_may_start_one_degree_above_where_the_session_began() -> None:
    assert preparation.cooling(CLEAN, Options()).limits == ("zone:40:32500", "status:0")
    tenths = snapshot(zones=(Zone(5, 315, "skin"),))
    assert preparation.cooling(tenths, Options()).limits == ("zone:5:325", "status:0")


def test_or_below_the_temperature_that_is_asked_for() -> None:
    assert preparation.cooling(CLEAN, Options(cool_to_c=36)).limits[0] == "zone:40:36000"


def test_without_a_zone_of_the_body_the_battery_is_waited_for() -> None:
    assert preparation.cooling(snapshot(zones=()), Options()).limits[0] == "battery:320"


def test_large_chips_are_watched_in_few_places() -> None:
    many = tuple(Zone(n, 30_000, f"cpu-{n}") for n in range(60))
    zones = (*many, Zone(90, 30_000, "gpuss-0"), Zone(91, 1, "Battery"), Zone(92, 1, "modem"))
    assert preparation.zones(snapshot(zones=zones)) == (0, 1, 2, 90, 91)


def test_clocks_are_locked_only_when_asked_and_the_mode_only_where_it_is() -> None:
    kinds = [s.kind for s in preparation.settings(CLEAN, Options(), api_level=30)]
    assert kinds == ["settings", "power"]
    assert [s.kind for s in preparation.settings(CLEAN, Options(), api_level=29)] == ["settings"]
    locked = preparation.settings(CLEAN, Options(locks_clocks=True), api_level=29)
    assert [s.target for s in locked if s.kind == "node"] == [
        f"/sys/devices/system/cpu/cpu{n}/cpufreq/scaling_governor" for n in (0, 4, 7)
    ]


def test_when_strict_the_mode_is_required() -> None:
    strict = preparation.settings(CLEAN, Options(is_strict=True), api_level=31)
    assert strict[1] == Setting(
        kind="power", target="fixed_performance", value="true", is_required=True
    )


def test_temperatures_of_android_that_are_no_number_are_left_out() -> None:
    assert Skin("x", 0, 1.0).name == "x"
