"""`qbench run` on virtual devices through real adb servers of both versions, all as processes."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.adb_servers import programs
from fakes.desk import Desk, inside, left_behind, settings_of
from fakes.virtual_phones import adb_of
from qbench.records import Failure, Origin
from qbench.store import Session
from qbench.virtual import instances

SHORT = ("--repetitions", "1", "--rest", "0", "--json")  # sessions go to ./results
INT8 = ("smallcnn", "--precision", "int8")


@pytest.fixture(scope="module", params=["29", "36"])
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp(f"adb{request.param}")
    with adb_of(request.param, folder) as adb:
        yield Desk(adb, folder)
        for instance in instances.running():
            instances.stop(instance.serial)


@pytest.fixture(scope="module")
def desk36(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """For what does not depend on the server."""
    folder = tmp_path_factory.mktemp("desk")
    with adb_of("36", folder) as adb:
        yield Desk(adb, folder)
        for instance in instances.running():
            instances.stop(instance.serial)


def results(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ran.stdout)["results"]
    return found


def of_origin(ran: subprocess.CompletedProcess[str], origin: str) -> dict[str, dict[str, Any]]:
    """delegate -> row."""
    return {row["delegate"]: row for row in results(ran) if row["origin"] == origin}


def session_of(desk: Desk, ran: subprocess.CompletedProcess[str]) -> Session:
    return Session.find(desk.folder / json.loads(ran.stdout)["session_dir"])


def test_a_started_device_is_measured_beside_its_simulation_and_this_host_and_put_back(
    desk: Desk,
) -> None:
    started = desk.qbench("virtual", "start", "--profile", "sd865")
    assert started.returncode == 0, started.stderr
    serial, address = started.stdout.split()
    phone = instances.find(serial)
    desk.shell(phone, "settings put global stay_on_while_plugged_in 3")
    before = settings_of(serial)

    delegates = ("--delegate", "nnapi", "--delegate", "gpu", "--delegate", "cpu")
    ran = desk.qbench("run", *INT8, "--device", "sd865", *delegates, *SHORT)

    assert ran.returncode == 0, ran.stderr
    assert settings_of(serial) == before
    assert left_behind(serial) == []
    emulated = of_origin(ran, "emulated")
    simulated = of_origin(ran, "simulated")
    assert set(emulated) == set(simulated) == {"nnapi", "gpu", "cpu"}
    assert set(of_origin(ran, "host")) == {"cpu"}
    assert not of_origin(ran, "device")
    assert json.loads(ran.stdout)["device"]["origin"] == "emulated"
    for delegate, unit in (("nnapi", "npu"), ("gpu", "gpu"), ("cpu", "cpu")):
        assert emulated[delegate]["executed_by"] == [unit]
        assert "EMULATOR" in emulated[delegate]["taints"]
    for delegate in ("nnapi", "gpu"):  # the device waits as long as the simulator says
        ratio = emulated[delegate]["p50_us"] / simulated[delegate]["p50_us"]
        assert 0.85 < ratio < 2, (delegate, ratio)
    stopped = desk.qbench("virtual", "stop", "--all")
    assert stopped.stdout == f"{serial} stopped\n"
    assert address not in desk.qbench("devices").stdout


def test_a_setting_that_was_not_there_is_not_there_afterwards(desk36: Desk) -> None:
    with desk36.phone("fresh"):
        before = settings_of("fresh")
        assert not [name for name in before if "stay_on" in name]
        ran = desk36.qbench("run", *INT8, "--device", "sd865", "--delegate", "cpu", *SHORT)
        assert ran.returncode == 0, ran.stderr
        assert settings_of("fresh") == before


def test_fp32_is_not_delegated_by_nnapi_and_a_fallback_says_cpu(desk: Desk) -> None:
    model = ("smallcnn", "--precision", "fp32", "--device", "sd865", "--delegate", "nnapi")
    with desk.phone("fp32"):
        refused = desk.qbench("run", *model, *SHORT)
        assert refused.returncode == 4, refused.stderr
        row = of_origin(refused, "emulated")["nnapi"]
        assert row["p50_us"] is None
        assert row["failure"]["error"] == "NotDelegatedError"
        assert "--allow-fallback" in row["failure"]["message"]

        allowed = desk.qbench("run", *model, "--allow-fallback", *SHORT)
        assert allowed.returncode == 0, allowed.stderr
        row = of_origin(allowed, "emulated")["nnapi"]
        assert row["p50_us"] > 0
        assert (row["executed_by"], row["cpu_fallback"]) == (["cpu"], True)


def test_as_an_app_the_tool_is_installed_once_and_read_from_the_log(desk: Desk) -> None:
    asked = ("run", *INT8, "--device", "sd865", "--app", "--delegate", "gpu", *SHORT)
    with desk.phone("apps"):
        before = settings_of("apps")
        ran = desk.qbench(*asked)
        assert ran.returncode == 0, ran.stderr
        emulated = of_origin(ran, "emulated")
        assert (emulated["gpu"]["executed_by"], emulated["cpu"]["executed_by"]) == (
            ["gpu"],
            ["cpu"],
        )
        for record in session_of(desk, ran).records():
            assert ("app" in str(record.tool).split()) == (record.origin is Origin.EMULATED)
        assert settings_of("apps") == before
        assert left_behind("apps") == []
        assert list((inside("apps") / "data/misc/apps").iterdir()) == [], "the app is stopped"
        (apk,) = (inside("apps") / "data/app").glob("*/base.apk")
        installed = (apk.stat().st_ino, apk.stat().st_mtime_ns)
        assert desk.qbench(*asked).returncode == 0
        assert (apk.stat().st_ino, apk.stat().st_mtime_ns) == installed


def test_an_app_that_the_device_refuses_is_told_with_its_reason(
    desk36: Desk, tmp_path: Path
) -> None:
    apk = tmp_path / "of a phone.apk"
    with zipfile.ZipFile(apk, "w") as archive:
        archive.writestr("classes.dex", b"dex")
    with desk36.phone("choosy"):
        ran = desk36.qbench(
            *("run", *INT8, "--device", "sd865", "--delegate", "cpu", *SHORT),
            *("--benchmark-apk", str(apk)),
        )
        assert ran.returncode == 3
        assert "INSTALL_FAILED_NO_MATCHING_ABIS" in ran.stderr
        assert left_behind("choosy") == []


def test_two_devices_work_at_the_same_time(desk36: Desk) -> None:
    with desk36.phone("left") as left, desk36.phone("right") as right:
        both = ("--serial", left.address, "--serial", right.address)
        asked = ("run", *INT8, "--device", "sd865", *both, "--delegate", "gpu", *SHORT)
        ran = desk36.qbench(*asked, "--repetitions", "3")
        assert ran.returncode == 0, ran.stderr
        devices = {row["device"] for row in results(ran) if row["origin"] == "emulated"}
        assert len(devices) == 2
        session = session_of(desk36, ran)
        spans: dict[str, list[float]] = {}
        for raw in session.raw_runs():
            told = dict(
                line.split(" ", 1)
                for line in (raw.raw.report or "").splitlines()
                if line.startswith(("started ", "ended "))
            )
            if told:
                device = raw.case_id.rpartition("@")[2]
                spans.setdefault(device, []).extend([float(told["started"]), float(told["ended"])])
        assert len(spans) == 2
        assert max(min(s) for s in spans.values()) < min(max(s) for s in spans.values())


def test_a_device_that_no_profile_describes_is_run_with_a_generic_one(
    desk36: Desk, tmp_path: Path
) -> None:
    own = tmp_path / "mystery.yaml"
    source = (Path(__file__).parents[1] / "device_profiles/sd865.yaml").read_text()
    text = source.replace("name: sd865", "name: mystery").replace("kona", "enigma")
    own.write_text(text.replace("SM8250", "XY9999").replace("QCS8250", "QXY9"))
    with desk36.phone("unknown", profile=str(own)) as phone:
        ran = desk36.qbench("run", *INT8, "--serial", phone.address, "--delegate", "cpu", *SHORT)
        assert ran.returncode == 0, ran.stderr
        row = of_origin(ran, "emulated")["cpu"]
        assert "UNKNOWN_SOC" in row["taints"]
        assert not of_origin(ran, "simulated")  # nothing is known to simulate it by
        listed = desk36.qbench("devices").stdout
        assert "generic" in listed


def test_when_several_fit_one_has_to_be_named(desk36: Desk) -> None:
    with desk36.phone("a1") as first, desk36.phone("a2") as second:
        ran = desk36.qbench("run", *INT8, "--device", "sd865", *SHORT)
    assert ran.returncode == 3
    assert first.address in ran.stderr
    assert second.address in ran.stderr
    assert "hint: " in ran.stderr
    assert "--serial" in ran.stderr


def test_an_unauthorized_device_is_told_with_what_fixes_it(desk: Desk) -> None:
    started = desk.qbench(
        "virtual", "start", "--profile", "sd865", "--serial", "shy", "--authorization", "ask"
    )
    address = started.stdout.split()[1]
    try:
        named = desk.qbench("run", *INT8, "--serial", address, *SHORT)
        assert named.returncode == 3
        assert "unauthorized" in named.stderr
        assert "hint: " in named.stderr
        listed = json.loads(desk.qbench("devices", "--json").stdout)["attached"]
        (row,) = [row for row in listed if row["serial"] == address]
        assert row["state"] == row["why"] == "unauthorized"
        assert "accept" in row["hint"].lower()
        shown = desk.qbench("devices").stdout.splitlines()
        (place,) = [n for n, line in enumerate(shown) if address in line]
        assert shown[place].split() == [address, "unauthorized", "cannot", "be", "used"]
        assert shown[place + 1].strip() == f"hint: {row['hint']}"
        checks = json.loads(desk.qbench("doctor", "--json").stdout)["checks"]
        (check,) = [check for check in checks if check["where"] == address]
        assert (check["status"], check["fix"]) == ("problem", row["hint"])
        alone = desk.qbench("doctor", "--json", "--serial", address)
        assert alone.returncode == 3
        places = {check["where"] for check in json.loads(alone.stdout)["checks"]}
        assert places == {"adb", address}
        desk.qbench("virtual", "fault", "shy", "authorize")
    finally:
        desk.qbench("virtual", "stop", "shy")


def test_strict_refuses_a_virtual_device_and_what_is_accepted_stays_in_the_result(
    desk36: Desk,
) -> None:
    with desk36.phone("strict"):
        asked = ("run", *INT8, "--device", "sd865", "--delegate", "gpu", "--strict", *SHORT)
        refused = desk36.qbench(*asked)
        assert refused.returncode == 3
        assert "EMULATOR" in refused.stderr
        assert "--accept EMULATOR" in refused.stderr
        assert left_behind("strict") == []
        accepted = desk36.qbench(*asked, "--accept", "EMULATOR")
        assert accepted.returncode == 0, accepted.stderr
        assert "EMULATOR" in of_origin(accepted, "emulated")["gpu"]["taints"]


def test_a_broken_tool_is_a_failure_told_in_the_record(desk36: Desk) -> None:
    with desk36.phone("broken"):
        desk36.qbench("virtual", "fault", "broken", "tool-crash")
        ran = desk36.qbench("run", *INT8, "--device", "sd865", "--delegate", "gpu", *SHORT)
        assert ran.returncode == 4
        session = session_of(desk36, ran)
        failures = [r.outcome for r in session.records() if isinstance(r.outcome, Failure)]
        assert {f.error for f in failures} == {"RunnerCrashedError"}
        assert "SIGSEGV" in failures[0].message


def test_both_adb_versions_are_here() -> None:
    assert {"29", "36"} <= set(programs())
