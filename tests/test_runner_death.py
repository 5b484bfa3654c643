"""android_runner/ killed, ended, rebooted: the device is as before, to the byte."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from fakes.local_jobs import GOVERNOR, NOTE, Bench, job, job_list, script
from fakes.local_phone import processes_of, tools_that_run
from qbench.android.joblist import JobList

STAY_ON = "data/system/settings/global/stay_on_while_plugged_in"
FIXED = "data/system/fixed_performance_mode"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def _spawn(bench: Bench, jobs: JobList) -> subprocess.Popen[bytes]:
    bench.runner.give("s", jobs, NOTE)
    folder = next(bench.phone.base.glob("runner-*"))
    return bench.phone.spawn(
        "sh",
        str(folder / "runner.sh"),
        "1",
        "run",
        "s",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _running(bench: Bench, jobs: JobList) -> subprocess.Popen[bytes]:
    """A session in the middle of its job."""
    process = _spawn(bench, jobs)
    while True:
        session = bench.runner.wait("s", "0001", 0).session
        if session is not None and session.phase == "running":
            return process
        assert process.poll() is None


def _kill_at_random(bench: Bench, random_: random.Random, moment_s: float) -> None:
    """Kill the runner, alone or with all that it started, at a random moment of a session."""
    process = _spawn(
        bench, job_list(job("0001", str(bench.phone.base / "tool")), job("0002", "/none"))
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=random_.uniform(0, moment_s))
    victims = [process.pid] if random_.random() < 0.5 else processes_of(bench.phone)
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _contact_until_whole(bench: Bench, random_: random.Random) -> None:
    """Contact; now and then the contact is killed as well, and another one has to do."""
    folder = next(bench.phone.base.glob("runner-*"))
    while random_.random() < 0.4:
        process = bench.phone.spawn(
            "sh", str(folder / "runner.sh"), "1", "contact", stdout=subprocess.DEVNULL
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=random_.uniform(0, 0.08))
        process.kill()
        process.wait()
    assert bench.runner.contact().not_restored == ()


def _torture(bench: Bench, rounds: int, seed: int) -> None:
    random_ = random.Random(seed)
    script(bench.phone, "sleep 0.2")
    for _ in range(rounds):
        _kill_at_random(bench, random_, 0.9)
        _contact_until_whole(bench, random_)
        bench.assert_as_before()
        assert not tools_that_run(bench.phone)


def test_killed_at_a_random_moment_the_device_is_put_back_at_the_next_contact(
    bench: Bench,
) -> None:
    _torture(bench, rounds=12, seed=20261124)


@pytest.mark.heavy
def test_killed_at_three_hundred_random_moments_the_device_is_put_back(bench: Bench) -> None:
    _torture(bench, rounds=300, seed=3)


def test_sigterm_kills_the_tool_and_puts_the_device_back_at_once(bench: Bench) -> None:
    process = _running(bench, job_list(job("0001", script(bench.phone, "sleep 30"))))
    process.terminate()
    process.wait(timeout=5)
    bench.assert_as_before()
    assert not tools_that_run(bench.phone)


def test_sighup_is_nothing_to_the_runner(bench: Bench) -> None:
    tool = script(bench.phone, "sleep 0.6; print whole")
    process = _running(bench, job_list(job("0001", tool)))
    process.send_signal(signal.SIGHUP)
    process.wait(timeout=10)
    assert bench.runner.result("s", "0001").stdout == b"whole\n"


def _reboot(bench: Bench) -> None:
    for pid in processes_of(bench.phone):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    bench.phone.write("proc/sys/kernel/random/boot_id", f"{random.random()}-next\n")


def test_after_a_reboot_what_outlived_it_is_put_back(bench: Bench) -> None:
    process = _running(bench, job_list(job("0001", script(bench.phone, "sleep 30"))))
    _reboot(bench)
    process.wait()
    # The kernel has its own clocks again, and the mode is gone; the settings are as we left them.
    bench.phone.write(GOVERNOR[1:], "schedutil\n")
    (bench.phone.root / FIXED).unlink()
    assert (bench.phone.root / STAY_ON).read_text() == "7\n"
    assert bench.runner.contact().restored == ("settings global stay_on_while_plugged_in",)
    bench.assert_as_before()


def test_after_a_reboot_what_somebody_else_has_set_since_is_left_alone(bench: Bench) -> None:
    process = _running(bench, job_list(job("0001", script(bench.phone, "sleep 30"))))
    _reboot(bench)
    process.wait()
    bench.phone.write(GOVERNOR[1:], "powersave\n")
    bench.phone.write(STAY_ON, "1\n")
    bench.runner.contact()
    assert (bench.phone.root / STAY_ON).read_text() == "1\n"
    assert (bench.phone.root / GOVERNOR[1:]).read_text() == "powersave\n"


def test_what_cannot_be_put_back_stays_in_the_journal_and_is_told(bench: Bench) -> None:
    process = _running(bench, job_list(job("0001", script(bench.phone, "sleep 30"))))
    process.kill()
    process.wait()
    node = bench.phone.root / GOVERNOR[1:]
    node.unlink()
    node.symlink_to("/proc/version")  # which not even root may write
    told = bench.runner.contact()
    assert told.not_restored == (f"node {GOVERNOR}",)
    assert "power fixed_performance" in told.restored
    node.unlink()
    node.write_text("performance\n")
    assert bench.runner.contact().restored == (f"node {GOVERNOR}",)
    bench.assert_as_before()


def test_a_pid_that_another_process_has_now_is_not_killed(bench: Bench) -> None:
    bench.runner.give("s", job_list(job("0001", "/none")), NOTE)
    work = bench.phone.base / "sessions/s/work"
    work.mkdir()
    bystander = bench.phone.spawn("sleep", "30")
    try:
        stat = Path(f"/proc/{bystander.pid}/stat").read_text().split(" ")
        stat[21] = str(int(stat[21]) - 1)  # the tool had started earlier
        (work / "pid").write_text(" ".join(stat))
        bench.runner.contact()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
