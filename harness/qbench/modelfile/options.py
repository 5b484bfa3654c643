"""Builtin options: which fields of which options table go where in OpOptions, as data.

Source: tflite/schema/schema.fbs of LiteRT (Apache-2.0), schema version 3;
`tests/test_modelfile_schema.py` checks every line against the module flatc made from it.
"""

from __future__ import annotations

from typing import NamedTuple

from qbench.modelfile.flatbuffer import Table
from qbench.modelfile.schema import (
    ACTIVATIONS,
    DTYPES,
    LSTM_KERNELS,
    MIRROR_PAD_MODES,
    PADDINGS,
    WEIGHTS_FORMATS,
    OperatorSlot,
)
from qbench.records import OpOptions


class Field(NamedTuple):
    """One field of an options table. `kind`: int32, bool, float32, or the names of an enum."""

    slot: int
    kind: str | tuple[str, ...]
    default: int | float = 0


class OptionsTable(NamedTuple):
    """`union_type`: its number in union BuiltinOptions. `fields`: by their names in OpOptions."""

    name: str
    union_type: int
    fields: dict[str, Field]


_I = "int32"
_B = "bool"
_F = "float32"

OPTIONS_TABLES = (
    OptionsTable(
        "Conv2DOptions",
        1,
        {
            "padding": Field(0, PADDINGS),
            "stride_w": Field(1, _I),
            "stride_h": Field(2, _I),
            "activation": Field(3, ACTIVATIONS),
            "dilation_w": Field(4, _I, 1),
            "dilation_h": Field(5, _I, 1),
        },
    ),
    OptionsTable(
        "DepthwiseConv2DOptions",
        2,
        {
            "padding": Field(0, PADDINGS),
            "stride_w": Field(1, _I),
            "stride_h": Field(2, _I),
            "depth_multiplier": Field(3, _I),
            "activation": Field(4, ACTIVATIONS),
            "dilation_w": Field(5, _I, 1),
            "dilation_h": Field(6, _I, 1),
        },
    ),
    OptionsTable(
        "Pool2DOptions",
        5,
        {
            "padding": Field(0, PADDINGS),
            "stride_w": Field(1, _I),
            "stride_h": Field(2, _I),
            "filter_w": Field(3, _I),
            "filter_h": Field(4, _I),
            "activation": Field(5, ACTIVATIONS),
        },
    ),
    OptionsTable(
        "SVDFOptions",
        6,
        {"activation": Field(1, ACTIVATIONS), "asymmetric_quantize_inputs": Field(2, _B)},
    ),
    OptionsTable(
        "RNNOptions",
        7,
        {"activation": Field(0, ACTIVATIONS), "asymmetric_quantize_inputs": Field(1, _B)},
    ),
    OptionsTable(
        "FullyConnectedOptions",
        8,
        {
            "activation": Field(0, ACTIVATIONS),
            "weights_format": Field(1, WEIGHTS_FORMATS),
            "keep_num_dims": Field(2, _B),
            "asymmetric_quantize_inputs": Field(3, _B),
        },
    ),
    OptionsTable("SoftmaxOptions", 9, {"beta": Field(0, _F)}),
    OptionsTable(
        "ConcatenationOptions", 10, {"axis": Field(0, _I), "activation": Field(1, ACTIVATIONS)}
    ),
    OptionsTable("AddOptions", 11, {"activation": Field(0, ACTIVATIONS)}),
    OptionsTable("L2NormOptions", 12, {"activation": Field(0, ACTIVATIONS)}),
    OptionsTable(
        "LocalResponseNormalizationOptions", 13, {"alpha": Field(2, _F), "beta": Field(3, _F)}
    ),
    OptionsTable(
        "LSTMOptions",
        14,
        {
            "activation": Field(0, ACTIVATIONS),
            "kernel_type": Field(3, LSTM_KERNELS),
            "asymmetric_quantize_inputs": Field(4, _B),
        },
    ),
    OptionsTable(
        "ResizeBilinearOptions",
        15,
        {"align_corners": Field(2, _B), "half_pixel_centers": Field(3, _B)},
    ),
    OptionsTable("SpaceToDepthOptions", 19, {"block_size": Field(0, _I)}),
    OptionsTable("MulOptions", 21, {"activation": Field(0, ACTIVATIONS)}),
    OptionsTable("GatherOptions", 23, {"axis": Field(0, _I)}),
    OptionsTable("ReducerOptions", 27, {"keep_dims": Field(0, _B)}),
    OptionsTable("SubOptions", 28, {"activation": Field(0, ACTIVATIONS)}),
    OptionsTable("DivOptions", 29, {"activation": Field(0, ACTIVATIONS)}),
    OptionsTable(
        "SequenceRNNOptions",
        31,
        {"activation": Field(1, ACTIVATIONS), "asymmetric_quantize_inputs": Field(2, _B)},
    ),
    OptionsTable(
        "StridedSliceOptions",
        32,
        {
            "begin_mask": Field(0, _I),
            "end_mask": Field(1, _I),
            "ellipsis_mask": Field(2, _I),
            "new_axis_mask": Field(3, _I),
            "shrink_axis_mask": Field(4, _I),
            "offset": Field(5, _B),
        },
    ),
    OptionsTable("SplitOptions", 35, {"num_splits": Field(0, _I)}),
    OptionsTable("CastOptions", 37, {"in_dtype": Field(0, DTYPES), "out_dtype": Field(1, DTYPES)}),
    OptionsTable("ArgMaxOptions", 40, {"out_dtype": Field(0, DTYPES)}),
    OptionsTable(
        "TransposeConvOptions",
        49,
        {
            "padding": Field(0, PADDINGS),
            "stride_w": Field(1, _I),
            "stride_h": Field(2, _I),
            "activation": Field(3, ACTIVATIONS),
        },
    ),
    OptionsTable("ShapeOptions", 55, {"out_dtype": Field(0, DTYPES)}),
    OptionsTable("ArgMinOptions", 57, {"out_dtype": Field(0, DTYPES)}),
    OptionsTable("PackOptions", 59, {"values_count": Field(0, _I), "axis": Field(1, _I)}),
    OptionsTable("OneHotOptions", 61, {"axis": Field(0, _I)}),
    OptionsTable("UnpackOptions", 64, {"axis": Field(1, _I)}),
    OptionsTable(
        "BidirectionalSequenceLSTMOptions",
        69,
        {"activation": Field(0, ACTIVATIONS), "asymmetric_quantize_inputs": Field(5, _B)},
    ),
    OptionsTable(
        "BidirectionalSequenceRNNOptions",
        70,
        {"activation": Field(1, ACTIVATIONS), "asymmetric_quantize_inputs": Field(3, _B)},
    ),
    OptionsTable(
        "UnidirectionalSequenceLSTMOptions",
        71,
        {"activation": Field(0, ACTIVATIONS), "asymmetric_quantize_inputs": Field(4, _B)},
    ),
    OptionsTable(
        "ResizeNearestNeighborOptions",
        74,
        {"align_corners": Field(0, _B), "half_pixel_centers": Field(1, _B)},
    ),
    OptionsTable("LeakyReluOptions", 75, {"alpha": Field(0, _F)}),
    OptionsTable("MirrorPadOptions", 77, {"mode": Field(0, MIRROR_PAD_MODES)}),
    OptionsTable("SplitVOptions", 79, {"num_splits": Field(0, _I)}),
    OptionsTable("UniqueOptions", 80, {"out_dtype": Field(0, DTYPES, 2)}),
    OptionsTable("DepthToSpaceOptions", 94, {"block_size": Field(0, _I)}),
    OptionsTable(
        "BatchMatMulOptions",
        101,
        {
            "adj_x": Field(0, _B),
            "adj_y": Field(1, _B),
            "asymmetric_quantize_inputs": Field(2, _B),
        },
    ),
    OptionsTable(
        "Conv3DOptions",
        106,
        {
            "padding": Field(0, PADDINGS),
            "stride_w": Field(2, _I),
            "stride_h": Field(3, _I),
            "activation": Field(4, ACTIVATIONS),
            "dilation_w": Field(6, _I, 1),
            "dilation_h": Field(7, _I, 1),
        },
    ),
    OptionsTable("GeluOptions", 116, {"approximate": Field(0, _B)}),
)

