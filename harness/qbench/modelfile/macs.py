"""Multiply-accumulates of one operator, from shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qbench.records import OpOptions

Shape = tuple[int, ...]
LEFT_OUT: Shape = (0,)  # of an optional input that is not given: it holds nothing

# Inputs that the kernels demand, with their ranks. Checked for every file, so that nobody has to
# check again before indexing a shape. BATCH_MATMUL takes any ranks above 1.
_INPUT_RANKS: dict[str, dict[int, int | None]] = {
    "BATCH_MATMUL": {0: None, 1: None},
    "CONV_2D": {0: 4, 1: 4},
    "CONV_3D": {0: 5, 1: 5},
    "CONV_3D_TRANSPOSE": {1: 5, 2: 5},
    "DEPTHWISE_CONV_2D": {0: 4, 1: 4},
    "FULLY_CONNECTED": {0: None, 1: 2},
    "TRANSPOSE_CONV": {1: 4, 2: 4},
}
_OUTPUT_RANKS = {
    "CONV_2D": 4,
    "CONV_3D": 5,
    "CONV_3D_TRANSPOSE": 5,
    "DEPTHWISE_CONV_2D": 4,
    "TRANSPOSE_CONV": 4,
}

# Recurrent cells: each matrix is multiplied once per time step and batch row. These inputs are
# matrices (constants k...WeightsTensor in LiteRT kernels/lstm_shared.h, basic_rnn.cc, svdf.cc,
# bidirectional_sequence_lstm.cc, bidirectional_sequence_rnn.cc); peephole weights are diagonals.
_LSTM_MATRICES = (*range(1, 9), 16)
_RECURRENT = {
    "LSTM": _LSTM_MATRICES,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM_MATRICES,
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*range(1, 9), 16, *range(18, 26), 33, *range(40, 48)),
    "RNN": (1, 2),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2),
    "BIDIRECTIONAL_SEQUENCE_RNN": (1, 2, 5, 6, 10, 11),
    "SVDF": (1, 2),
}
_LSTM_BASIC_MATRICES = (2,)

# These run other subgraphs, or contract in ways that nobody has needed here yet: not 0, unknown.
_UNCOUNTED = frozenset(
    {
        "CALL",
        "IF",
        "STABLEHLO_CASE",
        "STABLEHLO_COMPOSITE",
        "STABLEHLO_CONVOLUTION",
        "STABLEHLO_CUSTOM_CALL",
        "STABLEHLO_DOT_GENERAL",
        "STABLEHLO_WHILE",
        "WHILE",
    }
)

MAC_OPERATORS = frozenset({*_INPUT_RANKS, *_RECURRENT})


def wrong_shapes(
    name: str,
    inputs: Sequence[int],
    input_shapes: Sequence[Shape | None],
    output_shapes: Sequence[Shape | None],
) -> str | None:
    """What is wrong with the inputs and outputs of an operator; None if nothing is.

    `inputs` are tensor indices, -1 = left out. Unknown shapes (None) cannot be wrong.
    """
    ranks = _INPUT_RANKS.get(name)
    if ranks is None:
        return None
    if not output_shapes:
        return "has no output"
    for position, rank in ranks.items():
        if position >= len(inputs) or inputs[position] < 0:
            return f"input {position} is missing"
        shape = input_shapes[position]
        if shape is None:
            continue
        if rank is not None and len(shape) != rank:
            return f"input {position} has rank {len(shape)}, not {rank}"
        if name == "BATCH_MATMUL" and len(shape) < 2:
            return f"input {position} has rank {len(shape)}, not at least 2"
    shape = output_shapes[0]
    rank = _OUTPUT_RANKS.get(name)
    if shape is not None and rank is not None and len(shape) != rank:
        return f"its output has rank {len(shape)}, not {rank}"
    return None


def count_macs(
    name: str,
    custom_name: str | None,
    options: OpOptions,
    inputs: Sequence[Shape | None],
    outputs: Sequence[Shape | None],
) -> int | None:
    """Multiply-accumulates of one operator; 0 for operators without any, None if unknown.

    Shapes are None where they are not known before run time, LEFT_OUT for inputs not given. Ranks
    must have been checked (`wrong_shapes`). A convolution's padding is counted as if it were data,
    as everybody counts it.
    """
    if name in _RECURRENT:
        matrices = _LSTM_BASIC_MATRICES if options.kernel_type == "BASIC" else _RECURRENT[name]
        return _recurrent(inputs, matrices)
    if custom_name == "Convolution2DTransposeBias":  # MediaPipe's: input, filter OHWI, bias
        if len(inputs) < 2 or inputs[0] is None or inputs[1] is None or len(inputs[1]) != 4:
            return None
        return math.prod(inputs[0]) * math.prod(inputs[1][:3])
    if name not in _INPUT_RANKS:
        return None if name in _UNCOUNTED else 0
    filter_shape, output = inputs[1], outputs[0]
    if name in ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"):
        # Every input element meets all weights of its own channel: OHWI and DHWOI filters.
        data = inputs[2]
        if data is None or filter_shape is None:
            return None
        per_channel = filter_shape[:-1] if name == "CONV_3D_TRANSPOSE" else filter_shape[:3]
        return math.prod(data) * math.prod(per_channel)
    if output is None:
        return None
    if name == "BATCH_MATMUL":
        left = inputs[0]
        return None if left is None else math.prod(output) * left[-2 if options.adj_x else -1]
    if filter_shape is None:
        return None
    if name == "CONV_2D":  # OHWI, where I counts the channels of one group
        per_output = filter_shape[1:]
    elif name == "CONV_3D":  # DHWIO
        per_output = filter_shape[:-1]
    elif name == "DEPTHWISE_CONV_2D":  # 1HWO
        per_output = filter_shape[1:3]
    else:  # FULLY_CONNECTED: OI
        per_output = filter_shape[1:]
    return math.prod(output) * math.prod(per_output)


def _recurrent(inputs: Sequence[Shape | None], matrices: tuple[int, ...]) -> int | None:
    if not inputs or not inputs[0]:
        return None
    weights = 0
    for index in matrices:
        if index < len(inputs):
            shape = inputs[index]
            if shape is None:
                return None
            weights += math.prod(shape)
    return math.prod(inputs[0][:-1]) * weights
