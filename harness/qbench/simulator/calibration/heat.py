"""The step test: what a device's temperatures do under a load that comes and goes, and the two
thermal nodes (`simulator.thermal`) that explain it.

min sum ((T - T_seen) / 0.5 C)^2 over chip and skin, each node integrated exactly from look to look
under the power of that look; the logarithms of both resistances and capacities are free, and with
them the air's temperature and where both nodes began. The profile's values enter as observations
with a width of a factor of 4, so that what a short test does not show stays what it was.

Trip points, and what units take at their highest clock, are not fitted: they stay priors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from math import exp, log, sqrt
from typing import TYPE_CHECKING

import msgspec

from qbench.formats.runner import JobReport
from qbench.formats.runner.telemetry import Sample, zone_c
from qbench.records import ComputeUnit, DeviceProfile, Thermal
from qbench.simulator import thermal as rule
from qbench.simulator.thermal import Heat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NOT_DONE = "no step test: the profile's priors of heat stay"
_FITTED = ("chip_c_per_w", "chip_j_per_c", "skin_c_per_w", "skin_j_per_c")
_LEAST_LOOKS = 30
_SEEN_C = 0.5  # sensors are rounded to tenths or whole degrees
_PRIOR_LOG = log(4)
_AIR_C, _AIR_WIDTH_C = 25.0, 5.0  # PRIOR: a room
_CHIP = re.compile(r"cpu", re.I)
_SKINS = (re.compile(r"skin|quiet|xo[-_]therm", re.I), re.compile(r"batt", re.I))
_POSSIBLE_W = (0.1, 30.0)  # of a phone; else the current is told in another unit, or not at all
_LEAST_TOLD_RATIO = 0.8


class Look(msgspec.Struct, frozen=True):
    """Both temperatures at one moment, and the power since the look before."""

    at_s: float
    chip_c: float
    skin_c: float
    power_w: float


class StepTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sigma_ratio`: relative standard error of each value, near 1.4 where the test says nothing.

    `rms_c`: how far the two nodes are from what was seen. `power_basis`: whose watts these are.
    """

    chip_c_per_w: float
    chip_j_per_c: float
    skin_c_per_w: float
    skin_j_per_c: float
    ambient_c: float
    sigma_ratio: dict[str, float]
    rms_c: float
    looks: int
    duration_s: float
    power_basis: str


def with_step_test(profile: DeviceProfile, found: StepTest | None, device: str) -> DeviceProfile:
    """The profile with the nodes that were found on the device."""
    if found is None or profile.thermal is None:
        return profile
    values = {name: getattr(found, name) for name in _FITTED}
    basis = (
        f"two nodes fitted to {found.duration_s / 60:.0f} min of {device} within "
        f"{found.rms_c:.1f} C ({found.power_basis}); powers and trips: {profile.thermal.basis}"
    )
    thermal = msgspec.structs.replace(profile.thermal, basis=basis, **values)
    return msgspec.structs.replace(profile, thermal=thermal)


def looks(
    reports: Sequence[tuple[JobReport, int]], profile: DeviceProfile
) -> tuple[list[Look], str]:
    """What runs with some numbers of threads have shown, and where the power is from; no looks,
    and why, when the device does not tell both temperatures.

    Watts are the battery's, where it was told that it discharges, else the profile's priors at the
    clocks that were seen.
    """
    thermal = rule.thermal_of(profile)
    told = [(sample, report, threads) for report, threads in reports for sample in report.samples]
    battery = [_battery_w(sample, report) for sample, report, _ in told]
    is_metered = sum(w is not None for w in battery) >= _LEAST_TOLD_RATIO * max(1, len(told))
    found: list[Look] = []
    power_w = thermal.idle_mw / 1000
    for (sample, report, threads), watts in zip(told, battery, strict=True):
        chip_c, skin_c = _temperatures(sample, report)
        if chip_c is None or skin_c is None:
            continue
        if not is_metered:
            power_w = _prior_w(sample, report, profile, threads)
        elif watts is not None:
            power_w = watts
        found.append(Look(sample.at_s, chip_c, skin_c, power_w))
    if len(found) < _LEAST_LOOKS:
        return [], f"{len(found)} looks with both a chip's and a skin's temperature; {NOT_DONE}"
    return found, "watts of the battery" if is_metered else "watts are the profile's priors"


