"""What is less than clean about a device at one moment, or during a run."""

from __future__ import annotations

from collections.abc import Mapping

from qbench.formats.runner.result import JobReport
from qbench.formats.runner.snapshot import Core, Snapshot
from qbench.records import Taint

LEAST_BATTERY_RATIO = 0.25  # androidx.benchmark, Errors.kt


def of_moment(snapshot: Snapshot) -> dict[Taint, str]:
    """Taint -> why, without figures, so that runs which share it tell the same."""
    found: dict[Taint, str] = {}
    battery = snapshot.battery
    if snapshot.is_power_saving:
        found[Taint.LOW_BATTERY] = "battery saver is on"
    elif battery.level_ratio is not None and battery.level_ratio < LEAST_BATTERY_RATIO:
        found[Taint.LOW_BATTERY] = f"the battery is below {LEAST_BATTERY_RATIO:.0%}"
    if battery.is_charging:
        found[Taint.CHARGING] = "the battery is charging"
    if snapshot.thermal_status:
        found[Taint.THERMAL] = "Android's thermal status is above none"
    elif any(_is_held_down(core) for core in snapshot.cores):
        found[Taint.THERMAL] = "the greatest allowed clock is below that of the hardware"
    if snapshot.is_awake:
        found[Taint.SCREEN_ON] = "the screen is on"
    return found


def of_job(report: JobReport) -> dict[Taint, str]:
    """As `of_moment`, of both ends of a job and of what was seen between them."""
    found = {**of_moment(report.after), **of_moment(report.before)}
    if Taint.THERMAL not in found:
        if any(sample.thermal_status for sample in report.samples):
            found[Taint.THERMAL] = "Android's thermal status rose above none during the run"
        elif _limit_fell(report):
            found[Taint.THERMAL] = "the greatest allowed clock fell during the run"
        elif not report.is_cool:
            found[Taint.THERMAL] = "the device did not cool down in the time given"
    return found


def _is_held_down(core: Core) -> bool:
    """Thermal drivers lower scaling_max_freq, and tell nobody. A clock that is held fixed on
    purpose, as some fixed-performance modes do, has no room between its least and its greatest."""
    highest_khz, limit_khz = core.hardware_max_khz, core.max_khz
    if highest_khz is None or limit_khz is None:
        return False
    return limit_khz < highest_khz and limit_khz != core.min_khz


def _limit_fell(report: JobReport) -> bool:
    before: Mapping[int, int | None] = {core.number: core.max_khz for core in report.before.cores}
    for core in report.after.cores:
        was = before.get(core.number)
        if was is not None and core.max_khz is not None and core.max_khz < was:
            return True
    return False
