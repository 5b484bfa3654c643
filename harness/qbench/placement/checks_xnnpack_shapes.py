"""XNNPACK's conditions on operators that move, cut or join tensors, and on single elements
(LiteRT xnnpack_delegate.cc)."""

from __future__ import annotations

import math

from qbench.placement.checks import either, predicate
from qbench.placement.checks_xnnpack import MAX_DIMS, _normal, _scale
from qbench.placement.graph import Node
from qbench.records import TensorInfo


def _legacy(tensor: TensorInfo | None) -> tuple[float, int]:
    """TfLiteTensor::params: scale and zero point, 0 and 0 unless quantized as a whole."""
    q = tensor.quantization if tensor is not None else None
    return (q.scale, q.zero_point) if q is not None and q.channels == 1 else (0.0, 0)


@predicate
def leaky_slope_fits(node: Node, who: str) -> str | None:
    alpha = node.options.alpha or 0.0
    if not _normal(alpha):
        return f"{who} does not take {node.label} with a slope of {alpha:g}"
    into, out = _scale(node.inputs[0]), _scale(node.outputs[0])
    if not into or not out:
        return None
    positive = into / out
    negative = positive * alpha
    if not 1 / 256 <= positive <= 128:
        return f"{who} does not take {node.label} with an input to output scale of {positive:.3g}"
    if not -127.99609375 <= negative <= 128 or abs(negative) < 1 / 256:
        return f"{who} does not take {node.label} with a negative scale of {negative:.3g}"
    return None


@predicate
def quantizes_float_or_rescales(node: Node, who: str) -> str | None:
    """QUANTIZE: from float to anything; from one 8-bit type to the same, within a ratio."""
    data, output = node.inputs[0], node.outputs[0]
    if data is None or output is None or data.dtype in ("float32", "float16"):
        return None
    if data.dtype != output.dtype:
        return f"{who} does not take {node.label} of {data.dtype} to {output.dtype}"
    into, out = _scale(data), _scale(output)
    if not into or not out or not 1 / 256 <= into / out <= 128:
        return f"{who} takes {node.label} within a ratio of scales of 1/256 to 128 only"
    return None


@predicate
def joins_an_existing_axis(node: Node, who: str) -> str | None:
    axis = node.options.axis or 0
    if all(tensor is None or axis < tensor.rank for tensor in node.inputs):
        return None
    return f"{who} does not take {node.label} along a new dimension ({axis})"


@predicate
def uint8_scales_equal(node: Node, who: str) -> str | None:
    output = node.outputs[0]
    if output is None or output.dtype != "uint8":
        return None
    given = [tensor for tensor in node.inputs if tensor is not None]
    if all(_legacy(tensor) == _legacy(output) for tensor in given):
        return None
    return f"{who} takes uint8 {node.label} only if all scales and zero points are equal"


@predicate
def keeps_scale(node: Node, who: str) -> str | None:
    output = node.outputs[0]
    if output is None or output.dtype not in ("int8", "uint8"):
        return None
    if _legacy(node.inputs[0]) == _legacy(output):
        return None
    return f"{who} takes {node.label} only if input and output have one scale and zero point"


@predicate
def axes_are_few(node: Node, who: str) -> str | None:
    data, axes = node.inputs[0], node.inputs[1]
    if data is None or axes is None:
        return f"this {node.label} has no axes"
    if not 1 <= axes.elements <= MAX_DIMS or (data.rank == 0 and axes.values == (0,)):
        return f"{who} takes {node.label} over 1 to {MAX_DIMS} axes; this node has {axes.elements}"
    return None


@predicate
def pads_every_dimension(node: Node, who: str) -> str | None:
    data, pads = node.inputs[0], node.inputs[1]
    if data is None or pads is None or pads.shape != (data.rank, 2):
        return f"{who} takes {node.label} with one pair of paddings per dimension only"
    if any(pad < 0 for pad in pads.values or ()):
        return f"{who} does not take {node.label} with negative padding"
    return None


@predicate
def new_shape_is_usable(node: Node, who: str) -> str | None:
    """RESHAPE: the shape is a vector (leading dimensions of 1 are no matter) and not [0] or [-1],
    which old models mean as "scalar"."""
    shape = node.inputs[1]
    if shape is None:
        return None
    if shape.dtype != "int32":
        return f"{who} takes the new shape of {node.label} as int32; this node's is {shape.dtype}"
    if shape.rank != 1 and any(size != 1 for size in shape.shape[:-1]):
        return f"{who} takes the new shape of {node.label} as a vector only"
    if shape.elements == 1 and shape.values in ((0,), (-1,)):
        return f"{who} does not take {node.label} to the shape [{shape.values[0]}]"
    return None


@predicate
def size_is_height_and_width(node: Node, who: str) -> str | None:
    size = node.inputs[1]
    if size is None or size.shape != (2,):
        return f"{who} takes the new size of {node.label} as height and width only"
    if any(value <= 0 for value in (size.values or ())[:1]):
        return f"this {node.label} has a size of {size.values}"
    return None


