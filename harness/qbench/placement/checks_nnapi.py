"""NNAPI's and Hexagon's own conditions (LiteRT nnapi_delegate.cc, NNAPIDelegateKernel::Validate;
hexagon/utils.cc, IsNodeSupportedByHexagon)."""

from __future__ import annotations

from typing import Any

from qbench.placement.checks import Check, check, predicate
from qbench.placement.graph import Node

# Android's name of each NNAPI version, for people
VERSIONS = {
    "27": "Android 8.1 (API 27)",
    "28": "Android 9 (API 28)",
    "29": "Android 10 (API 29)",
    "30": "Android 11 (API 30)",
    "31": "Android 12 (API 31)",
    "FL6": "NNAPI feature level 6 (an updated runtime after Android 12)",
    "FL7": "NNAPI feature level 7 (an updated runtime after Android 12)",
    "FL8": "NNAPI feature level 8 (an updated runtime after Android 12)",
}


@check
def too_old(arg: tuple[str, int], who: str) -> Check:
    """What the loader makes of `since: 29` where the device is older."""
    wanted, level = arg
    return lambda node: (
        f"{who} takes {node.label} since {VERSIONS[wanted]}; this device has {level}"
    )


def _hybrid(node: Node, weights: int) -> bool:
    data, other = node.inputs[0], node.inputs[weights]
    return (
        data is not None
        and other is not None
        and data.dtype == "float32"
        and other.dtype in ("int8", "uint8")
    )


@check
def not_hybrid(weights: int, who: str) -> Check:
    """Float activations with 8-bit weights, those of input `weights`."""

    def answer(node: Node) -> str | None:
        if _hybrid(node, weights):
            return f"{who} does not take {node.label} of float32 with 8-bit weights here"
        return None

    return answer


@predicate
def int32_without_activation(node: Node, who: str) -> str | None:
    data = node.inputs[0]
    if data is None or data.dtype != "int32" or node.options.activation in (None, "NONE"):
        return None
    return f"{who} takes int32 {node.label} without fused activation only"


@predicate
def small_window(node: Node, who: str) -> str | None:
    data = node.inputs[0]
    area = (node.options.filter_h or 0) * (node.options.filter_w or 0)
    if data is None or data.dtype == "float32" or area <= 256:
        return None
    return f"{who} takes 8-bit {node.label} with windows of up to 256 values; this one has {area}"


@predicate
def one_scale_for_weights(node: Node, who: str) -> str | None:
    filters = node.inputs[1]
    q = filters.quantization if filters is not None else None
    if q is None or q.channels <= 1:
        return None
    return f"{who} takes {node.label} with per-channel weights since Android 10 (API 29) only"


@predicate
def restricted_scales(node: Node, who: str) -> str | None:
    """Before Android 10: input scale x weight scale < output scale, for uint8."""
    tensors = (node.inputs[0], node.inputs[1], node.outputs[0])
    scales = [t.quantization.scale for t in tensors if t is not None and t.quantization]
    if tensors[0] is None or tensors[0].dtype != "uint8" or len(scales) < 3:
        return None
    if scales[0] * scales[1] < scales[2]:
        return None
    return f"{who} takes {node.label} only if input scale x weight scale < output scale"


@predicate
def ungrouped(node: Node, who: str) -> str | None:
    data, filters = node.inputs[0], node.inputs[1]
    if data is None or filters is None or data.shape[-1:] == filters.shape[-1:]:
        return None
    return f"{who} takes grouped {node.label} since Android 10 (API 29) only"


@predicate
def square_output(node: Node, who: str) -> str | None:
    output = node.outputs[0]
    if output is not None and output.rank == 4 and output.shape[1] == output.shape[2]:
        return None
    return f"{who} takes {node.label} to square images only before Android 10 (API 29)"


