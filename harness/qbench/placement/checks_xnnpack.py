"""XNNPACK's own conditions, as its delegate states them in words (LiteRT xnnpack_delegate.cc,
functions Check* and Visit*Node)."""

from __future__ import annotations

from typing import Any

from qbench.placement.checks import Check, check, either, picker, predicate, wrong_type
from qbench.placement.graph import Node
from qbench.records import Quantization, TensorInfo

MAX_DIMS = 6  # XNN_MAX_TENSOR_DIMS
SMALLEST_NORMAL = 2.0**-126  # of float32: std::isnormal


def _normal(scale: float) -> bool:
    return SMALLEST_NORMAL <= abs(scale) < float("inf")


def _scale(tensor: TensorInfo | None) -> float | None:
    """The scale of a tensor quantized as a whole, else None."""
    q = tensor.quantization if tensor is not None else None
    return q.scale if q is not None and q.channels == 1 else None


@check
def static(positions: list[int], who: str) -> Check:
    """Weights: constants, or what DEQUANTIZE and DENSIFY make of constants."""

    def answer(node: Node) -> str | None:
        for position in positions:
            tensor = node.inputs[position]
            if tensor is None or tensor.is_constant:
                continue
            if tensor.index not in node.graph.quasi_static:
                return f"{who} takes {node.label} only if input {position} is a constant"
        return None

    return answer


@check
def weights(arg: dict[str, Any], who: str) -> Check:
    """`{input: 1, axis: 0}`: float, int8 per tensor or per channel of that axis, uint8 per tensor;
    `axis: columns` is the last dimension of a matrix, or the last but one if it is transposed."""
    position: int = arg["input"]

    def answer(node: Node) -> str | None:
        tensor = node.inputs[position]
        if tensor is None:
            return f"{who} takes {node.label} only with input {position} (the weights)"
        axis = arg["axis"]
        if axis == "columns":
            axis = tensor.rank - (2 if node.options.adj_y else 1)
        return _weight_problem(node, tensor, position, axis, who)

    return answer


def _weight_problem(
    node: Node, tensor: TensorInfo, position: int, axis: int, who: str
) -> str | None:
    name = f"input {position}"
    if tensor.dtype in ("float32", "float16"):
        return None
    if tensor.dtype not in ("int8", "uint8"):
        kind = {"dtypes": ["float32", "float16", "int8", "uint8"]}
        return wrong_type(node, name, tensor, kind, who)
    q = tensor.quantization
    if q is None:
        return f"{name} of this {node.label} is {tensor.dtype} without scale and zero point"
    if tensor.dtype == "uint8":
        if q.channels != 1 or q.axis != 0:
            return f"{who} takes uint8 weights of {node.label} with one scale only"
        return _scale_problem(node, q, 0, 255)
    if q.channels > 1 and q.axis != axis:
        return f"{who} takes weights of {node.label} per channel of dimension {axis}, not {q.axis}"
    if q.channels > 1:
        return _channel_problem(node, tensor, q, who)
    return _scale_problem(node, q, -128, 127)


def _scale_problem(node: Node, q: Quantization, low: int, high: int) -> str | None:
    if not _normal(q.scale) or q.scale <= 0 or not low <= q.zero_point <= high:
        return f"the weights of this {node.label} have scale {q.scale} or zero point out of range"
    return None


def _channel_problem(node: Node, tensor: TensorInfo, q: Quantization, who: str) -> str | None:
    if q.axis >= tensor.rank or tensor.shape[q.axis] != q.channels:
        return f"the {q.channels} scales of this {node.label}'s weights do not fit their channels"
    if q.zero_point != 0:
        return f"{who} takes per-channel weights of {node.label} with zero point 0 only"
    if not _normal(q.scale) or q.scale <= 0:
        return f"the weights of this {node.label} have scale {q.scale}"
    return None


@check
def gemm_weights(position: int, who: str) -> Check:
    """Weights of FULLY_CONNECTED: as `weights`, and int4 and int2 as well."""

    def answer(node: Node) -> str | None:
        tensor = node.inputs[position]
        if tensor is None:
            return f"{who} takes {node.label} only with input {position} (the weights)"
        q = tensor.quantization
        if tensor.dtype == "uint8":
            return _weight_problem(node, tensor, position, 0, who)
        if tensor.dtype in ("int8", "int4", "int2"):
            if q is None:
                return f"input {position} of this {node.label} is {tensor.dtype} without scale"
            if q.channels > 1 and q.axis != 0:
                return f"{who} takes weights of {node.label} per row only, not per {q.axis}"
            if tensor.dtype == "int2" and tensor.shape[q.axis] != q.channels:
                return f"{who} takes 2-bit weights of {node.label} with one scale per row only"
            return None
        kind = {"dtypes": ["float32", "float16", "int8", "uint8", "int4", "int2"]}
        return wrong_type(node, f"input {position}", tensor, kind, who)

    return answer


@check
def bias(position: int, who: str) -> Check:
    """A bias, where there is one: float, or int32 with a scale per tensor or per channel."""

    def answer(node: Node) -> str | None:
        tensor = node.inputs[position]
        if tensor is None or tensor.dtype in ("float32", "float16"):
            return None
        if tensor.dtype != "int32":
            kind = {"dtypes": ["float32", "float16", "int32"]}
            return wrong_type(node, f"input {position}", tensor, kind, who)
        q = tensor.quantization
        if q is None:
            return f"the bias of this {node.label} is int32 without scale"
        if q.axis != 0 or (q.channels > 1 and q.channels != tensor.elements):
            return f"the scales of this {node.label}'s bias do not fit its {tensor.elements} values"
        if not _normal(q.scale) or q.scale <= 0 or (q.channels == 1 and q.zero_point != 0):
            return f"the bias of this {node.label} has scale {q.scale}, zero point {q.zero_point}"
        return None

    return answer


