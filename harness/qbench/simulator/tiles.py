"""How much arithmetic a unit really does: rounding up to its tiles, and where Winograd saves."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

from qbench.records import ComputeUnit, DeviceProfile, OpInfo, TensorInfo

_TAPS = (3, 4, 9, 25)  # XNNPACK's depthwise kernels; more taps are not padded
_CPU_CHANNELS = {"fp32": 8, "int8": 16, "dynamic": 16}  # of one depthwise step
_DEPTH = {ComputeUnit.GPU: 4, ComputeUnit.NPU: 32}  # channels that are stored together
_A76_FP32_TILE = (6, 8, 1)  # (rows, columns, depth) of one matrix step, gemm-config.c
_A76_INT8_TILE = (4, 16, 4)


def padded_macs(
    tensors: Sequence[TensorInfo], op: OpInfo, unit: ComputeUnit, dtype: str, profile: DeviceProfile
) -> int:
    """Multiply-accumulates with all padding; never less than the operator's own."""
    if not op.macs:
        return 0
    weights = tensors[op.inputs[1]].shape if len(op.inputs) > 1 and op.inputs[1] >= 0 else ()
    out = tensors[op.outputs[0]].shape
    if op.name == "DEPTHWISE_CONV_2D" and len(weights) == 4:
        return _depthwise(weights, prod(out[:-1]), unit, dtype)
    if op.name == "CONV_2D" and len(weights) == 4 and weights[3]:
        cout, kh, kw, cin = weights
        groups = max(1, tensors[op.inputs[0]].shape[-1] // cin)
        size = (prod(out[:-1]), cout // groups, kh * kw, cin)
        return _product(size, groups, unit, dtype, profile)
    if op.name == "FULLY_CONNECTED" and len(weights) == 2:
        size = (max(1, op.macs // prod(weights)), weights[0], 1, weights[1])
        return _product(size, 1, unit, dtype, profile)
    return op.macs


def parts(tensors: Sequence[TensorInfo], op: OpInfo, dtype: str, profile: DeviceProfile) -> int:
    """In how many equal parts XNNPACK can hand an operator to a CPU's threads: tiles of a matrix
    product, lines of a depthwise convolution's image (convolution-nhwc.c); 0: any number."""
    weights = tensors[op.inputs[1]].shape if len(op.inputs) > 1 and op.inputs[1] >= 0 else ()
    out = tensors[op.outputs[0]].shape
    if op.name == "DEPTHWISE_CONV_2D" and len(out) == 4:
        return out[0] * out[1]
    if op.name not in ("CONV_2D", "FULLY_CONNECTED") or not out or not weights:
        return 0
    mr, nr, _ = _cpu_tile(profile, dtype)
    columns = weights[0]
    groups = 1
    if op.name == "CONV_2D" and len(weights) == 4 and weights[3]:
        groups = max(1, tensors[op.inputs[0]].shape[-1] // weights[3])
    rows = prod(out) // max(1, columns)
    return ceil(rows / mr) * groups * ceil(columns // groups / nr)


def is_winograd(tensors: Sequence[TensorInfo], op: OpInfo, profile: DeviceProfile) -> bool:
    """TFLite operation_selector.cc, IsRecommendedForWinograd4x4To6x6."""
    o = op.options
    if op.name != "CONV_2D" or profile.gpu is None:
        return False
    weights, out = tensors[op.inputs[1]].shape, tensors[op.outputs[0]].shape
    if len(weights) != 4 or len(out) != 4 or weights[1:3] != (3, 3):
        return False
    if tensors[op.inputs[0]].shape[-1] != weights[3]:
        return False
    if (o.stride_h, o.stride_w, o.dilation_h or 1, o.dilation_w or 1) != (1, 1, 1, 1):
        return False
    needed_slices, needed_tiles = {"adreno6xx": (32, 128), "adreno7xx": (32, 64)}.get(
        profile.gpu.family, (16, 32)
    )
    slices = min(ceil(weights[3] / 4), ceil(weights[0] / 4))
    return slices >= needed_slices and ceil(out[1] / 4) * ceil(out[2] / 4) >= needed_tiles


def _product(
    size: tuple[int, int, int, int],
    groups: int,
    unit: ComputeUnit,
    dtype: str,
    profile: DeviceProfile,
) -> int:
    """`size`: (rows, columns of one group, taps, depth of one group)."""
    rows, columns, taps, depth = size
    if unit is ComputeUnit.CPU:
        mr, nr, kr = _cpu_tile(profile, dtype)
        return groups * _up(rows, min(mr, rows)) * _up(columns, nr) * taps * _up(depth, kr)
    step = _DEPTH[unit]
    grouped = (
        groups
        * rows
        * _up(columns, step)
        * taps
        * _up(depth, step if depth > 4 or groups > 1 else 4)
    )
    # INFERENCE: groups that would waste more than the dense product are computed as one.
    dense = rows * _up(columns * groups, step) * taps * _up(depth * groups, step)
    return min(grouped, dense) if groups > 1 else grouped


def _depthwise(weights: tuple[int, ...], pixels: int, unit: ComputeUnit, dtype: str) -> int:
    _, kh, kw, channels = weights
    taps = kh * kw
    if unit is ComputeUnit.CPU:
        padded = next((t for t in _TAPS if t >= taps), taps)
        return pixels * padded * _up(channels, _CPU_CHANNELS[dtype])
    return pixels * taps * _up(channels, _DEPTH[unit])


def _cpu_tile(profile: DeviceProfile, dtype: str) -> tuple[int, int, int]:
    core = profile.cpu.core_types[profile.cpu.clusters[0].core_type]
    if dtype == "fp32":
        return core.fp32_tile or _A76_FP32_TILE
    return core.int8_tile or _A76_INT8_TILE


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
