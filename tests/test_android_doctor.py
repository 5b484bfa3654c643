"""What is wrong with a device, each with what fixes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakes.local_phone import LocalPhone
from fakes.local_tool import local_tool
from fakes.local_transport import LocalCache, LocalTransport
from qbench.android.doctor import Check, Status, examine
from qbench.android.options import Options
from qbench.clock import SystemClock


class Ward:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.phone = LocalPhone(folder)
        self.transport = LocalTransport(self.phone)
        self.tool = local_tool(folder, self.phone)

    def examine(self, **options: Any) -> dict[str, Check]:
        checks = examine(
            self.transport,
            LocalCache(self.phone, self.transport),
            clock=SystemClock(),
            reconnect=self.transport.reconnect,
            options=Options(**({"benchmark_binary": self.tool} | options)),
            base=str(self.phone.base),
        )
        return {check.name: check for check in checks}


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def test_a_device_in_order_is_told_line_by_line(ward: Ward) -> None:
    told = ward.examine()
    assert {name: check.status.value for name, check in told.items()} == {
        "device": "ok",
        "space": "ok",
        "benchmark_model": "ok",
        "clocks": "ok",
        "thermal": "ok",
        "battery": "ok",
        "EMULATOR": "warning",
        "npu: nnapi": "ok",
        "npu: hexagon": "warning",
        "npu: qnn": "warning",
    }
    assert told["device"].text == (
        "qbench Virtual Snapdragon 865, SM8250, Android 12 (API 31), arm64-v8a; profile sd865"
    )
    assert told["clocks"].text == (
        "8 cores, up to 2.84 GHz, governor schedutil; fixed-performance mode can be set"
    )
    assert told["battery"].text == "87%, 30.0 C"
    assert told["npu: nnapi"].text == ("qti-dsp, of qti-default, qti-dsp, qti-gpu, nnapi-reference")


def test_the_ladder_says_which_library_is_missing_and_the_one_thing_to_do(ward: Ward) -> None:
    hexagon = ward.examine()["npu: hexagon"]
    assert hexagon.text == "missing: libhexagon_interface.so, libhexagon_nn_skel_v66.so"
    assert hexagon.fix is not None
    assert "QBENCH_HEXAGON_LIBRARIES" in hexagon.fix


def test_a_device_with_the_reference_driver_only_is_told(ward: Ward) -> None:
    ward.tool = local_tool(ward.folder, ward.phone, accelerators="nnapi-reference")
    told = ward.examine()["npu: nnapi"]
    assert told.status is Status.WARNING
    assert told.text.endswith("the device lists: nnapi-reference")


def test_without_a_tool_all_the_rest_is_still_told(ward: Ward) -> None:
    told = ward.examine(benchmark_binary=ward.folder / "none")
    assert told["benchmark_model"].status is Status.PROBLEM
    assert told["npu: nnapi"].status is Status.PROBLEM
    assert told["battery"].status is Status.OK


def test_heat_charge_and_held_clocks_are_warnings_with_their_fixes(ward: Ward) -> None:
    ward.phone.write(".device/thermal_status", "2\n")
    ward.phone.write("sys/class/power_supply/battery/status", "Charging\n")
    ward.phone.write("sys/devices/system/cpu/cpu7/cpufreq/scaling_max_freq", "1800000\n")
    told = ward.examine()
    assert told["clocks"].text.endswith("held at 1.80 GHz")
    assert told["thermal"].text == "CPU 30 C; Android's status is 2"
    assert told["battery"].text == "87%, 30.0 C, charging"
    for name in ("clocks", "thermal", "CHARGING", "THERMAL"):
        assert told[name].status is Status.WARNING
        assert told[name].fix


def test_what_an_earlier_session_left_is_put_back_and_told(ward: Ward) -> None:
    ward.examine()
    journal = ward.phone.base / "journal"
    journal.mkdir()
    for name, text in {
        "100.old": "null\n",
        "100.new": "7\n",
        "100": "x settings global stay_on_while_plugged_in\n",
    }.items():
        (journal / name).write_text(text)
    (ward.phone.root / "data/system/settings/global/stay_on_while_plugged_in").write_text("7\n")
    told = ward.examine()["settings"]
    assert told.status is Status.OK
    assert told.text == "put back now: settings global stay_on_while_plugged_in"