@predicate
def int32_axis(node: Node, who: str) -> str | None:
    """ARG_MAX: the axis is int32, or a constant int64 that fits."""
    axis = node.inputs[1]
    if axis is not None and (
        axis.dtype == "int32"
        or (
            axis.dtype == "int64"
            and axis.is_constant
            and all(-(2**31) <= value < 2**31 for value in axis.values or ())
        )
    ):
        return None
    return f"{who} takes {node.label} with an int32 axis only"


@predicate
def zero_crops(node: Node, who: str) -> str | None:
    crops = node.inputs[2]
    if crops is not None and crops.values == (0, 0, 0, 0):
        return None
    return f"{who} takes {node.label} without cropping only"


@predicate
def equal_uint8_scales(node: Node, who: str) -> str | None:
    data = node.inputs[0]
    if data is None or data.dtype != "uint8":
        return None
    quants = [t.quantization for t in node.inputs if t is not None]
    if len({(q.scale, q.zero_point) for q in quants if q is not None}) <= 1:
        return None
    return f"{who} joins uint8 tensors of one scale and zero point only before Android 10 (API 29)"


@predicate
def symmetric_int8(node: Node, who: str) -> str | None:
    data = node.inputs[0]
    q = data.quantization if data is not None else None
    if data is None or data.dtype != "int8" or q is None or q.zero_point == 0:
        return None
    return f"{who} takes int8 {node.label} with zero point 0 only on Android 10 (API 29)"


@predicate
def eight_bit_or_computed_half(node: Node, who: str) -> str | None:
    """DEQUANTIZE since Android 11: fp16 that is not a constant is taken in any version."""
    data = node.inputs[0]
    if data is not None and data.dtype == "float16" and not data.is_constant:
        return None
    if data is not None and data.dtype in ("int8", "uint8") and node.op.version <= 2:
        return None
    return f"{who} takes {node.label} of int8/uint8, version 1 or 2, or of computed float16 only"


@predicate
def not_empty(node: Node, who: str) -> str | None:
    data = node.inputs[0]
    if data is not None and 0 not in data.shape:
        return None
    return f"{who} does not take {node.label} of an empty tensor"


@predicate
def scalar_operands_are_constants(node: Node, who: str) -> str | None:
    if all(t is None or t.rank > 0 or t.is_constant for t in node.inputs[:2]):
        return None
    return f"{who} takes {node.label} with a single value only if it is a constant"


@predicate
def condition_of_same_shape(node: Node, who: str) -> str | None:
    condition, value = node.inputs[0], node.inputs[1]
    if condition is not None and value is not None and condition.shape == value.shape:
        return None
    return f"{who} takes {node.label} only if the condition has the shape of its branches"


@predicate
def no_split_is_empty(node: Node, who: str) -> str | None:
    sizes = node.inputs[1]
    if sizes is None or not any(value == 0 for value in sizes.values or ()):
        return None
    return f"{who} does not take {node.label} into empty pieces"


@predicate
def axis_is_not_last(node: Node, who: str) -> str | None:
    """PACK and UNPACK. For PACK the new dimension may not be the last, for UNPACK the one cut."""
    data = node.inputs[0]
    axis = node.options.axis or 0
    last = 0 if data is None else data.rank - (node.name == "UNPACK")
    if axis not in (-1, last):
        return None
    return f"{who} does not take {node.label} along the last dimension"


@predicate
def matmul_of_equal_batches(node: Node, who: str) -> str | None:
    a, b = node.inputs[0], node.inputs[1]
    if a is None or b is None or a.dtype != b.dtype:
        return f"{who} takes {node.label} of one data type only"
    if a.rank != b.rank or a.shape[:-2] != b.shape[:-2]:
        return f"{who} takes {node.label} of equal batches only"
    return None


@predicate
def positive_scales(node: Node, who: str) -> str | None:
    for tensor in (node.inputs[0], node.outputs[0]):
        if tensor is not None and tensor.dtype in ("int8", "uint8"):
            q = tensor.quantization
            if q is None or q.scale <= 0:
                return f"{who} takes {node.label} with scales above 0 only"
    return None


