"""How a delegate reaches a compute unit of one device, and with which rules and limits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from qbench.errors import PlanError
from qbench.placement.checks import either
from qbench.placement.graph import Node
from qbench.placement.rules import RuleSet, document, load
from qbench.records import ComputeUnit, Delegate, DeviceProfile, Npu, NpuRoute

LADDER = (Delegate.NNAPI, Delegate.HEXAGON, Delegate.QNN)  # what `npu` tries, in this order
FIRST_NNAPI_API_LEVEL = 27
# Levels above need a runtime and a driver that were updated apart from Android; a profile does
# not tell, so none is assumed (nnapi_delegate.cc takes the lowest level of the target devices).
LAST_KNOWN_API_LEVEL = 31


class Driver(msgspec.Struct, frozen=True):
    """What stands behind a delegate and may refuse a node that the delegate would take."""

    name: str
    dtypes: tuple[str, ...]
    deny_ops: tuple[str, ...]

    def refusal(self, node: Node) -> str | None:
        if node.label in self.deny_ops:
            return f"{self.name} does not take {node.label}"
        for tensors in (node.inputs, node.outputs):
            for tensor in tensors:
                if (
                    tensor is not None
                    and tensor.dtype not in self.dtypes
                    and not tensor.is_constant
                ):
                    role = "input" if tensors is node.inputs else "output"
                    return _dtype_refused(self.name, self.dtypes, role, tensor.dtype)
        return None


@cache
def _dtype_refused(name: str, dtypes: tuple[str, ...], role: str, dtype: str) -> str:
    taken = either(dtypes)
    return f"{name} takes {taken} activations only; this node's {role} is {dtype}"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """`max_partitions` None: no limit. `route`: the way to the NPU, None for the GPU.

    `folds_half`: constant fp16 DEQUANTIZE operators are looked through (FP16GraphPartitionHelper).
    `half_whole_only`: and then the driver has to take the whole model or gets nothing of it.
    """

    executor: str
    unit: ComputeUnit
    rules: RuleSet
    max_partitions: int | None
    min_nodes: int
    folds_half: bool = False
    half_whole_only: bool = False
    driver: Driver | None = None
    route: str | None = None
    evidence: tuple[str, ...] = ()


def reach(
    delegate: Delegate,
    profile: DeviceProfile,
    max_partitions: int | None,
    min_nodes: int | None,
) -> Target:
    """The target of any delegate but `cpu`.

    Raises PlanError when the device has no such unit or route, or no rules are known.
    """
    if delegate is Delegate.GPU:
        return _gpu(profile, max_partitions, min_nodes)
    npu = profile.npu
    if npu is None:
        raise PlanError(
            f"delegate {delegate}: {profile.name} has no NPU",
            hint="choose --delegate cpu or gpu, or another --device",
        )
    way = _first_route(npu, profile) if delegate is Delegate.NPU else delegate
    route = npu.routes.get(way.value)
    if route is None:
        known = ", ".join(npu.routes) or "none"
        raise PlanError(
            f"delegate {way}: {profile.name} does not reach its {npu.name} that way, only: {known}",
            hint="choose one of these, --delegate npu for the first of them, or cpu",
        )
    if way is Delegate.NNAPI:
        return _nnapi(profile, npu, route, max_partitions, min_nodes)
    if way is Delegate.HEXAGON:
        return _hexagon(npu, route, max_partitions, min_nodes)
    raise PlanError(
        f"delegate {way}: which operators it takes is not known, so nothing can be predicted",
        hint="measure it on the device, or choose nnapi, hexagon, gpu or cpu",
    )


def _first_route(npu: Npu, profile: DeviceProfile) -> Delegate:
    for way in LADDER:
        if way.value in npu.routes:
            return way
    raise PlanError(
        f"delegate npu: {profile.name} names no way to reach its {npu.name}",
        hint="choose --delegate cpu or gpu, or add a route to the device profile",
    )


def _gpu(profile: DeviceProfile, max_partitions: int | None, min_nodes: int | None) -> Target:
    gpu = profile.gpu
    if gpu is None:
        raise PlanError(
            f"delegate gpu: {profile.name} has no GPU",
            hint="choose --delegate cpu, or another --device",
        )
    rules = load("gpu", without=("needs_opencl",) if gpu.opencl else ())
    wanted, least = _limits(rules, None, max_partitions, min_nodes)
    return Target(
        executor="gpu",
        unit=ComputeUnit.GPU,
        rules=rules,
        max_partitions=wanted,
        min_nodes=least,
        folds_half=True,
        evidence=(f"gpu: {gpu.name}",),
    )


def _nnapi(
    profile: DeviceProfile,
    npu: Npu,
    route: NpuRoute,
    max_partitions: int | None,
    min_nodes: int | None,
) -> Target:
    android = profile.android
    if android is None or android.api_level < FIRST_NNAPI_API_LEVEL:
        has = "no Android" if android is None else f"API level {android.api_level}"
        raise PlanError(
            f"delegate nnapi: {profile.name} has {has}; NNAPI begins at {FIRST_NNAPI_API_LEVEL}",
            hint="choose --delegate cpu or gpu, or another --device",
        )
    rules = load("nnapi", min(android.api_level, LAST_KNOWN_API_LEVEL))
    wanted, least = _limits(rules, route, max_partitions, min_nodes)
    name = route.accelerator or npu.name
    return Target(
        executor="nnapi",
        unit=ComputeUnit.NPU,
        rules=rules,
        max_partitions=wanted,
        min_nodes=least,
        folds_half=True,
        half_whole_only=True,
        driver=Driver(name, route.dtypes, route.deny_ops),
        route="nnapi",
        evidence=_ways(f"nnapi: {name}, API level {android.api_level}", route),
    )


def _hexagon(
    npu: Npu, route: NpuRoute, max_partitions: int | None, min_nodes: int | None
) -> Target:
    rules = load("hexagon")
    wanted, least = _limits(rules, route, max_partitions, min_nodes)
    cap: int = document("hexagon")["largest_max_partitions"]
    return Target(
        executor="hexagon",
        unit=ComputeUnit.NPU,
        rules=rules,
        max_partitions=cap if wanted is None else min(wanted, cap),
        min_nodes=least,
        driver=Driver(npu.name, route.dtypes, route.deny_ops),
        route="hexagon",
        evidence=_ways(f"hexagon: {npu.name}", route),
    )


def _ways(way: str, route: NpuRoute) -> tuple[str, ...]:
    return (way, f"deprecated: {route.deprecated}") if route.deprecated else (way,)


def _limits(
    rules: RuleSet, route: NpuRoute | None, max_partitions: int | None, min_nodes: int | None
) -> tuple[int | None, int]:
    """What was asked for, else what the device profile says, else the delegate's default."""
    check_limits(max_partitions, min_nodes)
    wanted = max_partitions
    if wanted is None and route is not None:
        wanted = route.max_partitions
    if wanted is None:
        wanted = rules.options.max_partitions
    return wanted, rules.options.min_nodes if min_nodes is None else min_nodes


def check_limits(max_partitions: int | None, min_nodes: int | None) -> None:
    bad: Mapping[str, int | None] = {"max_partitions": max_partitions, "min_nodes": min_nodes}
    for name, value in bad.items():
        if value is not None and value < 1:
            raise PlanError(
                f"{name}: {value} is not a number of {name.partition('_')[2]}",
                hint="give 1 or more, or leave it out for the delegate's own default",
            )
