"""One at a time on a device, in order, and none for ever; and links that come and go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.manual_clock import ManualClock
from qbench.android.link import Link
from qbench.android.lock import DeviceLock, Turn
from qbench.android.options import Options
from qbench.errors import (
    CommandError,
    CommandTimeoutError,
    DeviceError,
    DisconnectedError,
    NoDeviceError,
    UnauthorizedError,
)


def _lock(folder: Path, name: str = "phone") -> DeviceLock:
    return DeviceLock(name, ManualClock(), folder=folder)


def test_a_held_device_is_not_given_twice_and_its_holder_is_named(tmp_path: Path) -> None:
    first, second = _lock(tmp_path), _lock(tmp_path)
    first.acquire(timeout_s=0)
    told: list[str] = []
    with pytest.raises(CommandTimeoutError, match=f"phone: in use by process {os.getpid()}"):
        second.acquire(timeout_s=5, on_wait=told.append)
    assert told == [f"process {os.getpid()}"]
    first.release()
    second.acquire(timeout_s=0)


def test_devices_do_not_hinder_each_other(tmp_path: Path) -> None:
    first, second = _lock(tmp_path, "one"), _lock(tmp_path, "two")
    first.acquire(timeout_s=0)
    second.acquire(timeout_s=0)


@pytest.mark.parametrize("name", ["../../x", "a b", "\n", "\udcff", "x" * 5000, ""])
def test_any_serial_is_only_a_name(tmp_path: Path, name: str) -> None:
    lock = _lock(tmp_path, name)
    lock.acquire(timeout_s=0)
    lock.release()
    assert {path.parent for path in tmp_path.rglob("*")} == {tmp_path}


def test_a_process_that_dies_lets_go(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from qbench.android.lock import DeviceLock\n"
        "from qbench.clock import SystemClock\n"
        "DeviceLock('phone', SystemClock(), folder=Path(sys.argv[1])).acquire(timeout_s=0)\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(CommandTimeoutError):
            _lock(tmp_path).acquire(timeout_s=0)
        child.kill()
        child.wait()
    _lock(tmp_path).acquire(timeout_s=0)


def test_a_waiting_one_is_seen_by_the_holder_who_gives_way_only_after_its_time(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    notes: list[str] = []
    holder = DeviceLock("phone", clock, folder=tmp_path)
    turn = Turn(holder, Options(hold_s=60), clock, notes.append, "phone")
    turn.take()
    assert not holder.is_wanted

    class Waiting(ManualClock):
        """Looks at the holder while it waits, and makes room for itself in the end."""

        def sleep_s(self, duration_s: float) -> None:
            seen.append((holder.is_wanted, turn.is_due()))
            clock.now_s += 40
            if turn.is_due():
                holder.release()

    seen: list[tuple[bool, bool]] = []
    other = DeviceLock("phone", Waiting(), folder=tmp_path)
    other.acquire(timeout_s=10)
    assert seen == [(True, False), (True, False)]
    other.release()
    turn.give_way()
    assert notes == ["device phone: letting another qbench have it for a while"]
    assert not turn.is_due()
    turn.release()


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="No such file or directory"):
        _lock(tmp_path / "none").acquire(timeout_s=0)


def test_the_lock_follows_no_link_out_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    folder.mkdir()
    lock = _lock(folder)
    lock.acquire(timeout_s=0)
    lock.release()
    target = tmp_path / "precious"
    target.write_text("kept")
    for path in folder.iterdir():
        path.unlink()
        path.symlink_to(target)
    with pytest.raises(DeviceError):
        _lock(folder).acquire(timeout_s=0)
    assert target.read_text() == "kept"


# The link.


class _Phone:
    """Fails as told, then works. `lost_for` counts reconnections that fail."""

    def __init__(self, failures: list[DeviceError], lost_for: int = 0) -> None:
        self.clock = ManualClock()
        self.failures = failures
        self.lost_for = lost_for
        self.tries = 0
        self.notes: list[str] = []

    def action(self) -> str:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    def reconnect(self, timeout_s: float) -> None:
        if self.lost_for:
            self.lost_for -= 1
            raise CommandTimeoutError("still offline")

    def link(self, patience_s: float = 60) -> Link:
        return Link(
            "phone", self.reconnect, self.clock, patience_s=patience_s, notify=self.notes.append
        )


@pytest.mark.parametrize(
    "error", [DisconnectedError("x"), CommandTimeoutError("x"), NoDeviceError("x"),
              UnauthorizedError("x")],
)  # fmt: skip
def test_a_lost_device_is_waited_for_and_asked_again(error: DeviceError) -> None:
    phone = _Phone([error], lost_for=5)
    assert phone.link().through(phone.action) == "done"
    assert phone.tries == 2
    assert phone.notes == [
        "device phone: lost (x); what it runs goes on",
        "device phone: it is back",
    ]


def test_a_device_that_does_not_come_back_is_given_up_with_what_is_left_to_do() -> None:
    phone = _Phone([DisconnectedError("x")] * 99, lost_for=9999)
    with pytest.raises(DisconnectedError, match="not back in 60 s: still offline") as caught:
        phone.link().through(phone.action)
    assert "qbench resume collects" in (caught.value.hint or "")
    assert 60 <= phone.clock.now_s < 62


def test_patience_is_in_all_not_for_each_loss() -> None:
    phone = _Phone([DisconnectedError("x")] * 99, lost_for=9999)
    phone.lost_for = 0

    def slow(timeout_s: float) -> None:
        phone.clock.now_s += 7

    link = Link("phone", slow, phone.clock, patience_s=20, notify=phone.notes.append)
    with pytest.raises(DisconnectedError):
        link.through(phone.action)
    assert phone.tries <= 4


def test_what_is_no_loss_passes_at_once() -> None:
    phone = _Phone([CommandError("no")])
    with pytest.raises(CommandError):
        phone.link().through(phone.action)
    assert phone.tries == 1
