"""Multiply-accumulates of one operator, from shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qbench.records import OpOptions

Shape = tuple[int, ...]

# Ranks that the kernels demand: {operator: {input: rank}}; an operator must have all inputs named
# here. Checked for every file, so that nobody has to check again before indexing a shape.
INPUT_RANKS: dict[str, dict[int, int]] = {
    "CONV_2D": {0: 4, 1: 4},
    "DEPTHWISE_CONV_2D": {0: 4, 1: 4},
    "TRANSPOSE_CONV": {1: 4, 2: 4},
    "CONV_3D": {0: 5, 1: 5},
    "CONV_3D_TRANSPOSE": {1: 5, 2: 5},
    "FULLY_CONNECTED": {1: 2},
}
OUTPUT_RANKS = {
    "CONV_2D": 4,
    "DEPTHWISE_CONV_2D": 4,
    "TRANSPOSE_CONV": 4,
    "CONV_3D": 5,
    "CONV_3D_TRANSPOSE": 5,
}
MIN_INPUTS = {op: max(ranks) + 1 for op, ranks in INPUT_RANKS.items()} | {"BATCH_MATMUL": 2}

# Recurrent cells: each matrix is multiplied once per time step and batch row. The inputs that hold
# matrices, from the kernels' constants (LiteRT kernels/lstm_shared.h,
# unidirectional_sequence_lstm.cc, bidirectional_sequence_lstm.cc, basic_rnn.cc, svdf.cc ...).
_LSTM_MATRICES = (1, 2, 3, 4, 5, 6, 7, 8, 16)
_RECURRENT = {
    "LSTM": _LSTM_MATRICES,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM_MATRICES,
    "BIDIRECTIONAL_SEQUENCE_LSTM": (*range(1, 9), 15, *range(18, 26), 32),
    "RNN": (1, 2),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2),
    "BIDIRECTIONAL_SEQUENCE_RNN": (1, 2, 4, 5),
    "SVDF": (1, 2),
}
_LSTM_BASIC_MATRICES = (2,)

MAC_OPERATORS = frozenset({*MIN_INPUTS, *_RECURRENT})


def count_macs(
    name: str,
    custom_name: str | None,
    options: OpOptions,
    inputs: Sequence[Shape | None],
    outputs: Sequence[Shape | None],
) -> int | None:
    """Multiply-accumulates of one operator; 0 for operators without any, None if unknown.

    Shapes are None where they are not known before run time or the tensor is left out. Ranks must
    have been checked (`INPUT_RANKS`). A convolution's padding is counted as if it were data, as
    everybody counts it.
    """
    if name in _RECURRENT:
        matrices = _LSTM_BASIC_MATRICES if options.kernel_type == "BASIC" else _RECURRENT[name]
        return _recurrent(inputs, matrices)
    if custom_name == "Convolution2DTransposeBias":  # MediaPipe's: input, filter OHWI, bias
        if len(inputs) < 2 or inputs[0] is None or inputs[1] is None or len(inputs[1]) != 4:
            return None
        return math.prod(inputs[0]) * math.prod(inputs[1][:3])
    if name not in MIN_INPUTS:
        return 0
    first, second, output = inputs[0], inputs[1], outputs[0]
    if name in ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"):
        # Every input element meets every weight of its own input channel: OHWI, DHWOI.
        data = inputs[2]
        return (
            None
            if data is None or second is None
            else math.prod(data)
            * math.prod(second[:-1] if name == "CONV_3D_TRANSPOSE" else second[:3])
        )
    if second is None or output is None:
        return None
    elements = math.prod(output)
    if name == "CONV_2D":  # OHWI, I = input channels of one group
        return elements * math.prod(second[1:])
    if name == "CONV_3D":  # DHWIO
        return elements * math.prod(second[:-1])
    if name == "DEPTHWISE_CONV_2D":  # 1HWO
        return elements * math.prod(second[1:3])
    if name == "FULLY_CONNECTED":  # OI
        return elements * second[1]
    # BATCH_MATMUL: the contracted dimension of the first operand
    if first is None or len(first) < 2:
        return None
    return elements * first[-2 if options.adj_x else -1]


def _recurrent(inputs: Sequence[Shape | None], matrices: tuple[int, ...]) -> int | None:
    if not inputs or inputs[0] is None or not inputs[0]:
        return None
    weights = 0
    for index in matrices:
        if index < len(inputs):
            shape = inputs[index]
            weights += math.prod(shape) if shape is not None else 0
    return math.prod(inputs[0][:-1]) * weights
