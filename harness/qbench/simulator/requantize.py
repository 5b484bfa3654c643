"""What if a model of floats were quantized: the same operators on the tensors that a quantizer
would leave (TFLiteConverter's and litert-quantizer's int8 and dynamic-range forms).

int8: every float tensor becomes int8, weights of convolutions with a scale per output channel,
biases int32, SOFTMAX and LOGISTIC with the fixed scale of 1/256. dynamic: weights of convolutions
and dense layers become int8, all else stays. Scales are made up, but such as kernels accept.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import msgspec

from qbench.errors import InputError
from qbench.records import ModelInfo, OpInfo, Precision, Quantization, TensorInfo
from qbench.simulator.networks.graph import ACTIVATION_SCALE, WEIGHT_SCALE

_CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "TRANSPOSE_CONV": 0}
# Operator -> (weights' place, bias's place) among its inputs.
_WEIGHTED = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
_INT8_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4}
_SAME_VERSION = frozenset({"HARD_SWISH", "PRELU", "RESHAPE"})
_HYBRID_VERSIONS = {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 9}
_SQUASHING = ("SOFTMAX", "LOGISTIC")


def quantized(model: ModelInfo, precision: Precision) -> ModelInfo:
    """`precision`: int8 or dynamic. Raises InputError for a model that is not fp32."""
    if model.precision is not Precision.FP32:
        raise InputError(
            f"what-if: {model.path or model.description}: is {model.precision} already, and only "
            f"an fp32 model can be supposed {precision}",
            hint="ask about the fp32 model that it was made from",
        )
    return hybrid(model) if precision is Precision.DYNAMIC else _integer(model)


def hybrid(model: ModelInfo) -> ModelInfo:
    """The same with 8-bit weights per channel, as dynamic-range quantization leaves it."""
    tensors = list(model.main.tensors)
    ops = []
    for op in model.main.ops:
        if op.name in _HYBRID_VERSIONS and tensors[op.inputs[1]].is_constant:
            weights = tensors[op.inputs[1]]
            axis = _CHANNEL_AXIS.get(op.name, 0)
            tensors[weights.index] = _with(
                weights, "int8", Quantization(WEIGHT_SCALE, 0, weights.shape[axis], axis, True)
            )
            options = op.options
            if op.name == "FULLY_CONNECTED":
                options = msgspec.structs.replace(options, asymmetric_quantize_inputs=True)
            version = _HYBRID_VERSIONS[op.name]
            op = msgspec.structs.replace(op, version=version, options=options)
        ops.append(op)
    return _rebuilt(model, tensors, ops, Precision.DYNAMIC)


def _integer(model: ModelInfo) -> ModelInfo:
    tensors = list(model.main.tensors)
    plain = Quantization(ACTIVATION_SCALE, 0, 1, 0, True)
    special: dict[int, tuple[str, Quantization]] = {}
    for op in model.main.ops:
        if op.name in _SQUASHING:
            special[op.outputs[0]] = ("int8", Quantization(1 / 256, -128, 1, 0, False))
        for at, what in zip(_WEIGHTED.get(op.name, ()), ("weights", "bias"), strict=False):
            if at >= len(op.inputs) or op.inputs[at] < 0 or not tensors[op.inputs[at]].is_constant:
                continue
            axis = _CHANNEL_AXIS.get(op.name)
            shape = tensors[op.inputs[at]].shape
            if what == "weights":
                channels = 1 if axis is None else shape[axis]
                scales = Quantization(WEIGHT_SCALE, 0, channels, axis or 0, True)
                special[op.inputs[at]] = ("int8", scales)
            else:
                channels = 1 if axis is None else shape[0]
                scales = Quantization(ACTIVATION_SCALE * WEIGHT_SCALE, 0, channels, 0, True)
                special[op.inputs[at]] = ("int32", scales)
    for tensor in model.main.tensors:
        if tensor.dtype == "float32":
            tensors[tensor.index] = _with(tensor, *special.get(tensor.index, ("int8", plain)))
    ops = [msgspec.structs.replace(op, version=_int8_version(op)) for op in model.main.ops]
    return _rebuilt(model, tensors, ops, Precision.INT8)


def _int8_version(op: OpInfo) -> int:
    if op.name in _SAME_VERSION:
        return op.version
    return _INT8_VERSIONS.get(op.name, max(op.version, 2))


def _with(tensor: TensorInfo, dtype: str, quantization: Quantization) -> TensorInfo:
    item = 4 if dtype == "int32" else 1
    nbytes = None if tensor.nbytes is None else prod(tensor.shape) * item
    return msgspec.structs.replace(tensor, dtype=dtype, nbytes=nbytes, quantization=quantization)


def _rebuilt(
    model: ModelInfo, tensors: list[TensorInfo], ops: Iterable[OpInfo], precision: Precision
) -> ModelInfo:
    main = msgspec.structs.replace(model.main, tensors=tuple(tensors), ops=tuple(ops))
    return msgspec.structs.replace(
        model,
        subgraphs=(main, *model.subgraphs[1:]),
        weight_bytes=sum(t.nbytes or 0 for t in tensors if t.is_constant),
        activation_bytes=sum(t.nbytes or 0 for t in tensors if not t.is_constant),
        precision=precision,
    )
