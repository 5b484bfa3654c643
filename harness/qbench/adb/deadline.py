"""One total deadline for a whole operation, however many reads it takes."""

from __future__ import annotations

import time

from qbench.errors import CommandTimeoutError


class Deadline:
    """Runs from its making. Socket timeouts are per read; this is what makes them a total."""

    def __init__(self, total_s: float) -> None:
        self.total_s = total_s
        self._end_s = time.monotonic() + total_s

    def left_s(self) -> float:
        """Seconds left, above 0. Raises CommandTimeoutError when there are none."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise CommandTimeoutError(f"adb: not done in {self.total_s:g} s")
        return left_s
