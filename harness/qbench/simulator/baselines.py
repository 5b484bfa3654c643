"""The simplest predictors, at their best: one factor on the multiply-accumulates, or on the data
sheet's roofline. What a simulator is worth is what it beats these by."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qbench.records import ComputeUnit, DeviceProfile, ModelInfo
from qbench.simulator import cost
from qbench.simulator.kernels import Dtype
from qbench.stats.fidelity import best_factor

FEWEST_OTHERS = 2
"""One factor needs at least as many other models."""


class Sized(msgspec.Struct, frozen=True):
    """What simple predictors look at. One factor can serve what has the same `settings`."""

    model: str
    settings: tuple[str | int | None, ...]
    measured_us: float
    macs: float
    roofline_us: float


def roofline_us(
    model: ModelInfo, profile: DeviceProfile, unit: ComputeUnit, dtype: Dtype, threads: int
) -> float:
    """Per operator the larger of MACs over the unit's peak and bytes over the memory's peak
    (Williams et al. 2009). Raises ProfileError when the profile lacks the rate."""
    rate = cost.speed(profile, unit, dtype, threads).macs_per_us
    bytes_per_us = profile.memory.bandwidth_bytes_per_s / 1e6
    tensors = model.main.tensors
    total_us = 0.0
    for op in model.main.ops:
        moved = sum(tensors[t].nbytes or 0 for t in (*op.inputs, *op.outputs) if t >= 0)
        total_us += max((op.macs or 0) / rate, moved / bytes_per_us)
    return total_us


def simple_us(own: Sized, group: Sequence[Sized]) -> tuple[float | None, float | None]:
    """(FLOPs only, roofline only): each by the factor that is best on the other models of the
    group, of the same settings where there are enough of them; None with too few."""
    others = [o for o in group if o.model != own.model]
    alike = [o for o in others if o.settings == own.settings]
    if len({o.model for o in alike}) >= FEWEST_OTHERS:
        others = alike
    if len({o.model for o in others}) < FEWEST_OTHERS:
        return None, None
    times = [o.measured_us for o in others]
    flops = best_factor([o.macs for o in others], times)
    roofline = best_factor([o.roofline_us for o in others], times)
    return (
        None if flops is None else flops * own.macs,
        None if roofline is None else roofline * own.roofline_us,
    )
