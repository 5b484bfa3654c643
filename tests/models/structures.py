"""Fixtures about shapes, subgraphs, buffers and types."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from models.builder import Model, options
from models.networks import Layers


def free_batch() -> bytes:
    """As Keras models are converted: the batch size is free (-1), `shape` says 1."""
    model = Model()
    graph = model.graph()
    x = graph.input([1, 4], signature=[-1, 4])
    y = graph.op(
        "FULLY_CONNECTED",
        [x, graph.weights([3, 4]), -1],
        [graph.tensor([1, 3], signature=[-1, 3])],
        options("FullyConnectedOptions"),
    )
    graph.outputs(graph.op("RELU", [y], [graph.tensor([1, 3], signature=[-1, 3])]))
    return model.file()


def value_sized() -> bytes:
    """Sizes that depend on values: WHERE finds an unknown number of indices."""
    model = Model()
    graph = model.graph()
    x = graph.input([1, 8])
    positive = graph.op(
        "GREATER",
        [x, graph.tensor([], data=np.zeros([], np.float32))],
        [graph.tensor([1, 8], "bool")],
        options("GreaterOptions"),
    )
    found = graph.op(
        "WHERE",
        [positive],
        [graph.tensor([1, 2], "int64", signature=[-1, 2])],
        options("WhereOptions"),
    )
    picked = graph.op(
        "GATHER_ND", [x, found], [graph.tensor([1], signature=[-1])], options("GatherNdOptions")
    )
    column = graph.op(
        "RESHAPE",
        [picked, graph.ints([-1, 1])],
        [graph.tensor([1, 1], signature=[-1, 1])],
        options("ReshapeOptions", newShape=[-1, 1]),
    )
    y = graph.op(
        "FULLY_CONNECTED",
        [column, graph.weights([3, 1]), -1],
        [graph.tensor([1, 3], signature=[-1, 3])],
        options("FullyConnectedOptions"),
    )
    graph.outputs(y)
    return model.file()


def custom_op() -> bytes:
    """A detector's postprocessing: a custom operator, outputs without shape or rank."""
    model = Model()
    graph = model.graph()
    layers = Layers(graph, "uint8")
    x = graph.tensor([1, 8, 8, 3], "uint8", scale=0.05, zero_point=128, has_rank=False)
    graph.table.inputs = [x]
    x = layers.conv(x, 8, (3, 4), 1)
    boxes = graph.tensor([], has_rank=False)
    scores = graph.tensor([], has_rank=False)
    graph.op("CUSTOM", [x], [boxes, scores], custom="TFLite_Detection_PostProcess")
    graph.table.operators[-1].customOptions = list(b"\1\2\3")
    for tensor in graph.table.tensors:
        tensor.hasRank = False
    graph.outputs(boxes, scores)
    return model.file()


def sparse() -> bytes:
    """A 4x8 float16 weight matrix with one row in two, compressed, then DENSIFY and DEQUANTIZE."""
    model = Model()
    graph = model.graph()
    x = graph.input([1, 8])
    values = graph.tensor([4, 8], "float16", data=model.random([16], "float16"))
    table = graph.table.tensors[values]
    table.sparsity = schema.SparsityParametersT()
    table.sparsity.traversalOrder = [0, 1]
    table.sparsity.blockMap = []
    rows, columns = schema.DimensionMetadataT(), schema.DimensionMetadataT()
    rows.format = schema.DimensionType.DENSE
    rows.denseSize = 4
    columns.format = schema.DimensionType.SPARSE_CSR
    columns.arraySegmentsType = columns.arrayIndicesType = schema.SparseIndexVector.Int32Vector
    columns.arraySegments, columns.arrayIndices = schema.Int32VectorT(), schema.Int32VectorT()
    columns.arraySegments.values = [0, 8, 8, 16, 16]
    columns.arrayIndices.values = [*range(8), *range(8)]
    table.sparsity.dimMetadata = [rows, columns]
    dense = graph.op(
        "DENSIFY", [values], [graph.tensor([4, 8], "float16")], options("DensifyOptions")
    )
    weights = graph.op("DEQUANTIZE", [dense], [graph.tensor([4, 8])], version=3)
    y = graph.op(
        "FULLY_CONNECTED",
        [x, weights, -1],
        [graph.tensor([1, 4])],
        options("FullyConnectedOptions"),
    )
    graph.outputs(y)
    return model.file()