@predicate
def slices_something(node: Node, who: str) -> str | None:
    begin, size = node.inputs[1], node.inputs[2]
    if begin is None or size is None or begin.rank != 1 or size.rank != 1:
        return f"{who} takes begin and size of {node.label} as vectors only"
    if begin.shape != size.shape or begin.elements > MAX_DIMS:
        return f"{who} takes {node.label} with one begin and size for up to {MAX_DIMS} dimensions"
    if any(value <= 0 for value in size.values or ()):
        return f"{who} takes {node.label} only if every size is given as a positive number"
    if any(value < 0 for value in begin.values or ()):
        return f"{who} takes {node.label} only if it begins at 0 or above"
    return None


@predicate
def strides_are_one(node: Node, who: str) -> str | None:
    data, begin, end, strides = node.inputs[:4]
    if data is None or begin is None or end is None or strides is None:
        return f"{who} takes {node.label} only with begin, end and strides"
    if any(tensor.shape != (data.rank,) for tensor in (begin, end, strides)):
        return f"{who} takes {node.label} only if begin, end and strides name every dimension"
    if any(value != 1 for value in strides.values or ()):
        return f"{who} takes {node.label} with strides of 1 only; this node has {strides.values}"
    return None


@predicate
def block_divides_image(node: Node, who: str) -> str | None:
    data, block = node.inputs[0], node.options.block_size or 0
    if data is None or data.rank < 3 or block < 1:
        return f"this {node.label} has no height and width to cut"
    if data.shape[1] % block or data.shape[2] % block:
        return f"{who} takes {node.label} only if {block} divides height and width"
    return None


@predicate
def splits_as_many_as_outputs(node: Node, who: str) -> str | None:
    if (node.options.num_splits or 0) == len(node.output_ids):
        return None
    return f"this {node.label} says it splits in {node.options.num_splits} but has other outputs"


@predicate
def matrices_fit(node: Node, who: str) -> str | None:
    """BATCH_MATMUL: one type, or float32 by int8 whose zero point is 0."""
    a, b = node.inputs[0], node.inputs[1]
    if a is None or b is None or a.rank < 2 or b.rank < 2:
        return f"{who} takes {node.label} of matrices only"
    dynamic = a.dtype == "float32" and b.dtype == "int8"
    if a.dtype != b.dtype and not dynamic:
        return f"{who} does not take {node.label} of {either((a.dtype, b.dtype))}"
    q = b.quantization
    if not dynamic and q is not None and b.dtype == "int8":
        if q.channels > 1:
            return f"{who} takes int8 {node.label} only if both sides have one scale"
        if q.zero_point != 0:
            return f"{who} takes {node.label} only if the right side's zero point is 0"
    return None


@predicate
def deconvolution_fits(node: Node, who: str) -> str | None:
    """TRANSPOSE_CONV: shapes that XNNPACK can pad and adjust for."""
    shape, filters, data = node.inputs[0], node.inputs[1], node.inputs[2]
    if shape is None or filters is None or data is None or shape.values is None:
        return f"{who} takes {node.label} only if its output shape is a constant"
    if shape.shape != (4,):
        return f"{who} takes {node.label} of 4 dimensions only"
    _, height, width, channels = shape.values
    if filters.shape[0] != channels or filters.shape[3] != data.shape[3]:
        return f"the weights of this {node.label} do not fit its input and output channels"
    return _padding_problem(node, who, data, filters, (height, width))


def _padding_problem(
    node: Node, who: str, data: TensorInfo, filters: TensorInfo, out: tuple[int, int]
) -> str | None:
    strides = (node.options.stride_h or 1, node.options.stride_w or 1)
    kernel = (filters.shape[1], filters.shape[2])
    if node.options.padding == "VALID":
        if any(k > size for k, size in zip(kernel, out, strict=True)):
            return f"{who} takes {node.label} only if the output covers the window"
        return None
    expected = tuple(math.ceil(size / stride) for size, stride in zip(out, strides, strict=True))
    if expected != data.shape[1:3]:
        return f"{who} takes {node.label} only if input times stride gives the output"
    if any(k < stride for k, stride in zip(kernel, strides, strict=True)):
        return f"{who} takes {node.label} only if the window covers the stride"
    return None


@predicate
def custom_deconvolution_fits(node: Node, who: str) -> str | None:
    """MediaPipe's Convolution2DTransposeBias: its stride and padding stand in custom data, which
    the file reader does not interpret, so only shapes that no stride explains are refused."""
    data, filters, output = node.inputs[0], node.inputs[1], node.outputs[0]
    if data is None or filters is None or output is None:
        return f"{who} takes {node.label} with weights and bias only"
    if any(out < into for out, into in zip(output.shape[1:3], data.shape[1:3], strict=True)):
        return f"{who} takes {node.label} only if input times stride gives the output"
    return None