def _battery_w(sample: Sample, report: JobReport) -> float | None:
    if report.before.battery.is_charging is not False:
        return None
    if sample.battery_current_ua is None or sample.battery_voltage_uv is None:
        return None
    watts = abs(sample.battery_current_ua) * 1e-6 * sample.battery_voltage_uv * 1e-6
    return watts if _POSSIBLE_W[0] <= watts <= _POSSIBLE_W[1] else None


def _prior_w(sample: Sample, report: JobReport, profile: DeviceProfile, threads: int) -> float:
    thermal = rule.thermal_of(profile)
    highest = {core.number: core.hardware_max_khz for core in report.before.cores}
    ratios = [khz / top for core, khz in sample.cores_khz.items() if (top := highest.get(core))]
    clocked = rule.clocked_power_ratio(thermal, min(1.0, max(ratios, default=1.0)))
    busy_mw = rule.unit_mw(profile, ComputeUnit.CPU, threads) * clocked
    return (thermal.idle_mw + busy_mw) / 1000


def _temperatures(sample: Sample, report: JobReport) -> tuple[float | None, float | None]:
    """The hottest zone of the CPU; the first kind of sensor that is nearest to the skin."""
    kinds = {zone.number: zone.kind for zone in report.before.zones}
    seen = {kinds.get(number, ""): zone_c(raw) for number, raw in sample.zones_raw.items()}

    def hottest(kind: re.Pattern[str]) -> float | None:
        return max((c for name, c in seen.items() if kind.search(name)), default=None)

    skins = [hottest(kind) for kind in _SKINS]
    return hottest(_CHIP), next((c for c in skins if c is not None), None)


def fit(seen: Sequence[Look], prior: Thermal, power_basis: str) -> StepTest:
    """`seen`: at least two looks, in order."""
    import numpy as np
    from scipy.optimize import least_squares

    first = seen[0]
    centre = [log(getattr(prior, name)) for name in _FITTED]
    start = np.array([*centre, _AIR_C, first.chip_c, first.skin_c])
    widths = np.array([_PRIOR_LOG] * len(_FITTED) + [_AIR_WIDTH_C, _SEEN_C, _SEEN_C])

    def misfit(values: Array) -> Array:
        return np.concatenate([_residuals(seen, prior, values), (values - start) / widths])

    solved = least_squares(misfit, start, loss="linear", x_scale=widths)
    own = _residuals(seen, prior, solved.x) * _SEEN_C
    rms_c = sqrt(float(np.mean(own**2)))
    scale = max(1.0, rms_c / _SEEN_C)
    jacobian = np.asarray(solved.jac)
    sigmas = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian))) * scale
    values = {name: float(f"{exp(x):.4g}") for name, x in zip(_FITTED, solved.x, strict=False)}
    return StepTest(
        **values,
        ambient_c=round(float(solved.x[4]), 1),
        sigma_ratio={n: round(float(s), 3) for n, s in zip(_FITTED, sigmas, strict=False)},
        rms_c=round(rms_c, 2),
        looks=len(seen),
        duration_s=round(seen[-1].at_s - first.at_s, 1),
        power_basis=power_basis,
    )


def _residuals(seen: Sequence[Look], prior: Thermal, values: Array) -> Array:
    import numpy as np

    nodes = {name: exp(float(x)) for name, x in zip(_FITTED, values, strict=False)}
    thermal = msgspec.structs.replace(prior, **nodes)
    ambient_c, at = float(values[4]), Heat(float(values[5]), float(values[6]))
    found = [at.chip_c - seen[0].chip_c, at.skin_c - seen[0].skin_c]
    for before, now in pairwise(seen):
        at = rule.step(thermal, at, now.power_w, ambient_c, now.at_s - before.at_s)
        found += [at.chip_c - now.chip_c, at.skin_c - now.skin_c]
    return np.array(found) / _SEEN_C
