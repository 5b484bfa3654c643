"""GPU, NNAPI, Hexagon, QNN: what their delegates would print, and how long an invoke would take."""

from __future__ import annotations

import random
import time
from pathlib import Path

import msgspec

from qbench.placement import GraphPlacement, place
from qbench.records import ComputeUnit, Delegate, DeviceProfile, ModelInfo
from qbench.virtual.tool.flags import TOOL_NAMES, Flags

# What the runtime calls the delegate, and the class of its kernel.
_RUNTIME_NAMES = {"gpu": "GPU", "nnapi": "NNAPI", "hexagon": "Hexagon", "qnn": "QNN"}
_CLASSES = {
    "gpu": "TfLiteGpuDelegateV2",
    "nnapi": "TfLiteNnapiDelegate",
    "hexagon": "TfLiteHexagonDelegate",
    "qnn": "TfLiteQnnDelegate",
}


class Applied(msgspec.Struct, frozen=True):
    """What applying a delegate printed, and where the model runs now."""

    placement: GraphPlacement
    stdout: tuple[str, ...]
    stderr: tuple[str, ...]
    is_whole: bool


def apply(model: ModelInfo, delegate: Delegate, profile: DeviceProfile, flags: Flags) -> Applied:
    """Raises PlanError when the device has no such way to an accelerator."""
    placement = place(
        model,
        delegate,
        profile,
        max_partitions=int(flags.number("max_delegated_partitions")) or None,
        min_nodes=int(flags.number("min_nodes_per_partition")) or None,
    )
    name, total = TOOL_NAMES[delegate], len(model.main.ops)
    nodes = placement.nodes
    taken = nodes.gpu if delegate is Delegate.GPU else nodes.npu
    stdout = [f"INFO: {name} delegate created."]
    stderr = [f"INFO: Created TensorFlow Lite delegate for {_RUNTIME_NAMES[delegate]}."]
    if delegate is Delegate.GPU:
        stderr += _gpu_lines(placement, taken, total)
    if delegate in (Delegate.HEXAGON, Delegate.QNN):
        stderr.append(
            f"INFO: {_CLASSES[delegate]} delegate: {taken} nodes delegated out of {total} nodes "
            f"with {placement.partitions} partitions."
        )
    if taken:
        pieces = len(_pieces(placement))
        stderr.append(
            f"VERBOSE: Replacing {taken} out of {total} node(s) with delegate "
            f"({_CLASSES[delegate]}) node, yielding {pieces} partitions for subgraph 0."
        )
    if taken == total:
        how = "completely executed by the delegate."
    elif taken:
        how = f"partially executed by the delegate w/ {placement.partitions} delegate kernels."
    else:
        how = ""
    stdout.append(
        f"INFO: Explicitly applied {name} delegate, and the model graph will be {how}"
        if how
        else f"INFO: Though {name} delegate is explicitly applied, the model graph will not be "
        "executed by the delegate."
    )
    return Applied(placement, tuple(stdout), tuple(stderr), taken == total)


def _gpu_lines(placement: GraphPlacement, taken: int, total: int) -> list[str]:
    lines = []
    if placement.refused:
        lines.append("ERROR: Following operations are not supported by GPU delegate:")
        lines += sorted({f"{node.op}: {node.reason}" for node in placement.refused})
        lines.append(
            f"{taken} operations will run on the GPU, and the remaining {total - taken} "
            "operations will run on the CPU."
            if taken
            else f"No operations will run on the GPU, and all {total} operations will run on the "
            "CPU."
        )
    if taken:
        lines += [
            "INFO: Loaded OpenCL library with dlopen.",
            "INFO: Initialized OpenCL-based API.",
            f"INFO: Created {placement.partitions} GPU delegate kernels.",
        ]
    return lines


def _pieces(placement: GraphPlacement) -> list[bool]:
    """The graph cut where it changes between the delegate and the CPU: True for the delegate."""
    kinds = [segment.unit is not ComputeUnit.CPU for segment in placement.segments]
    return [kind for index, kind in enumerate(kinds) if kind or index == 0 or kinds[index - 1]]


class Emulated:
    """Invokes that take as long as was predicted, with the scatter of the profile's noise."""

    def __init__(self, p50_us: int, profile: DeviceProfile, clock_ratio: float) -> None:
        noise = profile.noise
        self._within = noise.within_run_sigma_ratio if noise else 0.0
        between = noise.between_run_sigma_ratio if noise else 0.0
        self._random = random.Random()
        self._center_us = p50_us * self._random.lognormvariate(0, between) / clock_ratio

    def invoke(self) -> int:
        """Waits; the waiting itself is what is told, as a stopwatch would tell it."""
        wanted_us = self._center_us * self._random.lognormvariate(0, self._within)
        start_ns = time.perf_counter_ns()
        end_ns = start_ns + round(wanted_us * 1000)
        time.sleep(max(0.0, wanted_us / 1e6 - 0.0002))
        while time.perf_counter_ns() < end_ns:
            pass
        return (time.perf_counter_ns() - start_ns) // 1000


def load_profile(path: Path) -> DeviceProfile:
    return msgspec.json.decode(path.read_bytes(), type=DeviceProfile)
