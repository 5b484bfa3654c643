"""The precision class of a model, from the dtypes of its tensors and operators."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.modelfile.macs import MAC_OPERATORS
from qbench.records import OpInfo, Precision, SubgraphInfo

# Operators that only change how a constant is held or laid out: their output is still a weight.
_TRANSPARENT = frozenset(
    {
        "CAST",
        "DENSIFY",
        "DEQUANTIZE",
        "EXPAND_DIMS",
        "GATHER",
        "QUANTIZE",
        "RESHAPE",
        "SQUEEZE",
        "TRANSPOSE",
    }
)
_INT8 = frozenset({"int8", "uint8"})
_FLOAT = frozenset({"float32", "float16"})
# Types that carry the model's values; the others (int32, int64, bool ...) are shapes and indices.
_VALUES = _INT8 | _FLOAT | {
    "bfloat16", "float64", "int16", "uint16", "int4", "uint4", "int2", "float8_e4m3fn",
    "float8_e5m2", "complex64", "complex128",
}  # fmt: skip


def classify(subgraphs: Sequence[SubgraphInfo]) -> Precision:
    """The precision class, by what the operators with multiply-accumulates compute on.

    int8      all their activations are int8 or uint8, and no value leaves int8 and comes back:
              float is left only at the borders (QUANTIZE, DEQUANTIZE, pre- and postprocessing)
    fp32      activations and weights are float32
    fp16      activations are float, at least half of the weights float16, the rest float32
    dynamic   activations are float, at least half of the weights int8 or uint8, the rest float32
    mixed     all else

    A model without such operators is judged by all its operators, one without operators by its
    inputs and outputs. Weights are looked at as they are stored: through DEQUANTIZE and DENSIFY.
    """
    walks = [_Walk(subgraph) for subgraph in subgraphs]
    for only_macs in (True, False):
        activations: set[str] = set()
        weights: dict[str, int] = {}
        for walk in walks:
            walk.collect(only_macs, activations, weights)
        if activations:
            return _decide(activations, weights, any(walk.has_island() for walk in walks))
    main = subgraphs[0]
    dtypes = {main.tensors[i].dtype for i in (*main.inputs, *main.outputs)} & _VALUES
    return _decide(dtypes, {}, False) if dtypes else Precision.MIXED


def _decide(activations: set[str], weights: dict[str, int], island: bool) -> Precision:
    kinds = set(weights)
    if activations <= _INT8:
        exotic = kinds - _INT8 - {"int16"}  # int16: layer norm coefficients of LSTMs
        return Precision.MIXED if island or exotic else Precision.INT8
    if activations not in ({"float32"}, {"float16"}):
        return Precision.MIXED
    if kinds <= {"float32"}:
        return Precision.FP32 if activations == {"float32"} else Precision.FP16
    small = kinds - {"float32"}
    stored = sum(weights[kind] for kind in small)
    if 2 * stored < sum(weights.values()):
        return Precision.MIXED
    if small == {"float16"}:
        return Precision.FP16
    return Precision.DYNAMIC if small <= _INT8 else Precision.MIXED


class _Walk:
    """Which tensors of a subgraph are weights (and how they are stored), which are activations."""

    def __init__(self, subgraph: SubgraphInfo) -> None:
        self._tensors = subgraph.tensors
        self._ops = subgraph.ops
        # weight tensor -> dtype it is stored in
        self._stored = {t.index: t.dtype for t in subgraph.tensors if t.is_constant}
        for op in subgraph.ops:
            if op.name in _TRANSPARENT and op.inputs and op.inputs[0] in self._stored:
                for index in op.outputs:
                    self._stored.setdefault(index, self._stored[op.inputs[0]])

    def _activations(self, indices: Sequence[int]) -> list[int]:
        return [
            i
            for i in indices
            if i >= 0
            and i not in self._stored
            and not self._tensors[i].is_variable
            and self._tensors[i].dtype in _VALUES
        ]

    def collect(self, only_macs: bool, activations: set[str], weights: dict[str, int]) -> None:
        """Add the dtypes of activations, and the elements of weights by how they are stored."""
        seen: set[int] = set()
        for op in self._ops:
            if op.name in _TRANSPARENT:
                continue
            if only_macs and not _has_macs(op):
                continue
            data = self._activations(op.inputs)
            if not data and only_macs:
                continue
            for i in (*data, *self._activations(op.outputs)):
                activations.add(self._tensors[i].dtype)
            for i in op.inputs:
                dtype = self._stored.get(i)
                if dtype in _VALUES and i not in seen:
                    seen.add(i)
                    weights[dtype] = weights.get(dtype, 0) + self._tensors[i].elements

    def has_island(self) -> bool:
        """Does a value go from int8 to float and back to int8?"""
        left: set[int] = set()  # float tensors that come from int8 ones
        for op in self._ops:
            data = self._activations(op.inputs)
            dtypes = self._tensors
            tainted = any(i in left for i in data)
            quantized = any(dtypes[i].dtype in _INT8 for i in data)
            for i in self._activations(op.outputs):
                if dtypes[i].dtype in _INT8:
                    if tainted:
                        return True
                elif quantized or tainted:
                    left.add(i)
        return False


def _has_macs(op: OpInfo) -> bool:
    return op.name in MAC_OPERATORS or bool(op.macs)
