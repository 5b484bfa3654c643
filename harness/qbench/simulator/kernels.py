"""From the operators of a segment to the kernels that really run: fusion, padding, bytes.

Sources of the rules: XNNPACK gemm-config.c and subgraph.c (tiles, clamp and PAD fusion), TFLite
gpu/common (linkable operators; operation_selector.cc for Winograd), Hexagon's depth of 32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import ceil, prod

import msgspec

from qbench.placement import Segment
from qbench.records import ComputeUnit, DeviceProfile, ModelInfo, OpInfo, TensorInfo
from qbench.simulator import tiles


class Family(StrEnum):
    """Which cost rule a kernel follows."""

    CONV = "conv"  # convolutions and matrix products
    DEPTHWISE = "depthwise"
    DATA = "data"  # bound by the bytes it moves
    CLAMP = "clamp"  # a clamp of its own on an NPU, cost per value
    BILINEAR = "bilinear"  # as DATA, and on some units a cost for every value it interpolates
    BUILTIN = "builtin"  # TFLite's own kernels, one thread, cost per element


class Dtype(StrEnum):
    """In what a kernel computes, whatever the file holds."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"
    DYNAMIC = "dynamic"  # float activations quantized on the fly, int8 weights


class Kernel(msgspec.Struct, frozen=True):
    """One thing that is started. `macs` are padded to the unit's tiles.

    Bytes are those of the type in which it computes. `elements` are the values written,
    `thin_pixels` those of images with at most 4 channels that a kernel which looks at pixels reads
    or writes (elementwise kernels and RESHAPE do not care for the layout). `is_pad`: nothing but a
    PAD. `depth`: how many products are added up for one value of the output, a quarter of them
    with Winograd. `is_dilated`: a convolution with holes. `launches`: 3 for Winograd, else 1.
    `parts`: in how many equal pieces a CPU's threads can share the arithmetic, 0: in any number.
    """

    ops: tuple[int, ...]
    unit: ComputeUnit
    executor: str
    family: Family
    dtype: Dtype
    macs: int
    activation_bytes: int
    weight_bytes: int
    elements: int
    depth: float = 0.0
    thin_pixels: int = 0
    is_pad: bool = False
    is_dilated: bool = False
    launches: int = 1
    parts: int = 0


