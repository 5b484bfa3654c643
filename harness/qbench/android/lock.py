"""One qbench at a time on a device, and none for ever: whoever holds it learns that another waits.

Two files for each device, locked by flock, which the kernel lets go when a process dies: `held`
is the device, `turn` the place at the head of the queue. Who waits stands in `turn`, so the holder
can see it, let go, and queue behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from qbench.android.link import Notify
from qbench.android.options import Options
from qbench.clock import Clock
from qbench.errors import CommandTimeoutError, DeviceError

_POLL_S = 0.2


class DeviceLock:
    """`name` is the device's own serial number. Not for two threads at once."""

    def __init__(self, name: str, clock: Clock, *, folder: Path | None = None) -> None:
        self._name = name
        self._clock = clock
        self._folder = folder or _shared_folder()
        self._held: int | None = None

    def acquire(self, *, timeout_s: float, on_wait: Callable[[str], None] | None = None) -> None:
        """Wait in the queue; `on_wait` is told once by whom the device is held.

        Raises CommandTimeoutError when it is not free in time, DeviceError when the lock's files
        cannot be used.
        """
        end_s = self._clock.monotonic_s() + timeout_s
        turn = self._open("turn")
        try:
            self._lock(turn, end_s, on_wait)
            held = self._open("held")
            try:
                self._lock(held, end_s, on_wait)
            except BaseException:
                os.close(held)
                raise
        finally:
            os.close(turn)
        os.ftruncate(held, 0)
        os.pwrite(held, f"process {os.getpid()}".encode(), 0)
        self._held = held

    @property
    def is_wanted(self) -> bool:
        """Does somebody wait for it?"""
        turn = self._open("turn")
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(turn)
        return False

    def release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _lock(self, handle: int, end_s: float, on_wait: Callable[[str], None] | None) -> None:
        is_told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = self._holder()
                if self._clock.monotonic_s() >= end_s:
                    raise CommandTimeoutError(
                        f"device {self._name}: in use by {holder}",
                        serial=self._name,
                        hint="wait for it to end, or take another device",
                    ) from None
                if on_wait is not None and not is_told:
                    on_wait(holder)
                    is_told = True
                self._clock.sleep_s(_POLL_S)
            else:
                return

    def _holder(self) -> str:
        with contextlib.suppress(OSError):
            handle = self._open("held")
            try:
                return os.pread(handle, 100, 0).decode("utf-8", "replace") or "another qbench"
            finally:
                os.close(handle)
        return "another qbench"

    def _open(self, which: str) -> int:
        digest = hashlib.sha256(self._name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        path = self._folder / f"{digest}.{which}"
        try:
            # Not O_CREAT on what is there: in a sticky folder the kernel forbids it for another
            # user's file (fs.protected_regular).
            try:
                return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
                with contextlib.suppress(PermissionError):
                    os.fchmod(handle, 0o666)
                return handle
        except OSError as error:
            raise DeviceError(
                f"device {self._name}: lock {path}: {error.strerror}", serial=self._name
            ) from error


class Turn:
    """The lock as a session holds it: for at most `hold_s` while another waits."""

    def __init__(
        self, lock: DeviceLock, options: Options, clock: Clock, notify: Notify, serial: str
    ) -> None:
        self._lock = lock
        self._options = options
        self._clock = clock
        self._notify = notify
        self._serial = serial
        self._since_s = 0.0

    def take(self) -> None:
        """Raises CommandTimeoutError, DeviceError."""
        self._lock.acquire(timeout_s=self._options.lock_timeout_s, on_wait=self._tell)
        self._since_s = self._clock.monotonic_s()

    def _tell(self, holder: str) -> None:
        self._notify(f"device {self._serial}: in use by {holder}; waiting")

    def is_due(self) -> bool:
        """Has it been held long enough, and does somebody wait?"""
        held_s = self._clock.monotonic_s() - self._since_s
        return held_s >= self._options.hold_s and self._lock.is_wanted

    def give_way(self) -> None:
        """Raises CommandTimeoutError when it does not come back in time."""
        self._notify(f"device {self._serial}: letting another qbench have it for a while")
        self._lock.release()
        self.take()

    def release(self) -> None:
        self._lock.release()


def _shared_folder() -> Path:
    """The same for all users of this machine, as the device is."""
    folder = Path(tempfile.gettempdir()) / "qbench-locks"
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o777 | stat.S_ISVTX)
    return folder
