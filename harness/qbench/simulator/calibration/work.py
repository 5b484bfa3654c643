"""From a placed model to the work of its kernels: amounts that a calibration has a price for.

Terms and their reasons, for XNNPACK's kernels as its sources and measurements have them:

- a matrix product is cut in tiles of rows x columns (gemm-config.c), rounded up in both, with the
  depth rounded up too: `macs` are padded. Each tile costs something of its own (`tiles`: loading
  the bias, clamping, requantizing, storing), and for a convolution with a window each tap of each
  tile (`tap_tiles`: following pointers). Rows of the input are fetched once per row of tiles
  (`row_bytes`), and for every column of tiles again when one tile's share of both sides does not
  fit in the first cache (`row_spill_bytes`). Weights are read once per row of tiles
  (`weight_pass_bytes`). A product with one row has kernels of its own (`vector_*`); an odd number
  of columns of tiles has another one (`vector_odd_macs`): with AVX-512, fp32 weights of 1024 x 992,
  1016 and 1024 were read at 94 GB/s, of 1024 x 520, 1001 and 1008 at 60.
- a depthwise convolution rounds taps up to 9 or 25 and channels to a tile; its weights and lines
  of the image may not fit in the first cache (`spilled_macs`). With more taps, or several outputs
  for each channel, it is a matrix product of as many groups as there are channels.
- all else moves values, with a price for each and one for each pixel where rows are short.

Every kernel has `call`, and `cold_*` and `far_*` bytes, see `reuse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, prod

import msgspec

from qbench.placement import GraphPlacement
from qbench.records import ComputeUnit, OpInfo, TensorInfo
from qbench.simulator import kernels
from qbench.simulator.calibration.reuse import WARM, Caches, Reuse, Step, reuse
from qbench.simulator.kernels import Dtype, Graph

MATMUL, DEPTHWISE, SILU = "matmul", "depthwise", "silu"
_TAPS = (3, 4, 9, 25)
_MATRIX = ("CONV_2D", "FULLY_CONNECTED", "DEPTHWISE_CONV_2D")
_WITH_WEIGHTS = (f"xnnpack/{MATMUL}", f"xnnpack/{DEPTHWISE}")
# Operators that share their kernels, and so a price.
_ALIKE = {"SUB": "ADD", "MINIMUM": "MAXIMUM", "RELU6": "RELU", "RELU_N1_TO_1": "RELU"}
_BROADCASTING = frozenset({"ADD", "MUL", "MAXIMUM", "DIV", "SQUARED_DIFFERENCE"})
_BY_PIXEL = frozenset({"PAD", "PADV2", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SLICE"})
_FREE = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})  # one copy, if that
_CLAMPS = frozenset({"RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"})
# PRIOR: what other programs touch of a shared last cache meanwhile: 5 to 12 bytes in a nanosecond,
# in which this was found to do about 55 products in fp32 and 230 in int8. Without it networks came
# out the faster the larger they are: their weights are gone by the time they are needed again.
_MEANWHILE_BYTES_PER_MAC = {Dtype.FP32: 0.1, Dtype.INT8: 0.05, Dtype.DYNAMIC: 0.05}
_ITEM_BYTES = {Dtype.FP32: 4, Dtype.INT8: 1, Dtype.DYNAMIC: 1, Dtype.FP16: 2}


class Tiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What kernels of one data type round up to: (rows, columns, depth), and channels.

    `window`: of convolutions with a window, which have kernels of their own; those with no more
    outputs than `product` has columns take its tile (XNNPACK's nr2 configurations).
    """

    product: tuple[int, int, int]
    window: tuple[int, int, int]
    depthwise_channels: int