@check
def lstm_inputs(arg: dict[str, Any], who: str) -> Check:
    """LSTM: the weights' type by form, and for the basic form constant weights and fixed scales."""

    def answer(node: Node) -> str | None:
        basic = node.options.kernel_type == "BASIC"
        position = 2 if basic else 4
        weights = node.inputs[position]
        allowed = ["uint8"] if basic else arg["weights"]
        if weights is None or weights.dtype not in allowed:
            return f"{who} takes {node.label} with other weights than this node's"
        if not basic:
            return None
        if any(t is None or not t.is_constant for t in node.inputs[2:4]):
            return f"{who} takes basic {node.label} with constant weights and biases only"
        ends = (node.inputs[0], node.outputs[0])
        quants = [t.quantization for t in ends if t is not None and t.quantization is not None]
        if len(quants) == 2 and all((q.scale, q.zero_point) == (1 / 128, 128) for q in quants):
            return None
        return f"{who} takes basic {node.label} with scale 1/128 and zero point 128 only"

    return answer


# -- Hexagon


@check
def input_types(wanted: list[list[str]], who: str) -> Check:
    """Exactly these inputs, each of one of its types; an optional one not given fits any."""

    def answer(node: Node) -> str | None:
        if len(node.input_ids) != len(wanted):
            return f"{who} takes {node.label} with {len(wanted)} inputs only"
        for position, kinds in enumerate(wanted):
            tensor = node.inputs[position]
            if tensor is not None and tensor.dtype not in kinds:
                return (
                    f"{who} takes {'/'.join(kinds)} as input {position} of {node.label}; "
                    f"this node's is {tensor.dtype}"
                )
        return None

    return answer


@check
def input_forms(forms: list[list[list[str]]], who: str) -> Check:
    """One of several `input_types`."""
    answers = [input_types(form, who) for form in forms]

    def answer(node: Node) -> str | None:
        reasons = [reason for reason in (one(node) for one in answers) if reason is not None]
        return reasons[-1] if len(reasons) == len(answers) else None

    return answer


@predicate
def per_tensor_weights(node: Node, who: str) -> str | None:
    filters = node.inputs[1]
    q = filters.quantization if filters is not None else None
    if q is None or q.channels <= 1:
        return None
    return f"{node.label} with per-channel weights is refused by {who}"


@predicate
def window_below_13(node: Node, who: str) -> str | None:
    o = node.options
    if o.padding != "SAME" or max(o.filter_h or 0, o.filter_w or 0) < 13:
        return None
    return f"{who} takes {node.label} with SAME padding and windows below 13 only"


@predicate
def dilates_without_stride(node: Node, who: str) -> str | None:
    o = node.options
    if (o.dilation_h or 1, o.dilation_w or 1) == (1, 1) or (o.stride_h, o.stride_w) == (1, 1):
        return None
    return f"{who} takes dilated {node.label} with a stride of 1 only"


@predicate
def simple_depth_multiplier(node: Node, who: str) -> str | None:
    o, data = node.options, node.inputs[0]
    dilated = (o.dilation_h or 1, o.dilation_w or 1) != (1, 1)
    if o.depth_multiplier == 1:
        return None
    if not dilated and data is not None and data.rank == 4 and data.shape[3] == 1:
        return None
    return f"{who} takes {node.label} with a depth multiplier of 1 only"


@predicate
def window_height_above_1(node: Node, who: str) -> str | None:
    filters = node.inputs[1]
    if filters is None or filters.rank < 2 or filters.shape[1] >= 2:
        return None
    return f"{who} takes {node.label} with windows at least 2 high only"


@predicate
def two_sizes(node: Node, who: str) -> str | None:
    size = node.inputs[1]
    if size is not None and size.elements == 2:
        return None
    return f"{who} takes {node.label} to a height and a width only"