CONV = frozenset(
    {"CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL", "CONV_3D"}
    | {"LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF", "RNN"}
)
_DEPTHWISE = "DEPTHWISE_CONV_2D"
_CLAMPS = frozenset({"RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"})
_ELEMENTWISE = _CLAMPS | {
    *("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "POW"),
    *("ABS", "COS", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC"),
    *("NEG", "PRELU", "RSQRT", "SIGN", "SIN", "SQRT", "SQUARE", "TANH", "QUANTIZE", "DEQUANTIZE"),
}
_NEVER_CLAMPED = frozenset({"CONCATENATION", "RESHAPE", "PAD"})  # XNNPACK: no fused clamp there
_SPATIAL = {
    *("CONV_2D", "TRANSPOSE_CONV", _DEPTHWISE, "PAD", "PADV2", "MIRROR_PAD", "CONCATENATION"),
    *("MAX_POOL_2D", "AVERAGE_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
    *("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"),
}
_PADS = frozenset({"PAD", "PADV2", "MIRROR_PAD"})
# Operators that ever become part of an earlier one's kernel; `_host` says when.
_JOINERS = {
    ComputeUnit.CPU: _CLAMPS | {"CONV_2D", _DEPTHWISE},
    ComputeUnit.GPU: _ELEMENTWISE | {"CONV_2D", _DEPTHWISE, "MAX_POOL_2D", "AVERAGE_POOL_2D"},
    ComputeUnit.NPU: frozenset[str](),
}
_THIN = 4
_EIGHT_BIT = ("int8", "uint8")
_NARROW = frozenset({*_EIGHT_BIT, "int4"})
_FLOATS = ("float32", "float16")


class Graph:
    """The main subgraph, prepared once for all its segments.

    `readers`: how often a tensor is read, a graph output once more. `constants`: the tensors that
    are known before the first run; `settled`: the operators that compute such from such.
    `has_narrow`: some tensor has 8 bits or fewer. `forms`: a number for each tensor, the same for
    those that no kernel can tell apart, and at -1 that of no tensor.
    """

    def __init__(self, model: ModelInfo) -> None:
        main = model.main
        self.ops = main.ops
        self.tensors = main.tensors
        self.has_narrow = not _NARROW.isdisjoint({t.dtype for t in main.tensors})
        self.readers: dict[int, int] = {}
        self.constants = {t.index for t in main.tensors if t.is_constant}
        self.settled: set[int] = set()
        readers = self.readers
        for index, op in enumerate(main.ops):
            for tensor in op.inputs:
                readers[tensor] = readers.get(tensor, 0) + 1
            known = self.constants.issuperset([t for t in op.inputs if t >= 0])
            if known and max(op.inputs, default=-1) >= 0:
                self.settled.add(index)
                self.constants.update(op.outputs)
        for tensor in main.outputs:
            readers[tensor] = readers.get(tensor, 0) + 1
        known_forms: dict[tuple[object, ...], int] = {}
        constants = self.constants
        self.forms = [
            known_forms.setdefault(
                (t.shape, t.dtype, t.nbytes, t.is_constant, t.index in constants), t.index
            )
            for t in main.tensors
        ]
        self.forms.append(-1)


Group = list[OpInfo]


def alike(graph: Graph, group: Sequence[OpInfo]) -> tuple[object, ...]:
    """What makes a kernel: equal for two groups of a graph whose kernels differ in nothing but
    their operators' and tensors' numbers."""
    forms = graph.forms
    if len(group) == 1:
        (op,) = group
        inputs = op.inputs
        if len(inputs) == 1 or len(set(inputs)) == len(inputs):
            read, written = [forms[t] for t in inputs], [forms[t] for t in op.outputs]
            return (op.name, op.macs, op.options, *read, None, *written)
    # Which tensors are the same one: numbered as they come.
    numbers: dict[int, int] = {}
    parts: list[object] = []
    for op in group:
        parts += (op.name, op.macs, op.options, len(op.inputs))
        parts += [numbers.setdefault(t, len(numbers)) for t in (*op.inputs, *op.outputs)]
    return (*parts, *[forms[t] for t in numbers])


def lower(graph: Graph, segment: Segment, profile: DeviceProfile) -> tuple[Kernel, ...]:
    """The kernels of one segment, in execution order.

    An operator whose inputs are all constant, or computed from constants alone, costs nothing at
    run time. A tensor whose size is known only at run time counts as empty.
    """
    return tuple(kernel(graph, group, segment, profile) for group in groups(graph, segment))


def groups(graph: Graph, segment: Segment) -> list[Group]:
    """The operators of every kernel of a segment."""
    ops = [graph.ops[i] for i in segment.ops if i not in graph.settled]
    return (
        [[op] for op in ops] if segment.executor == "builtin" else _fuse(graph, ops, segment.unit)
    )


def boundary_bytes(graph: Graph, segment: Segment) -> int:
    """Bytes of the activations that enter or leave a segment, in the file's own types."""
    ops = [graph.ops[i] for i in segment.ops]
    inside = {t for op in ops for t in op.outputs}
    entering = {t for op in ops for t in op.inputs if t >= 0} - inside - graph.constants
    inner_reads: dict[int, int] = {}
    for op in ops:
        for tensor in op.inputs:
            inner_reads[tensor] = inner_reads.get(tensor, 0) + 1
    leaving = {t for t in inside if graph.readers.get(t, 0) > inner_reads.get(t, 0)}
    return sum(graph.tensors[t].nbytes or 0 for t in entering | leaving)


def unknown_sizes(model: ModelInfo) -> int:
    """How many operators have a size that is known only at run time."""
    main = model.main
    return sum(
        op.macs is None or any(main.tensors[t].is_dynamic for t in op.outputs if t >= 0)
        for op in main.ops
    )


# -- fusion


def _fuse(graph: Graph, ops: list[OpInfo], unit: ComputeUnit) -> list[list[OpInfo]]:
    """Groups of operators that become one kernel, in the order of their first operators."""
    joiners = _JOINERS[unit]
    if not joiners:
        return [[op] for op in ops]
    groups: list[list[OpInfo]] = []
    home: dict[int, list[OpInfo]] = {}  # tensor -> the group that writes it
    for op in ops:
        group = _host(graph, op, unit, home) if op.name in joiners else None
        if group is None:
            group = []
            groups.append(group)
        group.append(op)
        for tensor in op.outputs:
            home[tensor] = group
    return groups


def _host(
    graph: Graph, op: OpInfo, unit: ComputeUnit, home: dict[int, list[OpInfo]]
) -> list[OpInfo] | None:
    """The group that `op` becomes part of, None if it begins one of its own."""
    written = [t for t in op.inputs if t in home]
    latest = max(written, key=lambda t: home[t][-1].index, default=None)
    if latest is None or graph.readers[latest] != 1 or latest not in home[latest][-1].outputs:
        return None
    group = home[latest]
    if [member.name for member in group] == ["PAD"]:
        return group if _takes_pad(op, unit) else None
    if unit is ComputeUnit.GPU:
        base = _head(group).name
        linkable = base in _ELEMENTWISE or base in CONV or base == _DEPTHWISE
        return group if linkable and op.name in _ELEMENTWISE else None
    # An NPU runs what the file has: the same network took 7.7 ms with its clamps fused by the
    # converter and 12.3 ms with 35 clamps apart (Qualcomm AI Hub, MobileNetV2 on a QCS8250).
    takes_clamp = unit is ComputeUnit.CPU and group[-1].name not in _NEVER_CLAMPED
    return group if op.name in _CLAMPS and takes_clamp else None


def _takes_pad(op: OpInfo, unit: ComputeUnit) -> bool:
    if op.options.padding != "VALID":
        return False
    convolution = op.name in ("CONV_2D", _DEPTHWISE)
    if unit is ComputeUnit.GPU:
        return convolution or op.name in ("MAX_POOL_2D", "AVERAGE_POOL_2D")
    return convolution and unit is ComputeUnit.CPU


def _head(group: Sequence[OpInfo]) -> OpInfo:
    """The operator that gives a kernel its name: the first that is not a PAD before it."""
    if len(group) == 1:
        return group[0]
    return next((op for op in group if op.name != "PAD"), group[0])


# -- one kernel


def elements_of(graph: Graph, group: Sequence[OpInfo]) -> int:
    """How many values the kernel of these operators writes, of known size."""
    written = [graph.tensors[t] for t in group[-1].outputs]
    return sum([prod(t.shape) for t in written if t.nbytes is not None])


def kernel(graph: Graph, group: Group, segment: Segment, profile: DeviceProfile) -> Kernel:
    """Called for every operator of every model, so it looks at each tensor once."""
    head, unit = _head(group), segment.unit
    tensors, constants = graph.tensors, graph.constants
    dtype = dtype_of(graph, group, unit)
    read = set(head.inputs) if len(group) == 1 else {t for op in group for t in op.inputs}
    read.discard(-1)
    if len(group) > 1:
        read.difference_update([t for op in group for t in op.outputs])
    is_cpu, is_gpu = unit is ComputeUnit.CPU, unit is ComputeUnit.GPU
    activations: list[TensorInfo] = []
    activation_bytes = weight_bytes = elements = 0
    for t in read:
        tensor = tensors[t]
        size = tensor.nbytes or 0 if is_cpu else _half_bytes(tensor, is_gpu)
        if t in constants:
            weight_bytes += size
        else:
            activations.append(tensor)
            activation_bytes += size
    for t in group[-1].outputs:
        tensor = tensors[t]
        activations.append(tensor)
        if tensor.nbytes is not None:
            elements += prod(tensor.shape)
            activation_bytes += tensor.nbytes if is_cpu else _half_bytes(tensor, is_gpu)
    macs, launches = tiles.padded_macs(tensors, head, unit, dtype.value, profile), 1
    parts = tiles.parts(tensors, head, dtype.value, profile) if is_cpu and macs else 0
    if is_gpu and tiles.is_winograd(tensors, head, profile):
        # gpu/common/tasks/winograd.cc: 4x4 outputs from 6x6 inputs, 36 products, and back
        macs, launches = macs // 4, 3
        activation_bytes = ceil(activation_bytes * (1 + 2 * 36 / 16))
    o = head.options
    return Kernel(
        ops=tuple([op.index for op in group]),
        unit=unit,
        executor=segment.executor,
        family=_family(head, segment),
        dtype=dtype,
        macs=macs,
        activation_bytes=activation_bytes,
        weight_bytes=weight_bytes,
        elements=elements,
        thin_pixels=_thin_pixels(activations) if head.name in _SPATIAL else 0,
        depth=_depth(graph, head) / (4 if launches > 1 else 1),
        is_pad=head.name in _PADS,
        is_dilated=(o.dilation_h or 1) > 1 or (o.dilation_w or 1) > 1,
        launches=launches,
        parts=parts,
    )


def _depth(graph: Graph, head: OpInfo) -> float:
    """Products per value of the head's own output."""
    if not head.macs or not head.outputs:
        return 0.0
    values = prod(graph.tensors[head.outputs[0]].shape)
    return head.macs / values if values else 0.0


def _family(head: OpInfo, segment: Segment) -> Family:
    if head.name == _DEPTHWISE:
        return Family.DEPTHWISE
    if head.name in CONV:
        return Family.CONV
    if segment.executor == "builtin":
        return Family.BUILTIN
    if segment.unit is ComputeUnit.NPU and head.name in _CLAMPS:
        return Family.CLAMP
    return Family.BILINEAR if head.name == "RESIZE_BILINEAR" else Family.DATA


def dtype_of(graph: Graph, group: Sequence[OpInfo], unit: ComputeUnit) -> Dtype:
    """In what the kernel of these operators computes."""
    op = _head(group)
    if unit is ComputeUnit.GPU:
        return Dtype.FP16  # the GPU delegate computes in fp16, quantized graphs too
    if unit is ComputeUnit.CPU and not graph.has_narrow:
        return Dtype.FP32
    ids = [t for t in (*op.outputs, *op.inputs) if t >= 0]
    activations = {graph.tensors[t].dtype for t in ids if t not in graph.constants}
    if not activations.isdisjoint(_EIGHT_BIT):
        return Dtype.INT8
    if unit is ComputeUnit.NPU:
        return Dtype.INT8 if activations.isdisjoint(_FLOATS) else Dtype.FP16
    if not op.macs:
        return Dtype.FP32
    read = [graph.tensors[t] for t in ids]
    hybrid = any(t.is_constant and t.dtype in _NARROW for t in read)
    return Dtype.DYNAMIC if hybrid else Dtype.FP32


def _half_bytes(tensor: TensorInfo, is_gpu: bool) -> int:
    """On a GPU everything is fp16, on an NPU what was float."""
    if tensor.nbytes is None:
        return 0
    if is_gpu or tensor.dtype in _FLOATS:
        return prod(tensor.shape) * 2
    return tensor.nbytes


def _thin_pixels(tensors: Iterable[TensorInfo]) -> int:
    images = [t.shape for t in tensors if len(t.shape) == 4 and 0 < t.shape[3] <= _THIN]
    return sum([prod(shape) // shape[3] for shape in images])
