"""Settings that android_runner/ changes, cooling, and when it does not run a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.local_jobs import GOVERNOR, SETTINGS, Bench, job, job_list, script
from qbench.android.joblist import Cooling, Setting
from qbench.formats.runner import read_report

STAY_ON = "data/system/settings/global/stay_on_while_plugged_in"
FIXED = "data/system/fixed_performance_mode"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_settings_are_set_while_jobs_run_and_put_back_to_the_byte(bench: Bench) -> None:
    names = " ".join(str(bench.phone.root / n) for n in (STAY_ON, FIXED, GOVERNOR[1:]))
    tool = script(bench.phone, f"cat {names}")
    bench.phone.write(STAY_ON, "3\n")
    bench.phone.write(GOVERNOR[1:], "schedutil")  # no line's end
    bench.before = bench.phone.settings_of_device()
    bench.run(job_list(job("0001", tool)))
    assert bench.runner.result("s", "0001").stdout == b"7\ntrue\nperformance\n"
    assert len(bench.runner.prepared("s").taken) == 3
    bench.assert_as_before()


def test_a_setting_that_was_not_there_is_not_there_afterwards(bench: Bench) -> None:
    assert not (bench.phone.root / STAY_ON).exists()
    bench.run(job_list(job("0001", script(bench.phone, "exit 0"))))
    bench.assert_as_before()


FORBIDDEN = (
    Setting(kind="node", target="/sys/class/thermal/thermal_zone0/mode", value="disabled"),
    Setting(kind="node", target="/sys/class/thermal/thermal_zone0/trip_point_0_temp", value="1"),
    Setting(kind="node", target="/sys/devices/system/cpu/cpu0/online", value="0"),
    Setting(kind="node", target="/sys/devices/system/cpu/cpu0/../../x/scaling_governor", value="p"),
    Setting(kind="node", target="/sys/class/kgsl/kgsl-3d0/thermal_pwrlevel", value="0"),
    Setting(kind="settings", target="global adb_enabled", value="0"),
    Setting(kind="node", target=GOVERNOR, value="$(id)"),
)


def test_nothing_but_clocks_and_stay_awake_can_be_set(bench: Bench) -> None:
    bench.run(job_list(job("0001", script(bench.phone, "exit 0")), settings=FORBIDDEN))
    prepared = bench.runner.prepared("s")
    assert prepared.taken == ()
    assert len(prepared.refused) == len(FORBIDDEN)
    bench.assert_as_before()


def test_a_required_setting_that_is_refused_ends_the_session_before_any_job(bench: Bench) -> None:
    node = Setting(
        kind="node",
        target=GOVERNOR.replace("cpu7", "cpu9"),
        value="performance",
        is_required=True,
    )
    bench.run(job_list(job("0001", script(bench.phone, "exit 0")), settings=(*SETTINGS, node)))
    waited = bench.runner.wait("s", "0001", 1)
    assert waited.outcome == "gone"
    assert waited.session is not None
    assert waited.session.reason == "refused a setting that must be was not accepted"
    bench.assert_as_before()


def test_a_device_without_fixed_performance_mode_is_run_without(bench: Bench) -> None:
    props = bench.phone.root / "system/build.prop"
    props.write_text(
        props.read_text().replace("ro.build.version.sdk=31", "ro.build.version.sdk=29")
    )
    bench.run(job_list(job("0001", script(bench.phone, "exit 0"))))
    assert "power fixed_performance: not accepted" in bench.runner.prepared("s").refused
    bench.assert_as_before()


# Cooling.

ZONE = "sys/devices/virtual/thermal/thermal_zone3/temp"


def test_a_job_waits_until_the_device_is_cool(bench: Bench) -> None:
    bench.phone.write(ZONE, "50000\n")
    cooling = Cooling(limits=("zone:3:40000",), most_s=20, poll_s=0.1)
    bench.begin(job_list(job("0001", script(bench.phone, "exit 0")), cooling=cooling))
    waited = bench.runner.wait("s", "0001", 1)
    assert waited.outcome == "running"
    assert waited.session is not None
    assert (waited.session.phase, waited.session.job) == ("cooling", "0001")
    bench.phone.write(ZONE, "39000\n")
    assert bench.runner.wait("s", "0001", 10).outcome == "result"
    report = read_report(bench.runner.result("s", "0001").report)
    assert report.is_cool
    assert report.cooled_s > 0.5


@pytest.mark.parametrize("is_refused", [True, False])
def test_a_device_that_stays_hot_is_measured_or_not_as_asked(
    bench: Bench, is_refused: bool
) -> None:
    bench.phone.write(ZONE, "50000\n")
    cooling = Cooling(limits=("zone:3:40000",), most_s=0.2, poll_s=0.1, is_hot_refused=is_refused)
    bench.run(job_list(job("0001", script(bench.phone, "print ran")), cooling=cooling))
    found = bench.runner.result("s", "0001")
    report = read_report(found.report)
    assert not report.is_cool
    assert (report.not_run, found.stdout) == (("hot", b"") if is_refused else (None, b"ran\n"))


def test_battery_and_thermal_status_hold_a_job_back_too(bench: Bench) -> None:
    for limit, node, text in (
        ("battery:350", "sys/class/power_supply/battery/temp", "360\n"),
        ("status:0", ".device/thermal_status", "2\n"),
    ):
        before = (bench.phone.root / node).read_text()
        bench.phone.write(node, text)
        cooling = Cooling(limits=(limit,), most_s=0.1, poll_s=0.1)
        name = limit.partition(":")[0]
        jobs = job_list(job("0001", script(bench.phone, "exit 0")), cooling=cooling)
        bench.run(jobs, session=name)
        assert not read_report(bench.runner.result(name, "0001").report).is_cool
        bench.phone.write(node, before)


def test_the_least_pause_is_kept_between_jobs_and_not_before_the_first(bench: Bench) -> None:
    tool = script(bench.phone, "exit 0")
    cooling = Cooling(least_s=0.7, poll_s=0.1)
    bench.run(job_list(job("0001", tool), job("0002", tool), cooling=cooling))
    one, two = (read_report(bench.runner.result("s", name).report) for name in ("0001", "0002"))
    assert one.cooled_s < 0.3
    assert two.started_s - one.ended_s >= 0.699


def test_a_job_is_not_run_on_an_empty_battery(bench: Bench) -> None:
    bench.phone.write("sys/class/power_supply/battery/capacity", "9\n")
    jobs = job_list(job("0001", script(bench.phone, "exit 0")), least_battery_percent=25)
    bench.run(jobs)
    assert read_report(bench.runner.result("s", "0001").report).not_run == "battery 9"
