"""Whose work a kernel does: the runtime's kernels beside the operators of the model.

A delegate's kernels come in the order of its operators, but not one by one: XNNPACK folds padding
and constants away, and starts more than one kernel for an addition with a clamp or for a product
whose input is quantized on the fly. So both sequences are aligned as texts are, with the fewest
kernels and operators left over; what is left over is no guess and stays unmatched.
"""

from __future__ import annotations

from collections.abc import Sequence

from qbench.host.profile import KernelTime
from qbench.records import OpInfo

# XNNPACK's kernel -> the operators that it may be of, where the names alone do not say it.
_KERNELS: dict[str, frozenset[str]] = {
    "convolution": frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"}),
    "deconvolution": frozenset({"TRANSPOSE_CONV"}),
    "fullyconnected": frozenset({"FULLY_CONNECTED", "CONV_2D", "BATCH_MATMUL"}),
    "dynamicfullyconnected": frozenset({"FULLY_CONNECTED", "BATCH_MATMUL"}),
    "batchmatrixmultiply": frozenset({"BATCH_MATMUL"}),
    "maxpooling": frozenset({"MAX_POOL_2D"}),
    "averagepooling": frozenset({"AVERAGE_POOL_2D"}),
    "mean": frozenset({"MEAN", "AVERAGE_POOL_2D"}),
    "sum": frozenset({"SUM", "MEAN"}),
    "subtract": frozenset({"SUB"}),
    "multiply": frozenset({"MUL"}),
    "divide": frozenset({"DIV"}),
    "sigmoid": frozenset({"LOGISTIC"}),
    "copy": frozenset({"CONCATENATION", "RESHAPE", "SPLIT"}),
    "constantpad": frozenset({"PAD", "PADV2"}),
    "clamp": frozenset({"RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"}),
    "convert": frozenset({"QUANTIZE", "DEQUANTIZE"}),
    "slice": frozenset({"SLICE", "STRIDED_SLICE"}),
    "staticreshape": frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "MEAN"}),
    "negate": frozenset({"NEG"}),
    "squareroot": frozenset({"SQRT"}),
    "reciprocalsquareroot": frozenset({"RSQRT"}),
    "reducemax": frozenset({"REDUCE_MAX"}),
    "reducemin": frozenset({"REDUCE_MIN"}),
    # 8-bit values by a table: XNNPACK has forgotten of which function
    "invalidunaryop": frozenset(
        {"LOGISTIC", "TANH", "ELU", "GELU", "HARD_SWISH", "RSQRT", "SQRT", "EXP", "LOG", "ABS"}
    ),
}
# What XNNPACK adds by itself: beside the operator before it, or ahead of the next one.
_BEHIND = frozenset({"clamp"})
_AHEAD = frozenset({"convert", "staticreshape", "copy", "constantpad", "transpose"})
_ADDED_COST, _STRANGE_COST, _FOLDED_COST, _LOST_COST = 1.0, 20.0, 1.0, 30.0


def match(kernels: Sequence[KernelTime], ops: Sequence[OpInfo]) -> list[int | None]:
    """For each kernel the index of its operator, None where it is nobody's for sure.

    `ops` in the order of execution. O(kernels x operators).
    """
    owner = [kernel.node for kernel in kernels]
    places = [i for i, kernel in enumerate(kernels) if kernel.node is None]
    delegated = [op for op in ops if op.index not in owner]
    for i, j in _align([kernels[i] for i in places], delegated):
        owner[places[i]] = delegated[j].index
    for i, kernel in enumerate(kernels):
        name = _plain(kernel.label)
        if owner[i] is not None:
            continue
        if name in _BEHIND and i:
            owner[i] = owner[i - 1]
        elif name in _AHEAD:
            owner[i] = next((o for o in owner[i + 1 :] if o is not None), None)
    return owner


def _align(kernels: Sequence[KernelTime], ops: Sequence[OpInfo]) -> list[tuple[int, int]]:
    """The cheapest alignment, as pairs of positions."""
    added = [_ADDED_COST if _plain(k.label) in _BEHIND | _AHEAD else _STRANGE_COST for k in kernels]
    folded = [_LOST_COST if op.macs else _FOLDED_COST for op in ops]
    # least[i][j]: cost of the kernels from i on with the operators from j on
    least = [[0.0] * (len(ops) + 1) for _ in range(len(kernels) + 1)]
    for j in range(len(ops) - 1, -1, -1):
        least[-1][j] = least[-1][j + 1] + folded[j]
    for i in range(len(kernels) - 1, -1, -1):
        row, below = least[i], least[i + 1]
        row[len(ops)] = below[len(ops)] + added[i]
        for j in range(len(ops) - 1, -1, -1):
            best = min(row[j + 1] + folded[j], below[j] + added[i])
            if below[j + 1] < best and _is_of(kernels[i], ops[j]):
                best = below[j + 1]
            row[j] = best
    return _walk(kernels, ops, least, folded)


def _walk(
    kernels: Sequence[KernelTime],
    ops: Sequence[OpInfo],
    least: list[list[float]],
    folded: list[float],
) -> list[tuple[int, int]]:
    pairs, i, j = [], 0, 0
    while i < len(kernels) and j < len(ops):
        if least[i][j] == least[i + 1][j + 1] and _is_of(kernels[i], ops[j]):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif least[i][j] == least[i][j + 1] + folded[j]:
            j += 1
        else:
            i += 1
    return pairs


def _is_of(kernel: KernelTime, op: OpInfo) -> bool:
    name = _plain(kernel.label)
    return op.name in _KERNELS.get(name, ()) or name == op.name.lower().replace("_", "")


def _plain(label: str) -> str:
    """`Fully Connected (NC, F32) GEMM` -> `fullyconnected`."""
    return label.partition(" (")[0].replace(" ", "").lower()
