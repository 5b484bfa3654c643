"""Predictions beside measurements, and which of the promised limits they keep."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from scripts.validate_parts.networks import Network

from qbench.records import ComputeUnit, DeviceProfile, Interval, Prediction
from qbench.simulator.baselines import Sized, roofline_us, simple_us
from qbench.simulator.kernels import Dtype
from qbench.stats.accuracy import wilson
from qbench.stats.fidelity import Fidelity, Point

# What a calibration of this machine must reach on networks that it has not measured.
MAPE = {"fp32": 0.08, "int8": 0.05}
WORST_RATIO = 0.20
# What 90 % bands may hold. Of 57 networks a perfect band holds 82 to 98 % in 19 cases of 20, so the
# limits are for the interval of what it holds, not for the share that is counted.
COVERAGE = (0.85, 0.95)


def points(
    networks: Sequence[Network],
    measured_us: Sequence[float],
    predictions: Sequence[Prediction],
    profile: DeviceProfile,
    runtime: str,
) -> list[Point]:
    """One per network, with what the simplest predictors would have said."""
    found, sized = [], []
    for network, us, told in zip(networks, measured_us, predictions, strict=True):
        unit, dtype = ComputeUnit.CPU, Dtype(network.group)
        found.append(
            Point(
                unit=unit,
                runtime=runtime,
                device="host",
                dtype=network.group,
                model=network.name,
                threads=1,
                measured_us=us,
                predicted_us=told.p50_us,
                low_us=told.low_us,
                high_us=told.high_us,
                tier=told.tier,
            )
        )
        sized.append(
            Sized(
                model=network.name,
                settings=(network.group,),
                measured_us=us,
                macs=float(network.model.macs or 0),
                roofline_us=roofline_us(network.model, profile, unit, dtype, 1),
            )
        )
    answered = []
    for point, own in zip(found, sized, strict=True):
        flops, roofline = simple_us(own, [s for s in sized if s.settings == own.settings])
        answered.append(
            msgspec.structs.replace(point, flops_only_us=flops, roofline_only_us=roofline)
        )
    return answered


def common_factor(graded: Fidelity) -> float:
    """By how much all predictions are off together: the geometric mean of predicted to measured."""
    logs = [math.log(p.predicted_us / p.measured_us) for p in graded.points]
    return math.exp(sum(logs) / len(logs))


def shortfalls(grades: Sequence[Fidelity]) -> list[str]:
    """Every limit that is missed, in words; none when all are kept. `grades`: of
    `stats.fidelity.grade`, the first over everything."""
    missed = []
    for graded in grades[1:]:
        limit = MAPE[graded.dtype or ""]
        if graded.mape_ratio is not None and graded.mape_ratio > limit:
            missed.append(f"{graded.dtype}: MAPE {graded.mape_ratio:.1%}, more than {limit:.0%}")
    everything = grades[0]
    for point in everything.points:
        if point.error_ratio > WORST_RATIO:
            ratio = point.predicted_us / point.measured_us
            missed.append(
                f"{point.model} {point.dtype}: {ratio:.2f} of what was measured, more than "
                f"{WORST_RATIO:.0%} off"
            )
    share, (low, high) = everything.coverage_ratio or 0.0, COVERAGE
    held = coverage(everything)
    if held is None or held.high < low or held.low > high:
        missed.append(f"90 % bands hold {share:.0%}{told(held)}, not {low:.0%} to {high:.0%}")
    return missed


def coverage(graded: Fidelity) -> Interval | None:
    """The 95 % interval of the share of measurements that are inside their bands."""
    inside = sum(p.low_us <= p.measured_us <= p.high_us for p in graded.points)
    return wilson(inside, len(graded.points))


def told(share: Interval | None) -> str:
    return "" if share is None else f" ({share.low:.0%} to {share.high:.0%})"
