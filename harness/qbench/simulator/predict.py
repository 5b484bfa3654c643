"""A placed model -> a Prediction: kernels, their costs, their sum, its band, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from qbench.placement import GraphPlacement, Segment
from qbench.records import (
    ComputeUnit,
    Delegate,
    DeviceProfile,
    ModelInfo,
    Prediction,
    Tier,
)
from qbench.simulator import cost, dynamics, kernels, priors
from qbench.simulator.anchors import Anchors
from qbench.simulator.cost import Coefficients, KernelCost, Speed
from qbench.simulator.kernels import Dtype

# A prediction is S1 when at least this share of its time comes from fitted groups.
_S1_SHARE = 0.9
# PRIOR: how far TFLite's own kernels may be off: their kernels differ more by version than any.
_BUILTIN_BAND_RATIO = 3.0
# With operators whose size is not known, nothing below this band is honest.
_UNKNOWN_BAND_RATIO = 3.0


class Rates(msgspec.Struct, frozen=True):
    """What one unit and data type is priced with, and how sure that is."""

    coefficients: Coefficients
    band_ratio: float
    tier: Tier
    basis: str


def rates(
    unit: ComputeUnit, executor: str, dtype: Dtype, profile: DeviceProfile, anchors: Anchors | None
) -> Rates:
    """Fitted on published latencies of this unit, executor and data type, else the priors."""
    group = anchors.group(unit, executor, dtype) if anchors is not None else None
    if executor == "builtin":
        # No published row is of a network that ran on TFLite's own kernels as a whole.
        known = group.coefficients if group is not None else priors.coefficients(unit, dtype)
        basis = f"{unit.upper()} {dtype} on TFLite's own kernels: priors"
        return Rates(known, _BUILTIN_BAND_RATIO, Tier.S0, basis)
    if group is not None:
        return Rates(group.coefficients, group.residuals.band_ratio, Tier.S1, group.basis)
    return Rates(
        priors.coefficients(unit, dtype),
        priors.band_ratio(unit, dtype),
        Tier.S0,
        f"{unit.upper()} {dtype}: data sheet of the {profile.title} and priors",
    )


def predict(
    model: ModelInfo,
    placement: GraphPlacement,
    profile: DeviceProfile,
    *,
    threads: int,
    anchors: Anchors | None,
) -> Prediction:
    """The median invoke latency with its 90 % band.

    A delegate that takes no node gives exactly the CPU's prediction, marked `cpu_fallback`.
    Raises ProfileError when the profile lacks a rate that is needed.
    """
    lines = breakdown(model, placement, profile, threads=threads, anchors=anchors)
    return prediction(model, placement, profile, lines, anchors=anchors)


def prediction(
    model: ModelInfo,
    placement: GraphPlacement,
    profile: DeviceProfile,
    lines: Sequence[KernelCost],
    *,
    anchors: Anchors | None,
) -> Prediction:
    """`predict` from a break-down that is already there."""
    total_us, low_us, high_us, fitted_us = 0.0, 0.0, 0.0, 0.0
    by_basis: dict[str, float] = {}
    known: dict[tuple[ComputeUnit, str, Dtype], Rates] = {}
    for line in lines:
        key = (line.unit, line.executor, line.dtype)
        rate = known.get(key) or known.setdefault(key, rates(*key, profile, anchors))
        total_us += line.time_us
        # Errors of one group are common to all its kernels, so they add up in full.
        low_us += line.time_us / rate.band_ratio
        high_us += line.time_us * rate.band_ratio
        fitted_us += line.time_us if rate.tier is Tier.S1 else 0.0
        by_basis[rate.basis] = by_basis.get(rate.basis, 0.0) + line.time_us
    p50_us = max(1, round(total_us))
    warnings = list(_warnings(placement))
    unknown = kernels.unknown_sizes(model)
    if unknown:
        warnings.append(
            f"{unknown} operators have a size that is known only when the model runs; they count "
            "as nothing"
        )
        low_us = min(low_us, total_us / _UNKNOWN_BAND_RATIO)
        high_us = max(high_us, total_us * _UNKNOWN_BAND_RATIO)
    tier = (
        Tier.S1 if total_us > 0 and fitted_us >= _S1_SHARE * total_us and not unknown else Tier.S0
    )
    parts = sorted(by_basis, key=lambda basis: -by_basis[basis])
    return Prediction(
        p50_us=p50_us,
        low_us=max(1, min(p50_us, int(low_us))),
        high_us=max(p50_us, round(high_us)),
        tier=tier,
        placement=placement.to_record(),
        basis="; ".join(parts) or "the model computes nothing",
        p90_us=round(p50_us * dynamics.p90_ratio(profile.noise)) if profile.noise else None,
        cpu_fallback=_is_fallback(placement),
        warnings=tuple(warnings),
    )


def breakdown(
    model: ModelInfo,
    placement: GraphPlacement,
    profile: DeviceProfile,
    *,
    threads: int,
    anchors: Anchors | None,
) -> tuple[KernelCost, ...]:
    """Every kernel's cost in execution order, each segment's own cost before its kernels.

    The times add up to the predicted median. Raises ProfileError as `predict` does.
    """
    lines: list[KernelCost] = []
    graph = kernels.Graph(model)
    known: dict[tuple[ComputeUnit, str, Dtype], tuple[Speed, Coefficients]] = {}

    def priced(unit: ComputeUnit, executor: str, dtype: Dtype) -> tuple[Speed, Coefficients]:
        key = (unit, executor, dtype)
        if key not in known:
            at = cost.speed(profile, unit, dtype, threads)
            known[key] = (at, rates(*key, profile, anchors).coefficients)
        return known[key]

    for segment in placement.segments:
        lines += _segment_costs(graph, segment, profile, priced)
    return tuple(lines)


def _segment_costs(
    graph: kernels.Graph,
    segment: Segment,
    profile: DeviceProfile,
    priced: Callable[[ComputeUnit, str, Dtype], tuple[Speed, Coefficients]],
) -> list[KernelCost]:
    unit, executor = segment.unit, segment.executor
    found = kernels.lower(graph, segment, profile)
    if not found:
        return []
    main = max(found, key=lambda kernel: kernel.macs).dtype
    own_us = priced(unit, executor, main)[1].segment_us
    if unit is not ComputeUnit.CPU:
        own_us += cost.segment_floor_us(unit, kernels.boundary_bytes(graph, segment))
    costs = [KernelCost((), unit, executor, main, own_us, "segment")]
    for kernel in found:
        at, coefficients = priced(unit, executor, kernel.dtype)
        costs.append(cost.kernel_cost(kernel, at, coefficients))
    return costs


def _is_fallback(placement: GraphPlacement) -> bool:
    nodes = placement.nodes
    return placement.delegate is not Delegate.CPU and nodes.gpu + nodes.npu == 0


def _warnings(placement: GraphPlacement) -> list[str]:
    if placement.delegate is Delegate.CPU:
        return []
    nodes = placement.nodes
    total = nodes.cpu + nodes.gpu + nodes.npu
    if _is_fallback(placement):
        return [
            f"{placement.delegate} takes none of the {total} operators{_chief_reason(placement)}: "
            "all run on the CPU, and this is the CPU's latency"
        ]
    if nodes.cpu:
        return [f"{nodes.cpu} of {total} operators run on the CPU"]
    return []


def _chief_reason(placement: GraphPlacement) -> str:
    """Why the delegate refused most of what computes, in brackets.

    Unpacking of fp16 weights is refused only because its readers are.
    """
    computing = [node for node in placement.refused if node.op != "DEQUANTIZE"]
    counts: dict[str, int] = {}
    for node in computing or placement.refused:
        counts[node.reason] = counts.get(node.reason, 0) + 1
    return f" ({max(counts, key=lambda reason: counts[reason])})" if counts else ""
