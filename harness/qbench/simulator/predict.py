"""A placed model -> a Prediction: kernels, their costs, their sum, its band, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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
from qbench.simulator.calibration.document import Group
from qbench.simulator.calibration.price import Priced
from qbench.simulator.cost import Coefficients, KernelCost, Speed
from qbench.simulator.kernels import Dtype, Kernel

# A prediction has a tier when at least this share of its time has it, or a better one.
_TIER_SHARE = 0.9
# Fewer whole networks do not make a calibration S3.
_S3_NETWORKS = 5
# So many operators outside of a calibration's domain are named, the others counted.
_NAMED = 4
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
    priced: Priced | None = None,
) -> Prediction:
    """`predict` from a break-down that is already there.

    What a calibration does not cover (a class of kernels that was never measured, a size far from
    any that was) gets the band of the priors, and is named in the warnings.
    """
    total_us, low_us, high_us = 0.0, 0.0, 0.0
    by_tier = dict.fromkeys(Tier, 0.0)
    by_basis: dict[str, float] = {}
    known: dict[tuple[ComputeUnit, str, Dtype, bool, bool], Rates] = {}
    far = priced.far if priced is not None else {}
    for line in lines:
        is_far = bool(line.ops) and line.ops[0] in far
        key = (line.unit, line.executor, line.dtype, line.is_calibrated, is_far)
        rate = known.get(key)
        if rate is None:
            if line.is_calibrated and priced is not None:
                rate = _calibrated(line, priced)
            else:
                rate = rates(*key[:3], profile, anchors)
            known[key] = rate
        total_us += line.time_us
        # Errors of one group are common to all its kernels, so they add up in full.
        low_us += line.time_us / rate.band_ratio
        high_us += line.time_us * rate.band_ratio
        by_tier[rate.tier] += line.time_us
        by_basis[rate.basis] = by_basis.get(rate.basis, 0.0) + line.time_us
    p50_us = max(1, round(total_us))
    warnings = [*_warnings(placement), *_outside(priced)]
    unknown = kernels.unknown_sizes(model)
    if unknown:
        warnings.append(
            f"{unknown} operators have a size that is known only when the model runs; they count "
            "as nothing"
        )
        low_us = min(low_us, total_us / _UNKNOWN_BAND_RATIO)
        high_us = max(high_us, total_us * _UNKNOWN_BAND_RATIO)
    tier = Tier.S0 if unknown else _tier(by_tier, total_us)
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
    priced: Priced | None = None,
    graph: kernels.Graph | None = None,
) -> tuple[KernelCost, ...]:
    """Every kernel's cost in execution order, each segment's own cost before its kernels.

    `priced` are those that a calibration knows; the others' come from anchors and priors. The times
    add up to the predicted median. Raises ProfileError as `predict` does.
    """
    lines: list[KernelCost] = []
    graph = graph or kernels.Graph(model)
    known: dict[tuple[ComputeUnit, str, Dtype], tuple[Speed, Coefficients]] = {}

    def rated(unit: ComputeUnit, executor: str, dtype: Dtype) -> tuple[Speed, Coefficients]:
        key = (unit, executor, dtype)
        if key not in known:
            at = cost.speed(profile, unit, dtype, threads)
            known[key] = (at, rates(*key, profile, anchors).coefficients)
        return known[key]

    of_op: dict[int, KernelCost] = {}
    if priced is not None:
        lines += [line for line in priced.lines if not line.ops]
        of_op = {line.ops[-1]: line for line in priced.lines if line.ops}
    for segment in placement.segments:
        if priced is not None and segment.unit is ComputeUnit.CPU:
            lines += _calibrated_costs(graph, segment, profile, rated, of_op, priced.unknown)
        else:
            lines += _segment_costs(graph, segment, profile, rated)
    return tuple(lines)


def _calibrated_costs(
    graph: kernels.Graph,
    segment: Segment,
    profile: DeviceProfile,
    rated: Callable[[ComputeUnit, str, Dtype], tuple[Speed, Coefficients]],
    of_op: Mapping[int, KernelCost],
    unknown: Mapping[int, str],
) -> list[KernelCost]:
    """The calibration's lines of one segment (by their last operator), and between them what it
    does not know."""
    lines = [of_op[op] for op in segment.ops if op in of_op]
    if unknown.keys().isdisjoint(segment.ops):
        return lines
    for kernel in kernels.lower(graph, segment, profile):
        if kernel.ops[0] in unknown:
            at, coefficients = rated(segment.unit, segment.executor, kernel.dtype)
            lines.append(cost.kernel_cost(kernel, at, coefficients))
    order = {op: i for i, op in enumerate(segment.ops)}
    return sorted(lines, key=lambda line: order[line.ops[-1]])


def _segment_costs(
    graph: kernels.Graph,
    segment: Segment,
    profile: DeviceProfile,
    rated: Callable[[ComputeUnit, str, Dtype], tuple[Speed, Coefficients]],
) -> list[KernelCost]:
    unit, executor = segment.unit, segment.executor
    found: list[tuple[kernels.Group, Kernel, KernelCost]] = []
    known: dict[tuple[object, ...], tuple[Kernel, KernelCost]] = {}  # networks repeat themselves
    for group in kernels.groups(graph, segment):
        form = kernels.alike(graph, group)
        one = known.get(form)
        if one is None:
            kernel = kernels.kernel(graph, group, segment, profile)
            at, coefficients = rated(unit, executor, kernel.dtype)
            one = known[form] = kernel, cost.kernel_cost(kernel, at, coefficients)
        found.append((group, *one))
    if not found:
        return []
    main = max(found, key=lambda one: one[1].macs)[1].dtype
    own_us = rated(unit, executor, main)[1].segment_us
    costs = [KernelCost((), unit, executor, main, own_us, "segment")]
    if unit is not ComputeUnit.CPU:
        moved_us = cost.segment_floor_us(unit, kernels.boundary_bytes(graph, segment))
        costs.append(KernelCost((), unit, executor, main, moved_us, "transfer"))
    for group, _, line in found:
        ops = tuple([op.index for op in group])
        costs.append(KernelCost(ops, unit, executor, line.dtype, line.time_us, line.bound_by))
    return costs


def _calibrated(line: KernelCost, priced: Priced) -> Rates:
    """How sure a calibrated line is; far outside of what was measured no more than the priors."""
    none = priors.coefficients(line.unit, line.dtype)
    if line.ops and line.ops[0] in priced.far:
        widest = max(priced.band_ratio, priors.band_ratio(line.unit, line.dtype))
        return Rates(none, widest, Tier.S0, priced.basis)
    return Rates(none, priced.band_ratio, _tier_with(priced.networks), priced.basis)


def tier_of(group: Group) -> Tier:
    """What a prediction may claim that rests on this group alone."""
    return _tier_with(len(group.anchors))


def _tier_with(networks: int) -> Tier:
    return Tier.S3 if networks >= _S3_NETWORKS else Tier.S2


def _outside(priced: Priced | None) -> list[str]:
    """What the calibration does not cover, in words that name operators."""
    if priced is None:
        return []
    found = priced.unknown | priced.far
    if not found:
        return []
    named = [f"node {op}: {found[op]}" for op in sorted(found)]
    more = f"; and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ["out of the calibration: " + "; ".join(named[:_NAMED]) + more]


def _tier(by_tier: dict[Tier, float], total_us: float) -> Tier:
    """The best tier that nearly all of the time has, or a better one."""
    reached = 0.0
    for tier in sorted(Tier, reverse=True):
        reached += by_tier[tier]
        if total_us > 0 and reached >= _TIER_SHARE * total_us:
            return tier
    return Tier.S0


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
