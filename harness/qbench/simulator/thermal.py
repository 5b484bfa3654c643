"""Heat of a device under a load: two thermal nodes, and the trip points that hold its clocks.

    C1 dT1/dt = P - (T1 - T2) / R1                     chip, dissipating P
    C2 dT2/dt = (T1 - T2) / R1 - (T2 - ambient) / R2   body ("skin")

The usual compact model of phones (Therminator, Xie et al., DATE 2014, has the same heat path with
more nodes); a Galaxy S25+ was fitted with one such time constant per zone within 0.3 - 3 C. P is
constant within a step, so a step is solved exactly and may have any length.

Trip points work as Qualcomm's thermal-engine ("monitor": thresholds, thresholds_clr) and Android's
thermal HAL (HotThreshold, HotHysteresis) do it: set at the threshold, cleared below it by the
hysteresis, and the lowest cap that is set holds. Leakage that grows with heat is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, sqrt

import msgspec

from qbench.errors import ProfileError
from qbench.records import ComputeUnit, DeviceProfile, Thermal, Trip

POLL_S = 1.0
"""How often trip points are looked at: Linux sm8250.dtsi polls chip sensors every 1000 ms (250 ms
while a trip is set), public thermal-engine configurations sample skin sensors every 1000 ms."""


class Heat(msgspec.Struct, frozen=True):
    """Temperatures of the two nodes at one moment."""

    chip_c: float
    skin_c: float


def steady(thermal: Thermal, power_w: float, ambient_c: float) -> Heat:
    """Where both nodes end up under a constant power."""
    skin_c = ambient_c + power_w * thermal.skin_c_per_w
    return Heat(skin_c + power_w * thermal.chip_c_per_w, skin_c)


def step(thermal: Thermal, at: Heat, power_w: float, ambient_c: float, duration_s: float) -> Heat:
    """Both nodes `duration_s` later under a constant power: T = Tss + exp(A t) (T0 - Tss).

    The matrix exponential in closed form (Sylvester's formula): A's eigenvalues are real, negative
    and distinct, as those of every two-node RC network.
    """
    # A = ((-a, a), (b, -b - c)), 1/s
    a = 1 / (thermal.chip_c_per_w * thermal.chip_j_per_c)
    b = 1 / (thermal.chip_c_per_w * thermal.skin_j_per_c)
    c = 1 / (thermal.skin_c_per_w * thermal.skin_j_per_c)
    half = (a + b + c) / 2
    root = sqrt(((a - b - c) / 2) ** 2 + a * b)
    slow, fast = -a * c / (half + root), -half - root
    end = steady(thermal, power_w, ambient_c)
    chip, skin = at.chip_c - end.chip_c, at.skin_c - end.skin_c
    stay, turn = exp(slow * duration_s), exp(fast * duration_s)
    # exp(A t) = k0 I + k1 A
    k1 = (stay - turn) / (slow - fast)
    k0 = stay - slow * k1
    return Heat(
        end.chip_c + k0 * chip + k1 * a * (skin - chip),
        end.skin_c + k0 * skin + k1 * (b * chip - (b + c) * skin),
    )


def tripped(trips: Sequence[Trip], before: Sequence[bool], at: Heat) -> tuple[bool, ...]:
    """Which trip points are set now, given which were."""
    return tuple(
        _sensed(trip, at) >= trip.trip_c - (trip.hysteresis_c if was else 0.0)
        for trip, was in zip(trips, before, strict=True)
    )


def _sensed(trip: Trip, at: Heat) -> float:
    return at.chip_c if trip.sensor == "chip" else at.skin_c


def cap_ratio(trips: Sequence[Trip], is_set: Sequence[bool]) -> float:
    """The clocks that are allowed, as a share of the highest."""
    return min(
        (trip.clock_ratio for trip, on in zip(trips, is_set, strict=True) if on), default=1.0
    )


def unit_mw(profile: DeviceProfile, unit: ComputeUnit, threads: int) -> float:
    """Power of a busy unit at its highest clock; of the CPU: the fastest `threads` cores.

    Raises ProfileError when the profile does not tell.
    """
    thermal = thermal_of(profile)
    if unit is ComputeUnit.CPU:
        cores = [c.name for c in profile.cpu.clusters for _ in c.cores]
        return sum(thermal.cpu_core_mw[name] for name in cores[: max(1, threads)])
    found = thermal.gpu_mw if unit is ComputeUnit.GPU else thermal.npu_mw
    if found is None:
        raise ProfileError(
            f"{profile.name}: thermal.{unit.value}_mw: not known, so nothing can be said of "
            f"sustained load on the {unit.upper()}",
            hint="choose --delegate cpu, or give the power in a profile of your own",
        )
    return found


def thermal_of(profile: DeviceProfile) -> Thermal:
    """Raises ProfileError when the profile says nothing of heat."""
    if profile.thermal is None:
        raise ProfileError(
            f"{profile.name}: thermal: not known, so nothing can be said of sustained load",
            hint="choose a phone's profile, or give `thermal` in a profile of your own "
            "(device_profiles/README.md)",
        )
    return profile.thermal


def clocked_power_ratio(thermal: Thermal, clock_ratio: float) -> float:
    """Power at a lower clock over that at the highest: f V^2 (CMOS switching power), V in a line
    from `lowest_voltage_ratio` at no clock to 1."""
    voltage = thermal.lowest_voltage_ratio + (1 - thermal.lowest_voltage_ratio) * clock_ratio
    return clock_ratio * voltage * voltage
