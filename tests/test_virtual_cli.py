"""qbench virtual, as people type it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fakes.virtual_phones import Adb, adb_of, wait_until_accepted
from qbench.adb.device import AdbDevice
from qbench.adb.listing import list_devices
from qbench.cli.virtual import virtual
from qbench.clock import SystemClock
from qbench.errors import InputError, NoDeviceError
from qbench.virtual import instances
from qbench.virtual.catalogue import FAULTS
from qbench.virtual.schedule import load_schedule


@pytest.fixture
def adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adb]:
    with adb_of("29", tmp_path) as found:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(found.server.port))
        yield found
        for instance in instances.running():
            instances.stop(instance.serial)


def qbench_virtual(*arguments: str) -> Result:
    return CliRunner().invoke(virtual, arguments, catch_exceptions=False)


def attached(adb: Adb) -> dict[str, str]:
    return {device.serial: device.state for device in list_devices(port=adb.server.port)}


def test_devices_start_attached_take_faults_and_stop_without_a_trace(
    adb: Adb, tmp_path: Path
) -> None:
    said = qbench_virtual("start", "--profile", "sd865", "--count", "2").output.split()
    assert said[::2] == ["sd865-1", "sd865-2"]
    addresses = said[1::2]
    assert attached(adb) == {address: "device" for address in addresses}

    rows = json.loads(qbench_virtual("list", "--json").output)["devices"]
    assert [(row["serial"], row["address"]) for row in rows] == list(
        zip(said[::2], addresses, strict=True)
    )
    assert "profile sd865" in qbench_virtual("list").output

    qbench_virtual("fault", "sd865-1", "battery", "9")
    device = AdbDevice(addresses[0], adb.server)
    level = "cat /sys/class/power_supply/battery/capacity"
    assert device.run(level, timeout_s=60).text.strip() == "9"

    schedule = tmp_path / "faults.yaml"
    schedule.write_text("- {at_s: 0.0, fault: battery, value: 55}\n")
    assert "scheduled: 1" in qbench_virtual("fault", "sd865-1", "--schedule", str(schedule)).output
    device.run(f"until [ $({level}) = 55 ]; do sleep 0.01; done", timeout_s=60, check=True)

    assert qbench_virtual("stop", "--all").output == "sd865-1 stopped\nsd865-2 stopped\n"
    assert attached(adb) == {}
    assert list(instances.home().iterdir()) == []
    assert "none runs" in qbench_virtual("list").output


def test_settings_of_a_device_are_options(adb: Adb) -> None:
    options = ("--features", "", "--rooted", "--data-bytes", "9000000", "--time-scale", "0")
    qbench_virtual("start", "--profile", "tensor-g1", "--serial", "mine", *options)
    device = AdbDevice(instances.find("mine").address, adb.server)
    assert device.run("id -u", timeout_s=60).text == "0\n"
    assert "shell_v2" not in device.features
    assert "8792" in device.run("df /data", timeout_s=60).text  # 9 MB in KiB, whole pages


def test_a_device_that_asks_for_the_key_is_attached_unauthorized(adb: Adb) -> None:
    qbench_virtual("start", "--profile", "sd865", "--authorization", "ask")
    assert set(attached(adb).values()) == {"unauthorized"}


def test_a_device_without_power_is_not_listed(adb: Adb) -> None:
    qbench_virtual("start", "--profile", "sd865", "--no-connect")
    assert attached(adb) == {}
    qbench_virtual("fault", "sd865-1", "kill")
    with pytest.raises(NoDeviceError, match="sd865-1"):
        qbench_virtual("stop", "sd865-1")
    # Its folder does not keep the serial from being used again.
    assert "sd865-1" in qbench_virtual("start", "--profile", "sd865").output


def test_all_faults_are_listed_with_their_units() -> None:
    said = qbench_virtual("fault").output
    assert "drop-after-sent" in said
    assert "(bytes)" in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("stop",), "--all"),
        (("fault", "x"), "which fault"),
        (("start", "--profile", "sd865", "--serial", "a", "--count", "2"), "--count"),
    ],
)
def test_what_is_missing_on_the_command_line_is_told(
    arguments: tuple[str, ...], reason: str
) -> None:
    result = qbench_virtual(*arguments)
    assert result.exit_code == 2
    assert reason in result.output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("fault", "x", "dorp"), "meant drop"),
        (("fault", "x", "drop", "3"), "takes no value"),
        (("fault", "x", "rate"), "needs a value"),
        (("fault", "x", "rate", "--", "-1"), "less than nothing"),
        (("fault", "x", "battery", "101"), "more than 100"),
        (("start", "--profile", "sd865", "--serial", "../x"), "cannot be a serial"),
        (("start", "--profile", "no-such"), "no-such"),
        (("fault", "x", "--schedule", "/no/such/file"), "cannot be read"),
    ],
)
def test_wrong_input_is_an_input_error(arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        qbench_virtual(*arguments)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- {at_s: 1, fault: dorp}", "faults.yaml: at_s 1: fault 'dorp': unknown"),
        ("- {at_s: 1}", "fault"),
        ("- {at_s: -1, fault: drop}", "past"),
        ("- {at_s: 1, fault: drop, extra: 1}", "extra"),
        ("drop", "list"),
        ("[", "faults.yaml"),
    ],
)
def test_a_wrong_schedule_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "faults.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        qbench_virtual("fault", "x", "--schedule", str(tmp_path / "faults.yaml"))
    assert reason in f"{caught.value} {caught.value.hint}"


def test_an_instance_of_another_version_is_named_and_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBENCH_VIRTUAL_HOME", str(tmp_path))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "instance.json").write_text('{"pid": 1}')
    assert instances.running() == ()
    with pytest.raises(InputError, match="another version"):
        instances.find("old")


VALUES = {"delay": 0.001, "rate": 1e9, "battery": 50.0, "heat": 40.0, "throttle": 1.0}


def test_every_fault_strikes_by_command_and_by_schedule(adb: Adb, tmp_path: Path) -> None:
    started = qbench_virtual("start", "--profile", "sd865", "--no-connect").output
    serial, address = started.split()
    listed = [line.split()[0] for line in qbench_virtual("fault").output.splitlines()]
    assert listed == list(FAULTS)
    schedule = tmp_path / "all.yaml"
    lines = []
    for name, fault in FAULTS.items():
        value = VALUES.get(name, 1e8) if fault.unit else None
        if name == "reboot":
            value = 0.1
        lines.append(
            f"- {{at_s: 3600, fault: {name}, value: {'null' if value is None else value}}}"
        )
        if name != "kill":  # at the end of the schedule's test
            said = qbench_virtual("fault", serial, name, *([] if value is None else [str(value)]))
            assert said.output == f"{serial}: {name}\n"
    wait_until_accepted(AdbDevice(address, adb.server))

    schedule.write_text("\n".join(lines))
    said = qbench_virtual("fault", serial, "--schedule", str(schedule))
    assert said.output == f"{serial}: scheduled: {len(FAULTS)}\n"
    entries = load_schedule(schedule)
    assert ("kill", {}) in [(op, arguments) for _, op, arguments in entries]
    schedule.write_text("- {at_s: 0, fault: kill}")
    qbench_virtual("fault", serial, "--schedule", str(schedule))
    clock = SystemClock()
    while instances.running():
        clock.sleep_s(0.01)
