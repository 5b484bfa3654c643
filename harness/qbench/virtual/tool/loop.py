"""Runs until both the number and the time are reached (benchmark_model.cc, BenchmarkModel::Run)."""

from __future__ import annotations

import time
from collections.abc import Callable

Invoke = Callable[[], int]  # returns how long it took, in microseconds


def repeat(
    invoke: Invoke, *, min_runs: int, min_s: float, max_s: float, delay_s: float = -1.0
) -> list[int]:
    """Latencies in microseconds. At least `min_runs` and `min_s`, unless `max_s` passes."""
    start_s = time.monotonic()
    samples_us: list[int] = []
    while True:
        passed_s = time.monotonic() - start_s
        if passed_s > max_s or (len(samples_us) >= min_runs and passed_s >= min_s):
            return samples_us
        samples_us.append(invoke())
        if delay_s > 0:
            time.sleep(delay_s)
