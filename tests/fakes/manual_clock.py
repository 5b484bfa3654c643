"""A clock whose sleeps take no time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Stands in for qbench.clock.SystemClock; `now_s` moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def sleep_s(self, duration_s: float) -> None:
        self.now_s += duration_s

    def utc_now(self) -> datetime:
        return _START + timedelta(seconds=self.now_s)
