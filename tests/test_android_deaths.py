"""Runners, devices and users that end a session early; several hosts at one device."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest

from fakes.local_lab import CPU, GPU, Lab, numbers_of
from fakes.local_phone import processes_of
from qbench import formats
from qbench.android.restore import restore
from qbench.android.runner import Runner
from qbench.errors import CommandTimeoutError, DeviceError
from qbench.records import Failure, RawOutput


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


# Deaths of the runner and of the device.


def _kill_all(lab: Lab) -> None:
    for pid in processes_of(lab.phone):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_reboot_in_the_middle_costs_one_run_that_is_run_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=0.3)
    runs = lab.runs(CPU, GPU, repetitions=2)
    with lab.backend(runs) as backend:
        outputs = [backend.run(runs[0][1])]
        _kill_all(lab)
        lab.phone.write("proc/sys/kernel/random/boot_id", "another\n")
        outputs += [backend.run(case) for _, case in runs[1:]]
    assert numbers_of(outputs) == [1035] * 4
    assert any("its runner died" in note for note in lab.notes)
    lab.assert_as_before()


def test_a_run_that_kills_the_device_again_and_again_is_a_failure_and_the_others_run(
    tmp_path: Path,
) -> None:
    lab = Lab(tmp_path)
    lab.tool.write_text(lab.tool.read_text().replace("which=gpu ;;", "kill -9 $PPID; sleep 5 ;;"))
    deadly, harmless = lab.perform(lab.runs(GPU, CPU))
    outcome = formats.outcome(deadly)
    assert isinstance(outcome, Failure)
    assert outcome.error == "RunnerCrashedError"
    assert "died, 2 times in this run" in outcome.message
    assert numbers_of([harmless]) == [1035]
    lab.assert_as_before()


def test_ctrl_c_ends_the_tool_and_puts_the_device_back_and_keeps_what_was_done(
    tmp_path: Path,
) -> None:
    lab = Lab(tmp_path, run_s=0.3)
    runs = lab.runs(CPU, repetitions=3)
    backend = lab.backend(runs)
    backend.__enter__()
    backend.run(runs[0][1])
    backend.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert lab.phone.settings_of_device() == lab.before
    assert not (lab.phone.base / "active").exists()
    calls = lab.calls()
    assert numbers_of(lab.perform(runs[1:])) == [1035] * 2
    assert lab.calls() <= calls + 2
    lab.assert_as_before()


def test_a_session_of_another_host_is_not_disturbed(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=3)
    other = lab.backend(lab.runs(CPU), session="theirs")
    other.__enter__()
    assert other._turn is not None
    other._turn.release()  # another machine knows nothing of our lock
    with (
        pytest.raises(CommandTimeoutError, match="of another qbench runs on it"),
        lab.backend(lab.runs(CPU), session="ours"),
    ):
        raise AssertionError("not reached")
    restore(lab.transport, base=str(lab.phone.base))
    assert lab.phone.settings_of_device() == lab.before


def test_two_sessions_take_turns_on_one_device(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=0.2)
    outputs: dict[str, list[RawOutput]] = {}

    def work(name: str) -> None:
        outputs[name] = lab.perform(lab.runs(CPU, repetitions=3), session=name, hold_s=0.0)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [numbers_of(outputs[name]) for name in ("one", "two")] == [[1035] * 3] * 2
    assert lab.calls() == 6
    assert "device local: letting another qbench have it for a while" in lab.notes
    lab.assert_as_before()


def test_restoring_ends_what_runs_and_leaves_the_results(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=0.2)
    runs = lab.runs(CPU, repetitions=20)
    lost = lab.backend(runs)
    lost.__enter__()
    lost.run(runs[0][1])
    contact = restore(lab.transport, base=str(lab.phone.base))
    assert contact.busy is None
    assert [s.reason for s in contact.sessions] == ["stopped"]
    assert lab.phone.settings_of_device() == lab.before
    done = Runner(lab.transport, base=str(lab.phone.base)).done(contact.sessions[0].name)
    assert "0000" in done
    with pytest.raises(DeviceError, match="the session was stopped"):
        lost.run(runs[15][1])
