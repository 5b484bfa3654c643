"""Is an int8 model integer from end to end? Its operators say."""

from __future__ import annotations

from qbench.errors import ModelFileError
from qbench.pipeline.quantization.options import Io
from qbench.records import ModelInfo, OpInfo, SubgraphInfo

_BORDERS = {"QUANTIZE", "DEQUANTIZE"}


def prove(info: ModelInfo, name: str, io: Io) -> None:
    """Raise ModelFileError, naming the operators, unless every one reads and writes integers.

    With float io the QUANTIZE at each input and the DEQUANTIZE at each output may touch float.
    """
    left = [
        f"{op.label} (operator {op.index})"
        for part in info.subgraphs
        for op in part.ops
        if _touches_float(part, op) and not (io is Io.FLOAT and _is_border(part, op))
    ]
    if left:
        shown = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if left[5:] else "")
        raise ModelFileError(
            f"{name}: is not full integer: {shown} stayed float",
            hint="the quantizer knows no int8 form of it: take it out of the network, or use "
            "--scheme dynamic or fp16",
        )


def _touches_float(part: SubgraphInfo, op: OpInfo) -> bool:
    return any(
        part.tensors[index].dtype.startswith(("float", "bfloat"))
        for index in (*op.inputs, *op.outputs)
        if index >= 0
    )


def _is_border(part: SubgraphInfo, op: OpInfo) -> bool:
    if op.name not in _BORDERS:
        return False
    return set(op.inputs) <= set(part.inputs) or set(op.outputs) <= set(part.outputs)
