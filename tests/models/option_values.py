"""A fixture with one operator per options table that qbench reads."""

from __future__ import annotations

from models.builder import Model, options

# Values of every field that qbench reads, none of them the default.
_OPTION_VALUES: dict[str, tuple[str, dict[str, object]]] = {
    "ADD": ("AddOptions", {"fusedActivationFunction": 1}),
    "ARG_MAX": ("ArgMaxOptions", {"outputType": 4}),
    "ARG_MIN": ("ArgMinOptions", {"outputType": 2}),
    "BIDIRECTIONAL_SEQUENCE_LSTM": (
        "BidirectionalSequenceLSTMOptions",
        {"fusedActivationFunction": 4, "asymmetricQuantizeInputs": True},
    ),
    "BIDIRECTIONAL_SEQUENCE_RNN": (
        "BidirectionalSequenceRNNOptions",
        {"fusedActivationFunction": 4, "asymmetricQuantizeInputs": True},
    ),
    "CAST": ("CastOptions", {"inDataType": 9, "outDataType": 2}),
    "CONCATENATION": ("ConcatenationOptions", {"axis": -1, "fusedActivationFunction": 3}),
    "DEPTH_TO_SPACE": ("DepthToSpaceOptions", {"blockSize": 2}),
    "DIV": ("DivOptions", {"fusedActivationFunction": 2}),
    "GATHER": ("GatherOptions", {"axis": 1, "batchDims": 1}),
    "GELU": ("GeluOptions", {"approximate": True}),
    "L2_NORMALIZATION": ("L2NormOptions", {"fusedActivationFunction": 1}),
    "L2_POOL_2D": (
        "Pool2DOptions",
        {"padding": 1, "strideH": 2, "strideW": 3, "filterHeight": 4, "filterWidth": 5,
         "fusedActivationFunction": 1},
    ),
    "LEAKY_RELU": ("LeakyReluOptions", {"alpha": 0.25}),
    "LOCAL_RESPONSE_NORMALIZATION": (
        "LocalResponseNormalizationOptions",
        {"radius": 3, "bias": 1.0, "alpha": 0.5, "beta": 0.75},
    ),
    "LSTM": (
        "LSTMOptions",
        {"fusedActivationFunction": 4, "kernelType": 1, "asymmetricQuantizeInputs": True},
    ),
    "MEAN": ("ReducerOptions", {"keepDims": True}),
    "MIRROR_PAD": ("MirrorPadOptions", {"mode": 1}),
    "MUL": ("MulOptions", {"fusedActivationFunction": 5}),
    "ONE_HOT": ("OneHotOptions", {"axis": -1}),
    "PACK": ("PackOptions", {"valuesCount": 3, "axis": 2}),
    "REDUCE_ALL": ("ReducerOptions", {"keepDims": True}),
    "RESIZE_BILINEAR": ("ResizeBilinearOptions", {"alignCorners": True, "halfPixelCenters": True}),
    "RESIZE_NEAREST_NEIGHBOR": (
        "ResizeNearestNeighborOptions",
        {"alignCorners": True, "halfPixelCenters": True},
    ),
    "RNN": ("RNNOptions", {"fusedActivationFunction": 4, "asymmetricQuantizeInputs": True}),
    "SHAPE": ("ShapeOptions", {"outType": 4}),
    "SOFTMAX": ("SoftmaxOptions", {"beta": 0.5}),
    "SPACE_TO_DEPTH": ("SpaceToDepthOptions", {"blockSize": 4}),
    "SPLIT": ("SplitOptions", {"numSplits": 3}),
    "SPLIT_V": ("SplitVOptions", {"numSplits": 4}),
    "STRIDED_SLICE": (
        "StridedSliceOptions",
        {"beginMask": 1, "endMask": 2, "ellipsisMask": 4, "newAxisMask": 8, "shrinkAxisMask": 16,
         "offset": True},
    ),
    "SUB": ("SubOptions", {"fusedActivationFunction": 3}),
    "SVDF": ("SVDFOptions", {"rank": 2, "fusedActivationFunction": 1,
                             "asymmetricQuantizeInputs": True}),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        "UnidirectionalSequenceLSTMOptions",
        {"fusedActivationFunction": 4, "asymmetricQuantizeInputs": True},
    ),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (
        "SequenceRNNOptions",
        {"fusedActivationFunction": 4, "asymmetricQuantizeInputs": True},
    ),
    "UNIQUE": ("UniqueOptions", {"idxOutType": 4}),
    "UNPACK": ("UnpackOptions", {"num": 2, "axis": 1}),
}  # fmt: skip
_SHAPED_OPTION_VALUES: dict[str, tuple[str, dict[str, object], list[list[int]], list[int]]] = {
    "BATCH_MATMUL": (
        "BatchMatMulOptions",
        {"adjX": True, "adjY": True, "asymmetricQuantizeInputs": True},
        [[3, 2], [4, 3]],
        [2, 4],
    ),
    "CONV_2D": (
        "Conv2DOptions",
        {"padding": 1, "strideH": 2, "strideW": 3, "dilationHFactor": 4, "dilationWFactor": 5,
         "fusedActivationFunction": 3},
        [[1, 9, 9, 2], [3, 1, 1, 2]],
        [1, 5, 3, 3],
    ),
    "CONV_3D": (
        "Conv3DOptions",
        {"padding": 1, "strideD": 2, "strideH": 3, "strideW": 4, "dilationHFactor": 5,
         "dilationWFactor": 6, "fusedActivationFunction": 3},
        [[1, 9, 9, 9, 2], [1, 1, 1, 2, 3]],
        [1, 5, 3, 3, 3],
    ),
    "DEPTHWISE_CONV_2D": (
        "DepthwiseConv2DOptions",
        {"padding": 1, "strideH": 2, "strideW": 3, "depthMultiplier": 2, "dilationHFactor": 4,
         "dilationWFactor": 5, "fusedActivationFunction": 3},
        [[1, 9, 9, 2], [1, 1, 1, 4]],
        [1, 5, 3, 4],
    ),
    "FULLY_CONNECTED": (
        "FullyConnectedOptions",
        {"fusedActivationFunction": 1, "weightsFormat": 1, "keepNumDims": True,
         "asymmetricQuantizeInputs": True},
        [[1, 4], [3, 4]],
        [1, 3],
    ),
    "TRANSPOSE_CONV": (
        "TransposeConvOptions",
        {"padding": 1, "strideH": 2, "strideW": 3, "fusedActivationFunction": 1},
        [[4], [3, 2, 2, 2], [1, 4, 4, 2]],
        [1, 8, 12, 3],
    ),
}  # fmt: skip


def every_option() -> bytes:
    """One operator per options table that qbench reads; not a model that could run."""
    model = Model()
    graph = model.graph()
    x = graph.input([1, 4])
    for name, (table, values) in _OPTION_VALUES.items():
        graph.op(name, [x], [graph.tensor([1, 4])], options(table, **values), version=2)
    for name, (table, values, inputs, output) in _SHAPED_OPTION_VALUES.items():
        graph.op(
            name,
            [graph.tensor(shape) for shape in inputs],
            [graph.tensor(output)],
            options(table, **values),
            version=2,
        )
    graph.op("RELU6", [x], [graph.tensor([1, 4])], version=2)
    graph.outputs(len(graph.table.tensors) - 1)
    return model.file()
