"""Fixtures about operators and how their weights are held."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from models.builder import Model, options
from models.networks import conv_options


def matrix_ops() -> bytes:
    """Every operator with multiply-accumulates whose count needs care."""
    model = Model()
    graph = model.graph()
    image = graph.input([1, 8, 8, 4])
    grouped = graph.op(
        "CONV_2D",
        [image, graph.weights([6, 3, 3, 2]), graph.weights([6])],
        [graph.tensor([1, 8, 8, 6])],
        conv_options("Conv2DOptions", 1, 0),
        version=6,
    )
    dilated = options(
        "Conv2DOptions", padding=1, strideH=1, strideW=1, dilationHFactor=2, dilationWFactor=3
    )
    atrous = graph.op(
        "CONV_2D",
        [image, graph.weights([5, 3, 2, 4]), graph.weights([5])],
        [graph.tensor([1, 4, 5, 5])],
        dilated,
        version=2,
    )
    multiplied = conv_options("DepthwiseConv2DOptions", 2, 0)
    multiplied.depthMultiplier = 2
    deep = graph.op(
        "DEPTHWISE_CONV_2D",
        [image, graph.weights([1, 3, 3, 8]), graph.weights([8])],
        [graph.tensor([1, 4, 4, 8])],
        multiplied,
    )
    upsampled = graph.op(
        "TRANSPOSE_CONV",
        [graph.ints([1, 16, 16, 3]), graph.weights([3, 2, 2, 4]), image],
        [graph.tensor([1, 16, 16, 3])],
        options("TransposeConvOptions", padding=0, strideH=2, strideW=2),
    )
    volume = graph.input([1, 4, 6, 6, 2])
    conv_3d = graph.op(
        "CONV_3D",
        [volume, graph.weights([3, 3, 3, 2, 5]), graph.weights([5])],
        [graph.tensor([1, 4, 6, 6, 5])],
        options("Conv3DOptions", strideD=1, strideH=1, strideW=1),
    )
    conv_3d_back = graph.op(
        "CONV_3D_TRANSPOSE",
        [graph.ints([1, 8, 12, 12, 3]), graph.weights([2, 2, 2, 3, 5]), conv_3d],
        [graph.tensor([1, 8, 12, 12, 3])],
        options("Conv3DOptions", strideD=2, strideH=2, strideW=2),
    )
    left, right = graph.input([2, 7, 3]), graph.input([2, 5, 7])
    product = graph.op(
        "BATCH_MATMUL",
        [left, right],
        [graph.tensor([2, 3, 5])],
        options("BatchMatMulOptions", adjX=True, adjY=True),
    )
    rows = graph.input([2, 3, 10])
    dense = graph.op(
        "FULLY_CONNECTED",
        [rows, graph.weights([4, 10]), -1],
        [graph.tensor([2, 3, 4])],
        options("FullyConnectedOptions", keepNumDims=True),
        version=5,
    )
    activated = graph.op("GELU", [dense], [graph.tensor([2, 3, 4])], options("GeluOptions"))
    graph.outputs(grouped, atrous, deep, upsampled, conv_3d_back, product, activated)
    return model.file()


def recurrent() -> bytes:
    """A sequence LSTM (24 inputs, most left out, states are variables), an SVDF, an RNN."""
    model = Model()
    graph = model.graph()
    time, batch, size, cells = 5, 1, 3, 4
    x = graph.input([batch, time, size])

    def state(shape: list[int]) -> int:
        index = graph.tensor(shape)
        graph.table.tensors[index].isVariable = True
        return index

    inputs = [x]
    inputs += [graph.weights([cells, size]) for _ in range(4)]
    inputs += [graph.weights([cells, cells]) for _ in range(4)]
    inputs += [-1, -1, -1]
    inputs += [graph.weights([cells]) for _ in range(4)]
    inputs += [-1, -1, state([batch, cells]), state([batch, cells]), -1, -1, -1, -1]
    lstm = options("UnidirectionalSequenceLSTMOptions", fusedActivationFunction=4)
    y = graph.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [graph.tensor([batch, time, cells])], lstm)
    flat = graph.op(
        "RESHAPE",
        [y, graph.ints([1, 20])],
        [graph.tensor([1, 20])],
        options("ReshapeOptions", newShape=[1, 20]),
    )
    filters, memory, rank = 4, 6, 1
    svdf = graph.op(
        "SVDF",
        [
            flat,
            graph.weights([filters, 20]),
            graph.weights([filters, memory]),
            -1,
            state([batch, memory * filters]),
        ],
        [graph.tensor([batch, filters // rank])],
        options("SVDFOptions", rank=rank, fusedActivationFunction=1),
    )
    rnn = graph.op(
        "RNN",
        [svdf, graph.weights([2, 4]), graph.weights([2, 2]), graph.weights([2]), state([batch, 2])],
        [graph.tensor([batch, 2])],
        options("RNNOptions", fusedActivationFunction=4),
    )
    graph.outputs(rnn)
    return model.file()


def weights_int4() -> bytes:
    """int4 weights, two in a byte; 3 x 3 of them take 5 bytes."""
    model = Model()
    graph = model.graph()
    x = graph.input([1, 3])
    weights = graph.tensor([3, 3], "int4", data=bytes([0x21, 0x43, 0x65, 0x17, 0x02]), scale=0.1)
    y = graph.op(
        "FULLY_CONNECTED",
        [x, weights, -1],
        [graph.tensor([1, 3])],
        options("FullyConnectedOptions"),
        version=10,
    )
    graph.outputs(y)
    return model.file()


def blockwise() -> bytes:
    """int4 weights whose scales are a tensor of their own, one per block of 32."""
    model = Model()
    graph = model.graph()
    x = graph.input([1, 64])
    scales = graph.tensor([2, 2], "float16", data=np.full([2, 2], 0.125, np.float16))
    weights = graph.tensor([2, 64], "int4", data=bytes(range(64)))
    details = options("BlockwiseQuantization", scales=scales, zeroPoints=-1, blockSize=32)
    table = graph.table.tensors[weights]
    table.quantization = schema.QuantizationParametersT()
    table.quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    table.quantization.details = details
    y = graph.op(
        "FULLY_CONNECTED",
        [x, weights, -1],
        [graph.tensor([1, 2])],
        options("FullyConnectedOptions"),
        version=12,
    )
    graph.outputs(y)
    return model.file()


def activations_int16() -> bytes:
    """The 16x8 scheme: int16 activations, int8 weights, int64 bias."""
    model = Model()
    graph = model.graph()
    x = graph.input([1, 4], "int16", scale=0.001)
    bias = graph.tensor([3], "int64", data=np.arange(3, dtype=np.int64), scale=0.001 * 0.01)
    y = graph.op(
        "FULLY_CONNECTED",
        [x, graph.weights([3, 4], "int8", scale=0.01), bias],
        [graph.tensor([1, 3], "int16", scale=0.002)],
        options("FullyConnectedOptions"),
        version=7,
    )
    graph.outputs(y)
    return model.file()
