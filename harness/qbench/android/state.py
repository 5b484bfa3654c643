"""A snapshot as the state that a run's record holds."""

from __future__ import annotations

import re

from qbench.formats.runner import Core, Prepared, Snapshot
from qbench.records import DeviceState

_CPU_ZONE = re.compile(r"cpu", re.IGNORECASE)
_BODY_ZONE = re.compile(r"skin|quiet|xo[-_]therm|shell|back", re.IGNORECASE)
_CPU, _SKIN = 0, 3  # android.os.Temperature


def state_of(snapshot: Snapshot, prepared: Prepared | None = None) -> DeviceState:
    """What could not be read stays None. `temperature_c` is `temperature_c(snapshot)`."""
    fastest = fastest_core(snapshot)
    battery = snapshot.battery
    return DeviceState(
        load_1min=snapshot.load_1min,
        available_bytes=snapshot.available_bytes,
        temperature_c=temperature_c(snapshot),
        cpu_khz=fastest.cur_khz if fastest else None,
        governor=fastest.governor if fastest else None,
        uptime_s=snapshot.uptime_s,
        boot_id=snapshot.boot_id,
        thermal_status=snapshot.thermal_status,
        battery_level_ratio=battery.level_ratio,
        battery_temperature_c=battery.temperature_c,
        battery_current_ua=battery.current_ua,
        battery_voltage_mv=battery.voltage_mv,
        is_charging=battery.is_charging,
        is_screen_on=snapshot.is_awake,
        is_power_saving=snapshot.is_power_saving,
        is_fixed_performance=prepared.is_fixed_performance if prepared else None,
    )


def fastest_core(snapshot: Snapshot) -> Core | None:
    """The core with the highest clock that its hardware can do; of equals, the last."""
    told = [core for core in snapshot.cores if core.hardware_max_khz]
    return max(told, key=lambda c: (c.hardware_max_khz or 0, c.number), default=None)


def temperature_c(snapshot: Snapshot) -> float | None:
    """Of the hottest part of the CPU; where the shell may not see that, what Android tells."""
    zones = [zone.temperature_c for zone in snapshot.zones if _CPU_ZONE.search(zone.kind)]
    if zones:
        return max(zones)
    told = [t.temperature_c for t in snapshot.temperatures if t.kind == _CPU]
    return max(told, default=None)


def body_zone(snapshot: Snapshot) -> int | None:
    """The thermal zone nearest to what a hand would feel; it follows the chip by minutes."""
    return next((z.number for z in snapshot.zones if _BODY_ZONE.search(z.kind)), None)


def skin_c(snapshot: Snapshot) -> float | None:
    return next((t.temperature_c for t in snapshot.temperatures if t.kind == _SKIN), None)
