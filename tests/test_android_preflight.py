"""Taints: found by name, refused when strict, accepted by name."""

from __future__ import annotations

import pytest

from fakes.snapshots import CLEAN, EMULATOR, MI_10, battery, snapshot
from qbench.android.identity import Identity, identify
from qbench.android.preflight import Finding, admit, after_preparation, findings
from qbench.errors import DeviceError
from qbench.formats.runner import Prepared, Snapshot
from qbench.records import Taint

PHONE = identify(MI_10, "a1b2c3d4")


def _taints(seen: Snapshot = CLEAN, who: Identity = PHONE, **options: bool) -> list[Taint]:
    return [found.taint for found in findings(who, seen, **options)]


def test_a_cool_phone_on_a_cable_is_clean() -> None:
    assert _taints() == []


@pytest.mark.parametrize(
    ("seen", "taint"),
    [
        (battery(level_ratio=0.24), Taint.LOW_BATTERY),
        (snapshot(is_power_saving=True), Taint.LOW_BATTERY),
        (battery(status=2), Taint.CHARGING),
        (battery(status=5, is_plugged=True), Taint.CHARGING),
        (battery(status=None, is_plugged=True), Taint.CHARGING),
        (snapshot(thermal_status=1), Taint.THERMAL),
        (snapshot(is_awake=True), Taint.SCREEN_ON),
    ],
)
def test_each_state_that_is_not_clean_has_its_name(seen: Snapshot, taint: Taint) -> None:
    assert _taints(seen) == [taint]


@pytest.mark.parametrize(
    ("serial", "is_over_the_air"),
    [
        ("a1b2c3d4", False),
        ("emulator-5554", False),
        ("127.0.0.1:20000", False),
        ("localhost:5555", False),
        ("192.168.1.7:5555", True),
        ("phone.local:5555", True),
        ("adb-a1b2c3d4-xYz123._adb-tls-connect._tcp", True),
    ],
)
def test_adb_over_the_air_is_told_from_adb_on_a_cable(serial: str, is_over_the_air: bool) -> None:
    found = _taints(who=identify(MI_10, serial))
    assert found == ([Taint.WIFI_ADB] if is_over_the_air else [])


def test_emulators_and_unknown_chips_are_named() -> None:
    assert _taints(who=identify(EMULATOR, "emulator-5554")) == [Taint.EMULATOR, Taint.UNKNOWN_SOC]


def test_an_old_tool_is_named() -> None:
    assert _taints(is_stale=True) == [Taint.STALE_BINARY]


def test_before_android_11_only_root_can_hold_the_clocks() -> None:
    old = identify(MI_10 | {"ro.build.version.sdk": "29"}, "x")
    assert _taints(who=old) == [Taint.UNLOCKED_CLOCKS]
    assert _taints(who=old, may_lock=True) == []


def test_clocks_that_nothing_held_are_named_afterwards() -> None:
    assert [f.taint for f in after_preparation(Prepared((), ("power fixed_performance: x",)))] == [
        Taint.UNLOCKED_CLOCKS
    ]
    assert after_preparation(Prepared(("power fixed_performance",), ())) == ()
    node = "node /sys/devices/system/cpu/cpu7/cpufreq/scaling_governor"
    assert after_preparation(Prepared((node,), ())) == ()


FOUND = (Finding(Taint.CHARGING, "the battery is charging"), Finding(Taint.SCREEN_ON, "it is on"))


def test_what_is_not_refused_is_carried() -> None:
    admitted = admit(FOUND, is_strict=False, accepted=(), serial="x")
    assert admitted == (Taint.CHARGING, Taint.SCREEN_ON)


def test_when_strict_every_refusal_comes_with_its_fix_and_the_word_that_accepts_it() -> None:
    with pytest.raises(DeviceError) as caught:
        admit(FOUND, is_strict=True, accepted={Taint.CHARGING}, serial="x")
    assert str(caught.value) == (
        "device x: not clean, and --strict was asked for: SCREEN_ON (it is on)"
    )
    assert caught.value.hint == (
        "SCREEN_ON: turn the screen off; or accept by name, which stays in the result: "
        "--accept SCREEN_ON"
    )


def test_what_was_accepted_by_name_is_let_through_and_carried() -> None:
    both = {Taint.CHARGING, Taint.SCREEN_ON}
    assert set(admit(FOUND, is_strict=True, accepted=both, serial="x")) == both
