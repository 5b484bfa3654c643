"""What is left on a device when qbench dies, and the commands that look after devices."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes.desk import Desk, inside, left_behind, settings_of
from fakes.virtual_phones import adb_of
from qbench.adb.connecting import disconnect_tcp
from qbench.adb.deadline import Deadline
from qbench.adb.server import connect, receive
from qbench.clock import SystemClock
from qbench.records import Measurement, Origin
from qbench.store import Session
from qbench.virtual import instances

INT8 = ("smallcnn", "--precision", "int8", "--device", "sd865")


@pytest.fixture(scope="module", params=["29", "36"])
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp(f"adb{request.param}")
    with adb_of(request.param, folder) as adb:
        yield Desk(adb, folder)


@pytest.fixture
def desk36(tmp_path: Path) -> Iterator[Desk]:
    with adb_of("36", tmp_path) as adb:
        yield Desk(adb, tmp_path)


def until(is_so: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
    clock = SystemClock()
    end_s = clock.monotonic_s() + timeout_s
    while not is_so():
        assert clock.monotonic_s() < end_s, f"not in {timeout_s:g} s: {what}"
        clock.sleep_s(0.02)


def killed_in_the_middle(desk: Desk, serial: str, *more: str) -> None:
    """`qbench run`, killed -9 as soon as the device has its first result."""
    process = desk.begin(
        *("run", *INT8, "--delegate", "nnapi", "--delegate", "gpu", "--delegate", "cpu"),
        *("--repetitions", "2", "--rest", "0", "--out", "out", *more),
    )
    try:
        until(lambda: bool(on_device(serial)), "a first result on the device")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def on_device(serial: str) -> dict[str, bytes]:
    """Finished jobs, by their names, as they are on the device."""
    base = inside(serial) / "data/local/tmp/qbench/sessions"
    return {p.name: p.read_bytes() for p in base.glob("*/results/*") if p.name.isdigit()}


def is_at_work(serial: str) -> bool:
    return "active" in left_behind(serial)


def numbers(session: Session) -> list[int]:
    return [record.sequence for record in session.records()]


def test_a_device_finishes_its_list_without_its_host_and_resume_collects_it(desk: Desk) -> None:
    with desk.phone("alone"):
        before = settings_of("alone")
        killed_in_the_middle(desk, "alone")
        (folder,) = (desk.folder / "out").iterdir()
        session = Session.find(folder)
        had = session.records()
        until(lambda: not is_at_work("alone"), "the device's end of its list")
        assert settings_of("alone") == before  # by itself, with no host
        done = on_device("alone")
        emulated = [r for r in session.plan().runs if "-emu" in r.case_id]
        assert len(emulated) == 6
        assert {int(name) for name in done} >= {r.sequence for r in emulated} - set(
            numbers(session)
        )

        resumed = desk.qbench("resume", str(folder), "--json")

        assert resumed.returncode == 0, resumed.stderr
        assert sorted(numbers(session)) == [run.sequence for run in session.plan().runs]
        assert session.records()[: len(had)] == had
        for raw in session.raw_runs():
            if raw.raw.origin is Origin.EMULATED and f"{raw.sequence:04d}" in done:
                report = (raw.raw.report or "").encode()
                assert done[f"{raw.sequence:04d}"].startswith(report)  # that one, not run again
        assert all(isinstance(r.outcome, Measurement) for r in session.records()[3:])
        assert settings_of("alone") == before
        assert left_behind("alone") == []
        again = desk.qbench("resume", str(folder), "--json")
        assert again.returncode == 0
        assert json.loads(again.stdout)["results"] == json.loads(resumed.stdout)["results"]


def plug_in(desk: Desk, address: str) -> str:
    """As adb finds an emulator: a serial that is no address, so nobody can `adb connect` it."""
    port = int(address.rpartition(":")[2])
    deadline = Deadline(10)
    with connect(desk.adb.server, deadline) as connection:
        text = f"host:emulator:{port}"
        connection.sendall(f"{len(text):04x}{text}".encode())
        receive(connection, 1, deadline)
    return f"emulator-{port - 1}"


def test_a_device_on_a_cable_is_waited_for_until_it_is_plugged_in_again(desk: Desk) -> None:
    with desk.phone("cabled") as phone:
        disconnect_tcp(desk.adb.server, phone.address)
        serial = plug_in(desk, phone.address)
        until(lambda: serial in desk.qbench("devices").stdout, "the device in the list")
        before = settings_of("cabled")
        process = desk.begin(
            *("run", *INT8, "--serial", serial, "--delegate", "gpu", "--delegate", "cpu"),
            *("--repetitions", "2", "--rest", "0.5", "--json"),
        )
        try:
            until(lambda: bool(on_device("cabled")), "a first result on the device")
            instances.ask("cabled", "drop")

            def is_over() -> bool:
                plug_in(desk, phone.address)
                return process.poll() is not None

            until(is_over, "the end of the session")
        finally:
            process.kill()
            stdout, stderr = process.communicate()
        assert process.returncode == 0, stderr
        rows = [r for r in json.loads(stdout)["results"] if r["origin"] == "emulated"]
        assert [row["failure"] for row in rows] == [None, None]
        assert settings_of("cabled") == before
        assert left_behind("cabled") == []


def test_restore_ends_what_runs_and_puts_the_settings_back_of_each_device(desk36: Desk) -> None:
    with desk36.phone("left-over"):
        before = settings_of("left-over")
        killed_in_the_middle(desk36, "left-over", "--rest", "30")
        assert settings_of("left-over") != before
        assert is_at_work("left-over")
        refused = desk36.qbench("devices", "clean")
        assert refused.returncode == 3
        assert "qbench devices restore" in refused.stderr
        restored = desk36.qbench("devices", "restore")
        assert restored.returncode == 0, restored.stderr
        assert settings_of("left-over") == before
        assert not is_at_work("left-over")
        again = desk36.qbench("devices", "restore")
        assert "nothing to put back" in again.stdout


def test_devices_are_listed_examined_and_cleaned(desk: Desk) -> None:
    with desk.phone("here") as here:
        before = settings_of("here")
        listed = json.loads(desk.qbench("devices", "--json").stdout)["attached"]
        (row,) = listed
        assert (row["serial"], row["state"], row["profile"]) == (here.address, "device", "sd865")
        assert (row["why"], row["hint"]) == (None, None)

        ran = desk.qbench("run", *INT8, "--delegate", "cpu", "--repetitions", "1", "--rest", "0")
        assert ran.returncode == 0, ran.stderr
        base = inside("here") / "data/local/tmp/qbench"
        kept_bytes = sum(p.stat().st_size for p in base.rglob("*") if p.is_file())
        assert kept_bytes > 0

        examined = desk.qbench("doctor", "--json")
        checks = json.loads(examined.stdout)["checks"]
        told = {check["name"]: check for check in checks if check["where"] == here.address}
        assert examined.returncode == (3 if "problem" in examined.stdout else 0)
        statuses = {check["status"] for check in checks}
        assert statuses <= {"ok", "warning", "problem"}
        assert all(check["fix"] for check in checks if check["status"] == "problem")
        assert len(told) >= 6, told
        assert "sd865" in examined.stdout

        old = (f"runner-{'0' * 16}", f"libraries-{'1' * 16}")
        mine = "runner-up"  # qbench makes no folder of that name
        for name in (*old, mine):
            folder = f"/data/local/tmp/qbench/{name}"
            desk.shell(here, f"mkdir {folder}; head -c 3000000 /dev/zero >{folder}/f")
        (runner,) = [p for p in base.glob("runner-*") if p.name not in (*old, mine)]
        cleaned = desk.qbench("devices", "clean")
        assert cleaned.returncode == 0, cleaned.stderr
        assert cleaned.stdout.startswith(f"{here.address}: ")
        assert sorted(p.name for p in base.iterdir() if p.is_dir()) == sorted(
            ["sessions", mine, runner.name]
        )
        freed = float(cleaned.stdout.split()[1])
        assert freed > 6, cleaned.stdout  # MB: the folders and the model
        assert "0 B freed" in desk.qbench("devices", "clean").stdout
        assert settings_of("here") == before


def test_a_dead_server_is_told_by_doctor_with_what_starts_it(desk36: Desk) -> None:
    desk36.environment["ANDROID_ADB_SERVER_PORT"] = "1"
    ran: subprocess.CompletedProcess[str] = desk36.qbench("doctor", "--json")
    assert ran.returncode == 3
    (check,) = [c for c in json.loads(ran.stdout)["checks"] if c["status"] == "problem"]
    assert check["fix"] == "adb start-server"


def test_what_is_offline_is_told_with_what_fixes_it(desk36: Desk) -> None:
    with desk36.phone("silent") as silent:
        desk36.qbench("virtual", "fault", "silent", "offline")
        desk36.qbench("virtual", "fault", "silent", "drop")

        def state() -> str:
            listed = json.loads(desk36.qbench("devices", "--json").stdout)["attached"]
            return next((r["state"] for r in listed if r["serial"] == silent.address), "gone")

        until(lambda: state() == "offline", "offline in the list")
        ran = desk36.qbench("run", *INT8, "--serial", silent.address)
        assert ran.returncode == 3
        assert "offline" in ran.stderr
        assert "hint: " in ran.stderr
