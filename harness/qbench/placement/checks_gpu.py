"""The GPU delegate's own conditions (LiteRT gpu_compatibility.cc, and gpu/common/model_builder.cc
for what only the delegate asks)."""

from __future__ import annotations

from typing import Any

from qbench.placement.checks import Check, check, either, predicate, runtime_inputs
from qbench.placement.graph import Node
from qbench.records import TensorInfo

FLOATS = ("float32", "float16")
COMPARISONS = ("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "EQUAL", "NOT_EQUAL")


@check
def runtime_types(arg: dict[str, list[str]], who: str) -> Check:
    """`{in: [...], out: [...]}`: data types of tensors that the run computes. Constants may have
    any, and so may variables and what a kernel has computed before the first run."""

    def answer(node: Node) -> str | None:
        for role, tensor in node.activations():
            if tensor.is_variable or tensor.index in node.graph.persistent:
                continue
            allowed = arg["in" if role == "input" else "out"]
            if tensor.dtype not in allowed:
                return (
                    f"{who} computes {node.label} with {either(allowed)} as {role}; "
                    f"this node's is {tensor.dtype}"
                )
        return None

    return answer


@check
def needs_opencl(arg: bool, who: str) -> Check:
    """Left out of the rules (`load(without=...)`) where the device has OpenCL."""
    return lambda node: f"{who} takes {node.label} with OpenCL only, which this device has not"


@predicate
def one_or_two_operands(node: Node, who: str) -> str | None:
    """Elementwise with two operands: two computed tensors, or one and one constant."""
    constants = sum(t is not None and t.is_constant for t in node.inputs)
    if len(node.output_ids) == 1 and (runtime_inputs(node), constants) in ((2, 0), (1, 1)):
        return None
    return f"{who} takes {node.label} of two tensors or of a tensor and a constant only"


@predicate
def convolution_operands(node: Node, who: str) -> str | None:
    if 1 <= runtime_inputs(node) <= 2 and len(node.output_ids) == 1 and len(node.input_ids) > 1:
        return None
    return f"{who} takes {node.label} with one or two inputs that are not constants only"


@predicate
def broadcasts(node: Node, who: str) -> str | None:
    """ADD and MUL of tensors of different rank (CheckAddMulBroadcastCompatibility, standard)."""
    first, second = node.inputs[:2]
    if first is None or second is None:
        return f"{who} takes {node.label} of two tensors only"
    if first.rank <= 1 or second.rank <= 1 or first.rank == second.rank:
        return None
    long, short = sorted((first.shape, second.shape), key=len, reverse=True)
    if len(long) == 4 and (
        (len(short) == 3 and long[0] == 1)
        or (len(short) == 2 and long[0] == 1 and short == (1, 1))
        or (len(short) == 2 and (long[0], long[3]) == short)
    ):
        return None
    return f"{who} cannot broadcast {list(first.shape)} and {list(second.shape)} in {node.label}"


@predicate
def cast_pair(node: Node, who: str) -> str | None:
    """CAST between bool and float, or among float32 and int32. Out of bool only between a
    comparison and one consumer."""
    source, target = node.inputs[0], node.outputs[0]
    if source is None or target is None:
        return f"{who} takes {node.label} of one tensor only"
    if source.dtype == "bool" and target.dtype in FLOATS:
        counts = [
            len(node.graph.producers(source.index)),
            len(node.graph.consumers(source.index)),
            len(node.graph.consumers(target.index)),
        ]
        if counts == [1, 1, 1]:
            return None
        return f"{who} takes {node.label} out of bool only between two operators"
    if source.dtype in FLOATS and target.dtype == "bool":
        return None
    if source.dtype in ("float32", "int32") and target.dtype in ("float32", "int32"):
        return None
    return f"{who} does not take {node.label} of {source.dtype} to {target.dtype}"


@predicate
def comparison_feeds_cast_or_select(node: Node, who: str) -> str | None:
    """A comparison is taken only if its one consumer is CAST, SELECT or SELECT_V2 with a float
    result: bool tensors do not leave the GPU. Nothing else is asked then."""
    readers = node.graph.consumers(node.output_ids[0])
    writers = node.graph.producers(node.output_ids[0])
    if len(writers) == len(readers) == 1:
        reader = readers[0]
        result = reader.outputs[0]
        makes_floats = result is not None and result.dtype in FLOATS
        if makes_floats and reader.name in ("CAST", "SELECT", "SELECT_V2"):
            return None
    return f"{who} takes {node.label} only if one CAST or SELECT makes floats of its result"


@predicate
def depthwise_shapes(node: Node, who: str) -> str | None:
    data, filters, output = node.inputs[0], node.inputs[1], node.outputs[0]
    bias = node.inputs[2]
    if data is None or filters is None or output is None:
        return f"{who} takes {node.label} with weights only"
    if not data.rank == filters.rank == output.rank == 4:
        return f"{who} takes {node.label} of 4 dimensions only"
    channels = output.shape[3]
    fits = (
        data.shape[0] == output.shape[0]
        and filters.shape[3] == channels
        and channels == data.shape[3] * (node.options.depth_multiplier or 0)
        and (len(node.input_ids) < 3 or (1 if bias is None else bias.elements) == channels)
    )
    return None if fits else f"the shapes of this {node.label} do not fit one another"


@predicate
def cumsum_of_floats(node: Node, who: str) -> str | None:
    data, axis = node.inputs[:2]
    output = node.outputs[0]
    if (
        data is not None
        and axis is not None
        and output is not None
        and data.dtype in FLOATS
        and output.dtype == data.dtype
        and axis.dtype == "int32"
        and axis.is_constant
    ):
        return None
    return f"{who} takes {node.label} of floats along a constant int32 axis only"


@predicate
def rank_kept(node: Node, who: str) -> str | None:
    """FULLY_CONNECTED that keeps dimensions: as many out as in."""
    data, output = node.inputs[0], node.outputs[0]
    if not node.options.keep_num_dims or data is None or output is None:
        return None
    if data.rank == output.rank:
        return None
    return f"{who} takes {node.label} that keeps dimensions only if their number stays"


@predicate
def computed_input(node: Node, who: str) -> str | None:
    if node.inputs[0] is not None and not node.inputs[0].is_constant:
        return None
    return f"{who} does not take {node.label} of a constant"


@predicate
def gathers_along_vector(node: Node, who: str) -> str | None:
    indices = node.inputs[1]
    if indices is not None and indices.rank == 1 and indices.dtype == "int32":
        return None
    return f"{who} takes {node.label} with a vector of int32 indices only"


@predicate
def one_hot_form(node: Node, who: str) -> str | None:
    """ONE_HOT: int32 indices along the last dimension, constant float scalars to write."""
    indices, _, on, off = node.inputs[:4]
    axis = -1 if node.options.axis is None else node.options.axis
    if indices is None or indices.dtype != "int32":
        return f"{who} takes {node.label} with int32 indices only"
    if axis != -1 and (indices.rank == 0 or axis != indices.shape[-1]):
        return f"{who} takes {node.label} along the last dimension only"
    inner = indices.shape[:-1]
    if any(size != 1 for i, size in enumerate(inner) if not (i == 0 and indices.rank > 3)):
        return f"{who} takes {node.label} of batch and channels only"
    if all(t is not None and _constant_float_scalar(t) for t in (on, off)):
        return None
    return f"{who} takes {node.label} only if the values to write are constant float numbers"


def _constant_float_scalar(tensor: TensorInfo) -> bool:
    return (
        tensor.dtype == "float32"
        and tensor.is_constant
        and tensor.rank <= 1
        and all(size <= 1 for size in tensor.shape)
    )


@predicate
def select_form(node: Node, who: str) -> str | None:
    """SELECT: a condition that broadcasts; branches of the output's shape, or one value."""
    condition, *branches = node.inputs[:3]
    output = node.outputs[0]
    if condition is None or output is None or None in branches:
        return f"{who} takes {node.label} of three tensors only"
    if condition.dtype not in ("bool", *FLOATS):
        return f"{who} takes {node.label} by a bool or float condition only"
    offset = output.rank - condition.rank
    aligned = output.shape[offset:] if offset >= 0 else ()
    if offset < 0 or any(c not in (1, o) for c, o in zip(condition.shape, aligned, strict=True)):
        return f"{who} cannot broadcast the condition of {node.label} to its output"
    for branch in branches:
        if branch is None:
            continue
        if branch.shape and branch.shape != output.shape and branch.shape != (1,):
            return f"{who} takes {node.label} of whole tensors or single values only"
        if not branch.is_constant and branch.rank == 2:
            return f"{who} takes a branch of {node.label} of 2 dimensions only if it is constant"
    return None


@predicate
def paddings_of_3_or_4_dimensions(node: Node, who: str) -> str | None:
    pads = node.inputs[1]
    if pads is not None and pads.shape in ((3, 2), (4, 2)):
        return None
    shape = None if pads is None else list(pads.shape)
    return f"{who} takes {node.label} with paddings of shape 3x2 or 4x2 only; it is {shape}"


@predicate
def corners_or_centers(node: Node, who: str) -> str | None:
    if node.options.align_corners and node.options.half_pixel_centers:
        return f"{who} takes {node.label} with aligned corners or half-pixel centers, not both"
    return None


@check
def lstm_form(kinds: dict[str, Any], who: str) -> Check:
    """LSTM in its two forms: counts of inputs, activations, depth."""

    def answer(node: Node) -> str | None:
        kind = node.options.kernel_type or "FULL"
        rule = kinds[kind]
        fused = node.options.activation or "NONE"
        constants = sum(t is not None and t.is_constant for t in node.inputs)
        if len(node.output_ids) != rule["outputs"]:
            return f"{who} takes {kind} {node.label} with {rule['outputs']} outputs only"
        if kind == "FULL" and len(node.input_ids) not in rule["inputs"]:
            return f"{who} takes {node.label} with {either(rule['inputs'])} inputs only"
        if kind == "BASIC" and (runtime_inputs(node), constants) != (3, 2):
            return f"{who} takes basic {node.label} with 3 tensors and 2 constants only"
        if fused not in rule["activation"]:
            return f"{who} takes {node.label} with {either(rule['activation'])} only, not {fused}"
        last = node.outputs[3]
        if kind == "BASIC" and last is not None and last.shape and last.shape[-1] % 4:
            return f"{who} takes basic {node.label} only if its depth is a multiple of 4"
        return None

    return answer


@predicate
def resampler_shapes(node: Node, who: str) -> str | None:
    source, warp = node.inputs[0], node.inputs[1]
    if source is None or warp is None or not source.rank == warp.rank == 4:
        return f"{who} takes {node.label} of 4 dimensions only"
    if source.shape[0] != warp.shape[0] or warp.shape[3] < 2:
        return f"the shapes of this {node.label} do not fit one another"
    return None