# Which options the runtime looks for, by operator (LiteRT core/api/flatbuffer_conversions.cc).
# An operator whose options are absent or of another type gets the defaults there, and here.
OPTIONS_OF_OPERATOR = {
    "ADD": "AddOptions",
    "ARG_MAX": "ArgMaxOptions",
    "ARG_MIN": "ArgMinOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "BidirectionalSequenceLSTMOptions",
    "BIDIRECTIONAL_SEQUENCE_RNN": "BidirectionalSequenceRNNOptions",
    "CAST": "CastOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "CONV_3D": "Conv3DOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "DIV": "DivOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "GATHER": "GatherOptions",
    "GELU": "GeluOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "LOCAL_RESPONSE_NORMALIZATION": "LocalResponseNormalizationOptions",
    "LSTM": "LSTMOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "MUL": "MulOptions",
    "ONE_HOT": "OneHotOptions",
    "PACK": "PackOptions",
    "REDUCE_ALL": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "RNN": "RNNOptions",
    "SHAPE": "ShapeOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "SVDF": "SVDFOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
    "UNIQUE": "UniqueOptions",
    "UNPACK": "UnpackOptions",
}

# A value below 1 in these is refused, as the runtime's kernels refuse it or divide by it.
POSITIVE_OPTIONS = frozenset(
    {"stride_h", "stride_w", "dilation_h", "dilation_w", "filter_h", "filter_w", "block_size"}
)

