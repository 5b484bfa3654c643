"""Heat and battery of a virtual device, moving with its load. Constants are of no real phone.

Two thermal nodes, the chip within the body: dT/dt = (P R - (T - T_outside)) / tau for each, P being
dissipated in the chip and passed on to the body. Above the trip point the clocks fall, as
thermal-engine does it, by a step for each degree.
"""

from __future__ import annotations

import math

import msgspec

AMBIENT_C = 25.0
_CHIP_C_PER_W, _CHIP_TAU_S = 6.0, 8.0
_BODY_C_PER_W, _BODY_TAU_S = 5.0, 240.0
_IDLE_W, _DEFAULT_FULL_LOAD_W = 0.25, 6.0
_TRIP_C, _THROTTLE_RATIO_PER_C, _LOWEST_RATIO = 75.0, 0.04, 0.4
_BATTERY_WH, _BATTERY_V = 15.0, 4.1
# android.os.PowerManager THERMAL_STATUS: none, light, moderate, severe, critical, by body heat.
_STATUS_C = (37.0, 41.0, 45.0, 50.0)


class Physics(msgspec.Struct, frozen=True, kw_only=True):
    """The state at one moment. `forced_clock_ratio`: what a fault says, whatever the heat."""

    chip_c: float = AMBIENT_C + 5
    body_c: float = AMBIENT_C + 4
    battery_ratio: float = 0.87
    power_w: float = _IDLE_W
    full_load_w: float = _DEFAULT_FULL_LOAD_W
    forced_clock_ratio: float | None = None

    @property
    def clock_ratio(self) -> float:
        """Highest clock that is allowed now, as a share of the highest there is."""
        if self.forced_clock_ratio is not None:
            return self.forced_clock_ratio
        over_c = max(0.0, math.floor(self.chip_c - _TRIP_C))
        return max(_LOWEST_RATIO, 1 - _THROTTLE_RATIO_PER_C * over_c)

    @property
    def thermal_status(self) -> int:
        return sum(self.body_c >= limit_c for limit_c in _STATUS_C)


def step(state: Physics, load_ratio: float, duration_s: float) -> Physics:
    """The state `duration_s` later, under a load from 0 (idle) to 1 (all cores)."""
    load = min(max(load_ratio, 0.0), 1.0)
    power_w = _IDLE_W + load * state.clock_ratio * (state.full_load_w - _IDLE_W)
    # Exact for a constant power, so that scaled time may take steps of any length.
    body_c = _relax(state.body_c, AMBIENT_C + power_w * _BODY_C_PER_W, duration_s / _BODY_TAU_S)
    chip_c = _relax(state.chip_c, body_c + power_w * _CHIP_C_PER_W, duration_s / _CHIP_TAU_S)
    spent_ratio = power_w * duration_s / 3600 / _BATTERY_WH
    return msgspec.structs.replace(
        state,
        chip_c=chip_c,
        body_c=body_c,
        battery_ratio=max(0.0, state.battery_ratio - spent_ratio),
        power_w=power_w,
    )


def _relax(value: float, target: float, time_constants: float) -> float:
    return target + (value - target) * math.exp(-time_constants)


def nodes(state: Physics, max_khz: dict[int, int]) -> dict[str, str]:
    """What the kernel shows of it; `max_khz`: core number -> its highest clock."""
    zones = {0: state.chip_c, 1: state.chip_c - 1, 2: state.chip_c - 4}
    zones |= {3: state.body_c - 1, 4: state.body_c}  # kernel.ZONES: battery, quiet-therm
    thermal = "sys/devices/virtual/thermal/thermal_zone"
    supply = "sys/class/power_supply/battery"
    found = {f"{thermal}{zone}/temp": f"{round(c * 10) * 100}\n" for zone, c in zones.items()}
    found |= {
        f"{supply}/capacity": f"{math.ceil(state.battery_ratio * 100)}\n",
        f"{supply}/temp": f"{round(zones[3] * 10)}\n",
        f"{supply}/current_now": f"{-round(state.power_w / _BATTERY_V * 1000) * 1000}\n",
        ".device/thermal_status": f"{state.thermal_status}\n",
    }
    for core, highest_khz in max_khz.items():
        allowed = f"{round(highest_khz * state.clock_ratio)}\n"
        clocks = f"sys/devices/system/cpu/cpu{core}/cpufreq"
        # drivers/thermal/cpufreq_cooling.c lowers the policy's greatest clock, which sysfs shows.
        found[f"{clocks}/scaling_max_freq"] = allowed
        found[f"{clocks}/scaling_cur_freq"] = allowed
    return found
