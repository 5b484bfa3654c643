"""Fixtures that are small whole networks, in all precisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.builder import Graph, Model, options


def conv_options(name: str, stride: int, activation: int, padding: int = 0) -> Any:
    table = options(
        name, padding=padding, strideH=stride, strideW=stride, fusedActivationFunction=activation
    )
    if name == "DepthwiseConv2DOptions":
        table.depthMultiplier = 1
    return table


class Layers:
    """Layers in one of the precisions, for `cnn`."""

    def __init__(self, graph: Graph, kind: str) -> None:
        self.graph = graph
        self.dtype = {"int8": "int8", "uint8": "uint8"}.get(kind, "float32")
        self.kind = kind

    def activation(self, shape: Sequence[int], scale: float = 0.05) -> int:
        if self.dtype == "float32":
            return self.graph.tensor(shape)
        zero = 128 if self.dtype == "uint8" else -5
        return self.graph.tensor(shape, self.dtype, scale=scale, zero_point=zero)

    def _weights(self, shape: Sequence[int], axis: int) -> int:
        graph = self.graph
        if self.kind in ("fp32", "fp16"):
            if self.kind == "fp32":
                return graph.weights(shape)
            return graph.op("DEQUANTIZE", [graph.weights(shape, "float16")], [graph.tensor(shape)])
        if self.kind == "uint8":
            return graph.weights(shape, "uint8", scale=0.01, zero_point=120)
        return graph.weights(shape, "int8", scale=[0.01] * shape[axis], axis=axis)

    def _bias(self, size: int) -> int:
        if self.dtype == "float32":
            return self.graph.weights([size])
        per_tensor = self.kind == "uint8"
        scale = 0.05 * 0.01
        data = np.arange(size, dtype=np.int32)
        return self.graph.tensor(
            [size], "int32", data=data, scale=scale if per_tensor else [scale] * size
        )

    def conv(self, x: int, height: int, channels: tuple[int, int], stride: int) -> int:
        out = height // stride
        y = self.activation([1, out, out, channels[1]])
        weights = self._weights([channels[1], 3, 3, channels[0]], 0)
        choice = conv_options("Conv2DOptions", stride, 3)
        return self.graph.op(
            "CONV_2D", [x, weights, self._bias(channels[1])], [y], choice, version=3
        )

    def depthwise(self, x: int, height: int, channels: int) -> int:
        y = self.activation([1, height - 2, height - 2, channels])
        weights = self._weights([1, 3, 3, channels], 3)
        choice = conv_options("DepthwiseConv2DOptions", 1, 1, padding=1)
        return self.graph.op(
            "DEPTHWISE_CONV_2D", [x, weights, self._bias(channels)], [y], choice, version=3
        )

    def dense(self, x: int, sizes: tuple[int, int]) -> int:
        y = self.activation([1, sizes[1]])
        weights = self._weights([sizes[1], sizes[0]], 0)
        choice = options("FullyConnectedOptions")
        return self.graph.op(
            "FULLY_CONNECTED", [x, weights, self._bias(sizes[1])], [y], choice, version=4
        )


def cnn(kind: str, *, float_io: bool = False, float_tail: bool = False) -> bytes:
    """Convolution, depthwise, add, pooling, mean, dense, softmax on a 16x16x3 image."""
    model = Model()
    graph = model.graph()
    layers = Layers(graph, kind)
    float_input = graph.tensor([1, 16, 16, 3]) if float_io else -1
    x = layers.activation([1, 16, 16, 3])
    graph.table.inputs = [float_input if float_io else x]
    if float_io:
        graph.op("QUANTIZE", [float_input], [x], options("QuantizeOptions"))
    x = layers.conv(x, 16, (3, 8), 2)
    x = layers.depthwise(x, 8, 8)
    x = graph.op("ADD", [x, x], [layers.activation([1, 6, 6, 8])], options("AddOptions"), version=2)
    choice = options(
        "Pool2DOptions", padding=1, strideH=2, strideW=2, filterHeight=2, filterWidth=2
    )
    x = graph.op("MAX_POOL_2D", [x], [layers.activation([1, 3, 3, 8])], choice, version=2)
    x = graph.op(
        "MEAN",
        [x, graph.ints([1, 2])],
        [layers.activation([1, 8])],
        options("ReducerOptions"),
        version=2,
    )
    x = layers.dense(x, (8, 4))
    if float_tail:
        x = graph.op("DEQUANTIZE", [x], [graph.tensor([1, 4])])
        y = graph.tensor([1, 4])
    elif layers.dtype == "float32":
        y = graph.tensor([1, 4])
    else:
        zero = 0 if kind == "uint8" else -128
        y = graph.tensor([1, 4], layers.dtype, scale=1 / 256, zero_point=zero)
    x = graph.op("SOFTMAX", [x], [y], options("SoftmaxOptions", beta=1.0), version=2)
    if float_io:
        x = graph.op("DEQUANTIZE", [x], [graph.tensor([1, 4])], version=2)
    graph.outputs(x)
    model.signature("serving_default", 0)
    model.metadata("min_runtime_version", b"1.14.0\0\0\0\0\0\0\0\0\0\0")
    return model.file()


def float_island() -> bytes:
    """int8, where one activation goes through float: sigmoid between two convolutions."""
    model = Model()
    graph = model.graph()
    layers = Layers(graph, "int8")
    x = layers.activation([1, 8, 8, 3])
    graph.table.inputs = [x]
    x = layers.conv(x, 8, (3, 4), 1)
    x = graph.op("DEQUANTIZE", [x], [graph.tensor([1, 8, 8, 4])], version=2)
    x = graph.op("LOGISTIC", [x], [graph.tensor([1, 8, 8, 4])])
    x = graph.op("QUANTIZE", [x], [layers.activation([1, 8, 8, 4])], options("QuantizeOptions"))
    graph.outputs(layers.conv(x, 8, (4, 4), 1))
    return model.file()