_BY_NAME = {table.name: table for table in OPTIONS_TABLES}
_OF_OPERATOR = {op: _BY_NAME[name] for op, name in OPTIONS_OF_OPERATOR.items()}
_NO_OPTIONS = OpOptions()


def read_options(op_name: str, operator: Table) -> OpOptions:
    """The options of an operator.

    An operator whose options are absent, or of a type that is not its own, gets the schema's
    defaults, as in the runtime (LiteRT flatbuffer_conversions.cc). Raises ModelFileError for a
    number that its enum does not have and for strides, filters and blocks below 1.
    """
    expected = _OF_OPERATOR.get(op_name)
    if expected is None:
        return _NO_OPTIONS
    given: Table | None = None
    if operator.unsigned(OperatorSlot.BUILTIN_OPTIONS_TYPE, 1) == expected.union_type:
        given = operator.table(OperatorSlot.BUILTIN_OPTIONS)
    values: dict[str, int | float | str] = {}
    for name, (slot, kind, default) in expected.fields.items():
        values[name] = _value(name, given, slot, kind, default, operator)
    return OpOptions(**values)  # type: ignore[arg-type]


def _value(
    name: str,
    given: Table | None,
    slot: int,
    kind: str | tuple[str, ...],
    default: int | float,
    operator: Table,
) -> int | float | str:
    if kind == _F:
        return given.float32(slot, default) if given else default
    if kind == _B:
        return given.boolean(slot, bool(default)) if given else bool(default)
    if kind == _I:
        number = given.signed(slot, 4, int(default)) if given else int(default)
        if number < 1 and name in POSITIVE_OPTIONS:
            operator.bad(f"{name} is {number}, not at least 1")
        return number
    number = given.unsigned(slot, 1, int(default)) if given else int(default)
    if number >= len(kind):
        operator.bad(f"{name} has the unknown value {number}")
    return kind[number]