def control_flow() -> bytes:
    """A WHILE with its two subgraphs, and two signatures."""
    model = Model()
    graph, condition, body = model.graph(), model.graph("cond"), model.graph("body")
    count, x = graph.input([], "int32"), graph.input([1, 4])
    last = graph.tensor([], "int32")
    y = graph.tensor([1, 4])
    graph.op(
        "WHILE",
        [count, x],
        [last, y],
        options("WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2),
    )
    graph.outputs(last, y)

    i, _ = condition.input([], "int32"), condition.input([1, 4])
    less = condition.op(
        "LESS", [i, condition.ints(3)], [condition.tensor([], "bool")], options("LessOptions")
    )
    condition.outputs(less)

    i, x = body.input([], "int32"), body.input([1, 4])
    following = body.op("ADD", [i, body.ints(1)], [body.tensor([], "int32")], options("AddOptions"))
    product = body.op(
        "FULLY_CONNECTED",
        [x, body.weights([4, 4]), -1],
        [body.tensor([1, 4])],
        options("FullyConnectedOptions"),
    )
    body.outputs(following, product)
    model.signature("serving_default", 0)
    model.signature("step", 2)
    return model.file()


def state() -> bytes:
    """A resource variable: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE."""
    model = Model()
    graph = model.graph()
    x = graph.input([1, 4])
    handle = graph.op(
        "VAR_HANDLE",
        [],
        [graph.tensor([], "resource")],
        options("VarHandleOptions", container="", sharedName="sum"),
    )
    old = graph.op(
        "READ_VARIABLE", [handle], [graph.tensor([1, 4])], options("ReadVariableOptions")
    )
    new = graph.op("ADD", [old, x], [graph.tensor([1, 4])], options("AddOptions"))
    table = schema.OperatorT()
    table.opcodeIndex = model.opcode("ASSIGN_VARIABLE", 1, None)
    table.inputs, table.outputs = [handle, new], []
    graph.table.operators.append(table)
    graph.outputs(new)
    return model.file()


def outside_buffers() -> bytes:
    """Weights after the FlatBuffer (as in files above 2 GiB) and weights in another file."""
    model = Model()
    graph = model.graph()
    x = graph.input([1, 4])
    after = graph.tensor([3, 4])
    graph.table.tensors[after].buffer = model.buffer(None)
    place = model.table.buffers[-1]
    weights = model.random([3, 4], "float32").tobytes()
    place.size = len(weights)
    elsewhere = graph.tensor([3, 3])
    graph.table.tensors[elsewhere].externalBuffer = 7
    external, group = schema.ExternalBufferT(), schema.ExternalBufferGroupT()
    external.id, external.group, external.offset, external.length = 7, 0, 64, 36
    group.name = "weights.bin"
    model.table.externalBuffers, model.table.externalBufferGroups = [external], [group]
    y = graph.op(
        "FULLY_CONNECTED", [x, after, -1], [graph.tensor([1, 3])], options("FullyConnectedOptions")
    )
    y = graph.op(
        "FULLY_CONNECTED",
        [y, elsewhere, -1],
        [graph.tensor([1, 3])],
        options("FullyConnectedOptions"),
    )
    graph.outputs(y)
    place.offset = 2  # anything that is written out, to know the length
    place.offset = -(-len(model.file()) // 16) * 16
    file = model.file()
    return file + bytes(place.offset - len(file)) + weights


def dtypes() -> bytes:
    """One tensor of each type, and a scalar, an empty constant, a string constant."""
    model = Model()
    graph = model.graph()
    x = graph.input([1])
    names = sorted((code, name) for name, code in vars(schema.TensorType).items() if name.isupper())
    for _, name in names:
        graph.tensor([3, 5], name.lower(), name=name.lower())
    graph.tensor([], data=np.array(1.5, np.float32), name="scalar")
    graph.tensor([0], "int32", data=b"", name="empty")
    graph.tensor([2], "int64", data=np.array([-1, 1 << 40], np.int64), name="int64 values")
    text = (
        np.array([1, 12, 15], np.int32).tobytes() + b"abc"
    )  # count, where it starts, where it ends
    graph.tensor([1], "string", data=text, name="text")
    graph.outputs(graph.op("RELU", [x], [graph.tensor([1])]))
    return model.file()
