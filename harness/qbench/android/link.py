"""Through a connection that comes and goes: what the device does goes on without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from qbench.clock import Clock
from qbench.errors import (
    CommandTimeoutError,
    DeviceError,
    DisconnectedError,
    NoDeviceError,
    UnauthorizedError,
)

T = TypeVar("T")
Reconnect = Callable[[float], None]
"""Wait at most that many seconds for the device; raises DeviceError when it does not come."""
Notify = Callable[[str], None]

# NoDeviceError: a cable that is out, or a TCP device that a restarted adb server has forgotten.
# UnauthorizedError: a phone that has just started does not know any key for a moment.
_LOST = (DisconnectedError, CommandTimeoutError, NoDeviceError, UnauthorizedError)
_PAUSE_S = 1.0


class Link:
    """Does things on a device; when it is lost, waits for it for up to `patience_s` and does them
    again. So only what may be done twice goes through here."""

    def __init__(
        self, serial: str, reconnect: Reconnect, clock: Clock, *, patience_s: float, notify: Notify
    ) -> None:
        self._serial = serial
        self._reconnect = reconnect
        self._clock = clock
        self._patience_s = patience_s
        self._notify = notify

    def through(self, action: Callable[[], T]) -> T:
        """Raises DisconnectedError when the device does not come back, and what else `action`
        raises."""
        end_s: float | None = None
        while True:
            try:
                return action()
            except _LOST as error:
                if end_s is None:
                    end_s = self._clock.monotonic_s() + self._patience_s
                self._wait(error, end_s)

    def _wait(self, error: DeviceError, end_s: float) -> None:
        self._notify(f"device {self._serial}: lost ({error}); what it runs goes on")
        problem: DeviceError = error
        while (left_s := end_s - self._clock.monotonic_s()) > 0:
            try:
                self._reconnect(left_s)
            except _LOST as still:
                problem = still
                self._clock.sleep_s(min(_PAUSE_S, max(left_s, 0)))
            else:
                self._notify(f"device {self._serial}: it is back")
                return
        raise DisconnectedError(
            f"device {self._serial}: lost, and not back in {self._patience_s:g} s: {problem}",
            hint="the device finishes what it was given and puts its settings back by itself; "
            "qbench resume collects the results",
            serial=self._serial,
            command=error.command,
        ) from problem
