"""Choosing a device, starting a server, coming back after a loss."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fakes.adb_servers import programs
from fakes.virtual_phones import adb_of, phone
from qbench.adb.connecting import (
    choose,
    connect_tcp,
    disconnect_tcp,
    is_tcp,
    wait_until_usable,
)
from qbench.adb.deadline import Deadline
from qbench.adb.device import AdbDevice
from qbench.adb.listing import AttachedDevice, list_devices
from qbench.adb.server import AdbServer, query, server_version
from qbench.adb.starting import ensure_server, start_server
from qbench.adb.states import error_for_refusal, hint_for_state
from qbench.errors import (
    CommandError,
    CommandTimeoutError,
    DisconnectedError,
    NoDeviceError,
    QBenchError,
    UnauthorizedError,
)


def attached(serial: str, state: str = "device") -> AttachedDevice:
    return AttachedDevice(serial=serial, state=state, props={})


def test_the_only_usable_device_is_chosen() -> None:
    assert choose([attached("a", "offline"), attached("b")], None).serial == "b"
    assert choose([attached("a"), attached("b")], "a").serial == "a"


@pytest.mark.parametrize(
    ("devices", "serial", "error", "message", "hint"),
    [
        ([], None, NoDeviceError, "none is attached", "USB debugging"),
        ([attached("a"), attached("b")], None, NoDeviceError, "a, b", "--serial"),
        ([attached("a")], "c", NoDeviceError, "attached: a", "adb connect"),
        ([], "c", NoDeviceError, "attached: none", "adb connect"),
        ([attached("a", "unauthorized")], None, UnauthorizedError, "a: unauthorized", "accept"),
        ([attached("a", "offline")], "a", DisconnectedError, "a: offline", "replug"),
        ([attached("a", "no permissions")], None, UnauthorizedError, "a: no per", "udev"),
        ([attached("a", "recovery")], None, DisconnectedError, "a: recovery", "adb reboot"),
        ([attached("a", "bootloader")], None, DisconnectedError, "a: boot", "fastboot reboot"),
        ([attached("a", "sideload")], None, DisconnectedError, "a: side", "adb reboot"),
        ([attached("a", "of the future")], None, DisconnectedError, "future", "kill-server"),
    ],
)
def test_what_cannot_be_chosen_says_why_and_what_to_do(
    devices: list[AttachedDevice],
    serial: str | None,
    error: type[QBenchError],
    message: str,
    hint: str,
) -> None:
    with pytest.raises(error, match=message) as caught:
        choose(devices, serial)
    assert hint in (caught.value.hint or "")


def test_every_state_but_device_has_a_hint() -> None:
    assert hint_for_state("device") is None
    for state in ("offline", "unauthorized", "authorizing", "connecting", "host", "detached"):
        assert hint_for_state(state)


def test_a_refusal_without_words_is_a_lost_link() -> None:
    assert isinstance(error_for_refusal("closed", "S"), DisconnectedError)
    assert isinstance(error_for_refusal("", "S"), DisconnectedError)
    assert isinstance(error_for_refusal("something else", "S"), CommandError)


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("127.0.0.1:5555", True),
        ("phone.local:40001", True),
        ("[::1]:5555", True),
        ("R58M123ABCD", False),
        ("emulator-5554", False),
        ("adb-1A (2)._adb-tls-connect._tcp", False),
    ],
)
def test_a_tcp_serial_is_an_address(serial: str, expected: bool) -> None:
    assert is_tcp(serial) is expected


# Servers.


def test_a_server_is_started_where_none_runs_and_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with adb_of("29", tmp_path) as adb:  # for a free port and a home of its own
        monkeypatch.setenv("ADBUTILS_ADB_PATH", adb.program)
        port = adb.server.port
        query_without_answer(adb.server)
        server = ensure_server(port=port)
        try:
            assert server_version(port=server.port) == 41
            assert ensure_server(port=server.port) == server
        finally:
            query_without_answer(server)


def query_without_answer(server: AdbServer) -> None:
    """End a server: `adb kill-server`."""
    try:
        query(server, "host:kill", Deadline(2))
    except QBenchError:
        return


def test_a_server_elsewhere_is_never_started() -> None:
    with pytest.raises(NoDeviceError) as caught:
        ensure_server(host="127.0.0.2", port=1)
    assert "on that machine" in (caught.value.hint or "")


def test_a_program_that_cannot_start_a_server_is_told_with_its_words(tmp_path: Path) -> None:
    fake = tmp_path / "adb"
    fake.write_text("#!/bin/sh\necho starting\necho the reason\nexit 1\n")
    server = AdbServer(host="127.0.0.1", port=1)
    with pytest.raises(CommandError, match="cannot be run"):
        start_server(server, program=str(fake))
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(CommandError, match="the reason") as caught:
        start_server(server, program=str(fake))
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("version", ["29", "36"])
def test_a_device_over_tcp_survives_the_end_of_the_server(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with adb_of(version, tmp_path) as adb, phone(adb, "survivor") as found:
        monkeypatch.setenv("ADBUTILS_ADB_PATH", programs()[version])
        monkeypatch.setenv("ADB_USB", "0")
        found.shell("true")
        query_without_answer(adb.server)
        with pytest.raises(QBenchError):
            found.device.run("true", timeout_s=1)
        wait_until_usable(found.device, timeout_s=60)  # starts one and connects again
        try:
            assert found.shell("echo back") == "back"
        finally:
            query_without_answer(adb.server)


def test_a_device_that_never_answers_cannot_be_connected_within_the_deadline(
    tmp_path: Path,
) -> None:
    with adb_of("29", tmp_path) as adb, phone(adb, "mute", is_connected=False) as mute:
        mute.ask("set_faults", is_offline=True)
        with pytest.raises(CommandTimeoutError):
            connect_tcp(adb.server, mute.serial, timeout_s=0.3)


def test_disconnecting_forgets_the_device(tmp_path: Path) -> None:
    with adb_of("29", tmp_path) as adb, phone(adb, "leaving") as leaving:
        disconnect_tcp(adb.server, leaving.serial)
        assert list_devices(port=adb.server.port) == ()
        disconnect_tcp(adb.server, leaving.serial)  # nothing to do
        with pytest.raises(NoDeviceError, match="not found"):
            AdbDevice(leaving.serial, adb.server).run("true", timeout_s=2)
