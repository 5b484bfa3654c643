"""Rebuilt networks as .tflite files that a runtime runs.

The weights are random, and scaled so that activations keep their size from layer to layer: values
that overflow, vanish or become denormal would change what a machine needs for them. Quantized
networks have scales to match, with zero points and output ranges as converters give them.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import msgspec

from qbench import modelfile
from qbench.records import ModelInfo, OpInfo, Quantization, TensorInfo
from qbench.simulator.networks.catalogue import build

if TYPE_CHECKING:
    import numpy as np

# Standard deviation of integers that are uniform in -127 .. 127, and of floats in -1 .. 1.
_UNIFORM_SIGMA = 127 / sqrt(3)
_INPUT_SIZE = 1 / sqrt(3)
# What half of a symmetric distribution loses: He et al. 2015.
_RECTIFIED = {"RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "HARD_SWISH", "LEAKY_RELU", "PRELU"}
_SQUASHED = ("LOGISTIC", "SOFTMAX")
# TFLite's quantization specification: the output of LOGISTIC and SOFTMAX is 1/256, -128.
_SQUASHED_QUANTIZATION = Quantization(1 / 256, -128, 1, 0, False)
_PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def file(name: str, dtype: str, *, seed: int = 0) -> bytes:
    """The network of `catalogue.build` as a file; deterministic in `seed`.

    Raises PlanError (no such network) and ValueError (an operator that cannot be written).
    """
    return write(build(name, dtype), seed=seed)


def write(model: ModelInfo, *, seed: int = 0) -> bytes:
    """Any network of `Graph` as a file with weights and scales that suit it."""
    import numpy as np

    rng = np.random.default_rng(seed)
    sizes = _sizes(model)
    tensors = list(model.main.tensors)
    values: dict[int, np.ndarray[Any, Any]] = {}
    for op in model.main.ops:
        if op.name in _SQUASHED and tensors[op.outputs[0]].quantization is not None:
            tensors[op.outputs[0]] = _with(tensors[op.outputs[0]], _SQUASHED_QUANTIZATION)
        if op.name not in _PRODUCTS:
            continue
        weights = tensors[op.inputs[1]]
        sigma = 1 / (sqrt(_terms(op, weights)) * sizes[op.inputs[0]])
        if weights.dtype == "float32":
            drawn = rng.standard_normal(prod(weights.shape), np.float32)
            values[weights.index] = drawn * np.float32(sigma)
        elif weights.dtype == "int8" and weights.quantization is not None:
            known = weights.quantization
            scale = sigma / _UNIFORM_SIGMA
            values[weights.index] = rng.integers(-127, 128, prod(weights.shape), np.int8)
            tensors[weights.index] = _with(weights, msgspec.structs.replace(known, scale=scale))
            _scale_bias(op, tensors, scale, known)
    main = msgspec.structs.replace(model.main, tensors=tuple(tensors))
    scaled = msgspec.structs.replace(model, subgraphs=(main, *model.subgraphs[1:]))
    return modelfile.write(scaled, seed=seed, values=values)


def _scale_bias(op: OpInfo, tensors: list[TensorInfo], scale: float, weights: Quantization) -> None:
    """A bias counts in products: its scale is that of the input times that of the weights."""
    source = tensors[op.inputs[0]].quantization
    if len(op.inputs) < 3 or source is None:
        return
    bias = tensors[op.inputs[2]]
    own = Quantization(source.scale * scale, 0, weights.channels, 0, True)
    tensors[bias.index] = _with(bias, own)


def _with(tensor: TensorInfo, quantization: Quantization) -> TensorInfo:
    return msgspec.structs.replace(tensor, quantization=quantization)


def _terms(op: OpInfo, weights: TensorInfo) -> int:
    """How many products one value of the output is the sum of."""
    if op.name == "DEPTHWISE_CONV_2D":
        return weights.shape[1] * weights.shape[2]
    return prod(weights.shape[1:])


def _sizes(model: ModelInfo) -> list[float]:
    """About the root mean square of every tensor for random input, see `host.child`."""
    sizes = [1.0] * len(model.main.tensors)
    for index in model.main.inputs:
        known = model.main.tensors[index].quantization
        sizes[index] = _INPUT_SIZE if known is None else known.scale * _UNIFORM_SIGMA
    for op in model.main.ops:
        sizes[op.outputs[0]] = _size(op, [sizes[t] for t in op.inputs if t >= 0])
    return sizes


def _size(op: OpInfo, sources: list[float]) -> float:
    clamped = op.options.activation in _RECTIFIED or op.name in _RECTIFIED
    half = sqrt(0.5) if clamped else 1.0
    match op.name:
        case "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED":
            return half
        case "ADD" | "SUB":
            return half * sqrt(sum(s * s for s in sources[:2]))
        case "MUL":
            return half * prod(sources[:2])
        case "LOGISTIC":
            return 0.5
        case "SOFTMAX":
            return 0.01
        case "MEAN" | "SUM":
            return sources[0]
    return half * max(sources[:1], default=1.0)