class Form(msgspec.Struct, frozen=True, gc=False):
    """What all kernels have in common that differ in nothing but which tensors they touch: they
    repeat themselves in a network, and are looked at once.

    `amounts` are what the price is multiplied with, but for those of `Work.moved`; `elements` are
    the output's; `meanwhile_bytes`: what other programs touch while such a kernel runs.
    """

    executor: str
    dtype: Dtype
    kind: str  # the class of kernels: executor/name
    amounts: Mapping[str, float]
    macs: int
    elements: int
    meanwhile_bytes: float


class Work(msgspec.Struct, frozen=True, gc=False):
    """One kernel. `moved`: the amounts that depend on where its data are (see `reuse`)."""

    ops: tuple[int, ...]
    form: Form
    moved: Mapping[str, float]

    @property
    def amounts(self) -> dict[str, float]:
        return {**self.form.amounts, **self.moved}


class Described(msgspec.Struct, frozen=True):
    """`segments`: pieces of the graph that XNNPACK runs; `bounds`: graph inputs and outputs."""

    works: tuple[Work, ...]
    segments: int
    bounds: int


_Found = tuple[str, Sequence[OpInfo]]  # an executor, and the operators of one of its kernels


def describe(
    graph: Graph,
    bounds: frozenset[int],
    placement: GraphPlacement,
    caches: Caches,
    tiles: Mapping[Dtype, Tiles],
) -> Described:
    """The work of every kernel on the CPU, in execution order; other units' are left out.

    `bounds`: the graph's inputs and outputs.
    """
    found: list[_Found] = []
    segments = 0
    for segment in placement.segments:
        if segment.unit is not ComputeUnit.CPU:
            continue
        groups = kernels.groups(graph, segment)
        segments += bool(groups) and segment.executor == "xnnpack"
        found += [(segment.executor, group) for group in groups]
    if graph.has_narrow:
        found = _joined(graph, found)
    known: dict[str, dict[tuple[object, ...], Form]] = {}
    forms, steps = [], []
    for executor, ops in found:
        reads, weights = _read(graph, ops)
        alike, mine = kernels.alike(graph, ops), known.setdefault(executor, {})
        form = mine.get(alike)
        if form is None:
            form = mine[alike] = _form(graph, executor, ops, reads, caches, tiles)
        forms.append(form)
        steps.append(Step(reads, weights, ops[-1].outputs, form.meanwhile_bytes))
    where = reuse(steps, graph.tensors, bounds, caches)
    works = [
        Work(tuple([op.index for op in ops]), form, _moved(form, at))
        for (_, ops), form, at in zip(found, forms, where, strict=True)
    ]
    return Described(tuple(works), segments, len(bounds))


def _joined(graph: Graph, found: list[_Found]) -> list[_Found]:
    """x * LOGISTIC(x) of 8-bit values is one kernel: XNNPACK looks the product up in a table, as
    the runtime's profile of EfficientNet-B0 shows (LiteRT 2.3)."""
    kept: list[_Found | None] = list(found)
    writer = {ops[0].outputs[0]: i for i, (_, ops) in enumerate(found) if _is_logistic(ops)}
    if not writer:
        return found
    for i, (executor, ops) in enumerate(found):
        if executor != "xnnpack" or ops[0].name != "MUL":
            continue
        for tensor in ops[0].inputs:
            at = writer.get(tensor)
            if at is None or kernels.dtype_of(graph, ops, ComputeUnit.CPU) is not Dtype.INT8:
                continue
            logistic = found[at][1]
            if graph.readers[tensor] == 1 and logistic[0].inputs[0] in ops[0].inputs:
                kept[at], kept[i] = None, (executor, (*logistic, *ops))
                break
    return [one for one in kept if one is not None]


def _is_logistic(ops: Sequence[OpInfo]) -> bool:
    return len(ops) == 1 and ops[0].name == "LOGISTIC" and len(ops[0].outputs) == 1


