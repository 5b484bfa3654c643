"""Time, passed in, so that no test has to wait."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def monotonic_s(self) -> float: ...
    def sleep_s(self, duration_s: float) -> None: ...
    def utc_now(self) -> datetime:
        """The time of day, in UTC, aware."""
        ...


class SystemClock:
    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep_s(self, duration_s: float) -> None:
        time.sleep(duration_s)

    def utc_now(self) -> datetime:
        return datetime.now(UTC)
