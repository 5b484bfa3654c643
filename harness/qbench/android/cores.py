"""Which cores the tool and the runner get: from the clocks that the device tells, no table."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.formats.runner import Core


def tool_mask(cores: Sequence[Core], threads: int) -> str | None:
    """taskset's mask in hexadecimal, None when the device does not tell its clocks.

    One thread gets the fastest cluster; more get every core above the slowest cluster; when they
    are more than those, all cores.
    """
    clusters = _clusters(cores)
    if len(clusters) < 2:
        return None
    above_slowest = [core for cluster in clusters[:-1] for core in cluster]
    if threads == 1:
        return _mask(clusters[0])
    if threads <= len(above_slowest):
        return _mask(above_slowest)
    return _mask([core for cluster in clusters for core in cluster])


def runner_mask(cores: Sequence[Core]) -> str | None:
    """The slowest cluster, which the tool leaves alone; None when there is but one."""
    clusters = _clusters(cores)
    return _mask(clusters[-1]) if len(clusters) > 1 else None


def watched(cores: Sequence[Core]) -> tuple[int, ...]:
    """One core of each clock domain."""
    firsts = {core.first if core.first is not None else core.number for core in cores}
    return tuple(sorted(firsts & {core.number for core in cores}))


def _clusters(cores: Sequence[Core]) -> list[list[int]]:
    """Core numbers by greatest clock, fastest first; empty when one online core does not tell."""
    online = [core for core in cores if core.is_online is not False]
    if not online or any(not core.hardware_max_khz for core in online):
        return []
    by_clock: dict[int, list[int]] = {}
    for core in online:
        by_clock.setdefault(core.hardware_max_khz or 0, []).append(core.number)
    return [by_clock[khz] for khz in sorted(by_clock, reverse=True)]


def _mask(numbers: Sequence[int]) -> str:
    return f"{sum(1 << number for number in numbers):x}"