@check
def scale_ratio(arg: dict[str, Any], who: str) -> Check:
    """`{of: [in0, in1], min, max}`: each input's scale over the output's; with `product: true`
    the product of the inputs' scales over the output's. Half open: [min, max)."""

    seats = [picker(where) for where in arg["of"]]

    def answer(node: Node) -> str | None:
        output = node.outputs[0]
        if output is None or output.dtype not in ("int8", "uint8"):
            return None
        out_scale = _scale(output)
        scales = [_scale(tensor) for pick in seats for _, tensor in pick(node)]
        if out_scale is None or None in scales:
            return None
        known = [scale for scale in scales if scale is not None]
        if arg.get("product"):
            product = 1.0
            for scale in known:
                product *= scale
            known = [product]
        for scale in known:
            ratio = scale / out_scale if out_scale else float("inf")
            if not arg["min"] <= ratio < arg["max"]:
                return (
                    f"{who} takes {node.label} with a ratio of input to output scale in "
                    f"[{arg['min']:g}, {arg['max']:g}); this node's is {ratio:.3g}"
                )
        return None

    return answer


@predicate
def window_covers_stride(node: Node, who: str) -> str | None:
    o = node.options
    height, width = o.filter_h or 0, o.filter_w or 0
    down, right = o.stride_h or 0, o.stride_w or 0
    if right > width or down > height:
        return f"{who} takes {node.label} only if the window covers the stride"
    if height == width == 1 and max(down, right) > 1:
        return f"{who} does not take {node.label} with a 1x1 window and stride above 1"
    return None


@predicate
def same_types_or_dynamic_range(node: Node, who: str) -> str | None:
    """CONV_2D: one data type, or float32 activations with int8 weights."""
    data, filters, output = node.inputs[0], node.inputs[1], node.outputs[0]
    if data is None or filters is None or output is None or data.dtype != output.dtype:
        return f"{who} takes {node.label} with one type of activations only"
    if filters.dtype in (data.dtype, "int8" if data.dtype == "float32" else data.dtype):
        return None
    return f"{who} does not take {node.label} of {data.dtype} with {filters.dtype} weights"


@predicate
def one_type(node: Node, who: str) -> str | None:
    """DEPTHWISE_CONV_2D: activations and weights of one data type."""
    found = {t.dtype for t in (node.inputs[0], node.inputs[1], node.outputs[0]) if t is not None}
    if len(found) == 1:
        return None
    return (
        f"{who} takes {node.label} only if activations and weights have one data type; "
        f"this node mixes {either(sorted(found))}"
    )


@predicate
def gemm_types(node: Node, who: str) -> str | None:
    """FULLY_CONNECTED: one type, or float or int8 activations with int8, int4 or int2 weights."""
    data, filters, output = node.inputs[0], node.inputs[1], node.outputs[0]
    if data is None or filters is None or output is None or data.dtype != output.dtype:
        return f"{who} takes {node.label} with one type of activations only"
    narrow = filters.dtype in ("int8", "int4", "int2")
    if data.dtype != filters.dtype and not (
        narrow and data.dtype in ("float32", "float16", "int8")
    ):
        return f"{who} does not take {node.label} of {data.dtype} with {filters.dtype} weights"
    q = filters.quantization
    offset = q.zero_point if q is not None and q.channels == 1 else 0
    if data.dtype == filters.dtype == "int8" and offset:
        return f"{who} takes {node.label} only if the weights' zero point is 0"
    per_byte = {"int4": 2, "int2": 4}.get(filters.dtype, 1)
    if filters.shape[-1] % per_byte:
        return (
            f"{who} takes {filters.dtype} {node.label} only if a row of weights fills whole bytes"
        )
    return None


@predicate
def bias_type_fits_weights(node: Node, who: str) -> str | None:
    """A float filter needs a float bias: float16 ones may have either, float32 ones float32."""
    if len(node.input_ids) < 3:
        return None
    filters, offset = (_seen_type(node, position) for position in (1, 2))
    if offset is None or filters not in ("float32", "float16"):
        return None
    if offset == filters or (filters == "float16" and offset == "float32"):
        return None
    return f"{who} does not take {node.label} with {filters} weights and {offset} bias"


def _seen_type(node: Node, position: int) -> str | None:
    """The dtype after fp16 DEQUANTIZE operators were elided."""
    tensor = node.inputs[position]
    if tensor is None:
        return None
    return "float16" if tensor.index in node.graph.elided else tensor.dtype


@predicate
def bias_as_long_as_weights(node: Node, who: str) -> str | None:
    filters = node.inputs[1]
    offset = node.inputs[2]
    if offset is None or filters is None or offset.elements == filters.shape[0]:
        return None
    return f"the bias of this {node.label} has {offset.elements} values for {filters.shape[0]} rows"


@predicate
def groups_fit(node: Node, who: str) -> str | None:
    data, filters = node.inputs[0], node.inputs[1]
    if data is None or filters is None or data.shape[3] >= filters.shape[3]:
        return None
    return f"the weights of this {node.label} expect more channels than its input has"


@predicate
def depth_multiplier_fits(node: Node, who: str) -> str | None:
    filters, multiplier = node.inputs[1], node.options.depth_multiplier or 0
    if filters is not None and multiplier > 0 and filters.shape[3] % multiplier == 0:
        return None
    return f"this {node.label} has a depth multiplier of {multiplier}, which its weights do not fit"