def _read(graph: Graph, ops: Sequence[OpInfo]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(activations, weights) that a kernel reads, each tensor once, in the order of its inputs."""
    constants = graph.constants
    if len(ops) == 1:
        read = dict.fromkeys(ops[0].inputs)
    else:
        inside = {t for op in ops for t in op.outputs}
        read = dict.fromkeys([t for op in ops for t in op.inputs if t not in inside])
    read.pop(-1, None)
    weights = tuple([t for t in read if t in constants])
    return tuple([t for t in read if t not in constants] if weights else read), weights


def _form(
    graph: Graph,
    executor: str,
    ops: Sequence[OpInfo],
    reads: Sequence[int],
    caches: Caches,
    tiles: Mapping[Dtype, Tiles],
) -> Form:
    tensors = graph.tensors
    head = ops[0] if len(ops) == 1 else next((op for op in ops if op.name != "PAD"), ops[0])
    dtype = kernels.dtype_of(graph, ops, ComputeUnit.CPU)
    sources = [tensors[t] for t in reads]
    output = tensors[ops[-1].outputs[0]]
    amounts: dict[str, float] = {"call": 1.0}
    if executor == "xnnpack" and head.name in _MATRIX and sources:
        name, own = _product(
            head, dtype, sources[0], tensors[head.inputs[1]], output, caches, tiles
        )
        if "vector_macs" not in own:  # else there is nothing to do but to wait for the weights
            amounts["read_bytes"] = sum([t.nbytes or 0 for t in sources])
            amounts["written_bytes"] = output.nbytes or 0
    elif len(ops) == 2 and ops[0].name == "LOGISTIC":
        name, own = SILU, {"elements": prod(output.shape)}
    else:
        name, own = _mover(head, ops, executor, sources, output)
    amounts |= own
    return Form(
        executor=executor,
        dtype=dtype,
        kind=f"{executor}/{name}",
        amounts={key: float(value) for key, value in amounts.items() if value},
        macs=head.macs or 0,
        elements=kernels.elements_of(graph, ops),
        meanwhile_bytes=sum([op.macs or 0 for op in ops]) * _MEANWHILE_BYTES_PER_MAC.get(dtype, 0),
    )


_NOTHING: Mapping[str, float] = {}


def _moved(form: Form, at: Reuse) -> Mapping[str, float]:
    """What a kernel has to fetch, and to bring away; nothing is known of TFLite's own kernels."""
    if at is WARM or form.executor == "builtin":
        return _NOTHING
    moved = {}
    if at.cold_read_bytes:
        moved["cold_read_bytes"] = at.cold_read_bytes
    if at.cold_written_bytes:
        moved["cold_written_bytes"] = at.cold_written_bytes
    if at.cold_weight_bytes and form.kind in _WITH_WEIGHTS:
        is_vector = "vector_macs" in form.amounts
        moved["vector_cold_bytes" if is_vector else "cold_weight_bytes"] = at.cold_weight_bytes
        if at.far_weight_bytes:
            moved["vector_far_bytes" if is_vector else "far_weight_bytes"] = at.far_weight_bytes
    return moved


def _product(
    op: OpInfo,
    dtype: Dtype,
    source: TensorInfo,
    weights: TensorInfo,
    output: TensorInfo,
    caches: Caches,
    tiles: Mapping[Dtype, Tiles],
) -> tuple[str, dict[str, float]]:
    """Convolutions of all kinds and fully connected layers."""
    item = _ITEM_BYTES[dtype]
    tile = tiles[dtype]
    stride = max(op.options.stride_h or 1, op.options.stride_w or 1)
    if op.name == "DEPTHWISE_CONV_2D":
        _, kh, kw, columns = weights.shape
        groups, depth = source.shape[-1], 1
        if columns == groups and kh * kw <= _TAPS[-1]:
            return DEPTHWISE, _depthwise(
                (kh * kw, columns, stride), prod(output.shape[:-1]), tile, item, caches
            )
    elif op.name == "CONV_2D":
        columns, kh, kw, depth = weights.shape
        groups = max(1, source.shape[-1] // max(depth, 1))
    else:
        columns, depth = weights.shape
        kh = kw = groups = 1
    rows, taps = prod(output.shape) // max(columns, 1), kh * kw
    has_window = taps > 1 or stride > 1 or groups > 1
    is_wide = has_window and columns // groups > tile.product[1]
    tile_rows, tile_columns, tile_depth = tile.window if is_wide else tile.product
    depth = taps * _up(depth, tile_depth)
    down, across = ceil(rows / tile_rows), groups * ceil(columns / groups / tile_columns)
    if rows == 1:
        macs = across * tile_columns * depth
        odd = across % 2
        return MATMUL, {"vector_macs": macs, "vector_odd_macs": macs * odd, "vector_tiles": across}
    weight_bytes = prod(weights.shape) * item
    fetched = down * tile_rows * depth * item
    return MATMUL, {
        "macs": down * tile_rows * across * tile_columns * depth,
        "tiles": down * across,
        "tap_tiles": down * across * taps if has_window else 0,
        "row_bytes": fetched * (groups if has_window else 1),
        "row_spill_bytes": fetched
        * across
        * ((tile_rows + tile_columns) * depth * item > caches.l1d_bytes),
        "weight_pass_bytes": down * weight_bytes * (weight_bytes / groups > caches.l1d_bytes),
    }


def _depthwise(
    window: tuple[int, int, int], pixels: int, tile: Tiles, item: int, caches: Caches
) -> dict[str, float]:
    """`window`: (taps, channels, stride)."""
    taps, channels, stride = window
    padded = next(t for t in _TAPS if t >= taps)
    macs = pixels * padded * _up(channels, tile.depthwise_channels)
    needed = taps * channels * item * (1 + 1 / stride)  # weights, and new pixels of the image
    return {
        "macs": macs,
        "spilled_macs": macs * (needed > caches.l1d_bytes),
        "taps": pixels * padded,
        "channel_tiles": pixels * ceil(channels / tile.depthwise_channels),
    }


def _mover(
    op: OpInfo,
    ops: Sequence[OpInfo],
    executor: str,
    sources: Sequence[TensorInfo],
    output: TensorInfo,
) -> tuple[str, dict[str, float]]:
    """Kernels that move values: (name, amounts)."""
    name = _ALIKE.get(op.name, op.name) if executor == "xnnpack" else op.name
    elements, read = prod(output.shape), sum(prod(t.shape) for t in sources)
    pixels = elements // max(1, output.shape[-1]) if output.shape else 1
    if name in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        window = (op.options.filter_h or 1) * (op.options.filter_w or 1)
        return name, {"elements": elements, "products": elements * window, "taps": pixels * window}
    if name in ("MEAN", "SUM", "REDUCE_MAX"):
        return name, {"elements": elements, "read_elements": read}
    if name == "CONCATENATION":
        return name, {
            "elements": elements,
            "inputs": len(op.inputs),
            "pixels": pixels * len(op.inputs),
        }
    if name == "TRANSPOSE":
        shapes = [s.shape[-1] for s in sources if s.shape] + [output.shape[-1]]
        return name, {"elements": elements, "pixels": elements / max(1, min(shapes))}
    if name in _FREE:
        return "RESHAPE", {"elements": elements}
    if name in _BY_PIXEL:
        return name, {"elements": elements, "pixels": pixels}
    if name in _BROADCASTING and executor == "xnnpack":
        alike = len(sources) == 2 and sources[0].shape == sources[1].shape
        clamped = op.options.activation in _CLAMPS or any(o.name in _CLAMPS for o in ops[1:])
        return name, {
            "elements": elements if alike else 0,
            "broadcast_elements": 0 if alike else elements,
            "pixels": 0 if alike else pixels,
            # the runtime's profile shows a clamp of its own behind these
            "clamped_elements": elements if clamped else 0,
        }
    if op.macs:
        return name, {"macs": op.macs, "elements": elements}
    return name, {"elements": elements, "read_elements": max(0, read - elements)}


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
