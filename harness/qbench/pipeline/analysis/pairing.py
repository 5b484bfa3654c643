"""Which operator of a quantized model is which of the fp32 model that it was made from."""

from __future__ import annotations

import re

import msgspec

from qbench.errors import InputError
from qbench.records import ModelInfo, OpInfo

# Operators that only change how a value is held. Quantizing adds and removes them.
_CHANGES_OF_TYPE = ("QUANTIZE", "DEQUANTIZE")
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


class Layer(msgspec.Struct, frozen=True):
    """One operator in both files. Outputs and weights are tensor indices; `weights`: None for an
    operator without. `inputs`: those fp32 outputs (or the model's input) that it reads."""

    name: str
    op: str
    output: int
    quantized_output: int
    inputs: tuple[int, ...]
    weights: int | None
    quantized_weights: int | None


def pair(fp32: ModelInfo, quantized: ModelInfo) -> tuple[Layer, ...]:
    """All operators in order of execution. Raises InputError when the two graphs differ in more
    than the change of types."""
    ours = [op for op in fp32.main.ops if op.name not in _CHANGES_OF_TYPE]
    theirs = [op for op in quantized.main.ops if op.name not in _CHANGES_OF_TYPE]
    if [op.label for op in ours] != [op.label for op in theirs]:
        raise InputError(
            f"{quantized.path}: has other operators than {fp32.path} "
            f"({len(theirs)} and {len(ours)}): its layers cannot be compared",
            hint="quantize the fp32 file itself: qbench quantize",
        )
    return tuple(_layer(fp32, quantized, a, b) for a, b in zip(ours, theirs, strict=True))


def _layer(fp32: ModelInfo, quantized: ModelInfo, ours: OpInfo, theirs: OpInfo) -> Layer:
    main = fp32.main
    flowing = tuple(i for i in ours.inputs if i >= 0 and not main.tensors[i].is_constant)
    has_weights = ours.name in WEIGHTED
    return Layer(
        name=_name(main.tensors[ours.outputs[0]].name, ours),
        op=ours.label,
        output=ours.outputs[0],
        quantized_output=theirs.outputs[0],
        inputs=flowing,
        weights=ours.inputs[1] if has_weights else None,
        quantized_weights=_stored(quantized, theirs.inputs[1]) if has_weights else None,
    )


def _stored(model: ModelInfo, index: int) -> int:
    """The constant behind a DEQUANTIZE (fp16), or the tensor itself."""
    for op in model.main.ops:
        if index in op.outputs and op.name == "DEQUANTIZE":
            return op.inputs[0]
    return index


def _name(tensor: str, op: OpInfo) -> str:
    """`17 conv3_1`: the operator's place and the layer's name, where the file tells one.

    litert-torch writes the path of modules, each with its full class name; Keras the layers that
    became one operator.
    """
    if "torch.nn.modules" in tensor:
        words = [part.rpartition(".")[2] for part in tensor.partition(";")[0].split("/")]
        words = [word.removeprefix("Sequential_") for word in words]
        words = [w for w in words if w not in ("ChannelLastIOWrapper", "wrapped", "Sequential")]
        return f"{op.index} {'.'.join((words[1:] or words)[-4:]) or op.label.lower()}"
    words = [w for w in re.split(r"[/;]", tensor) if re.search(r"conv|bn|pool|logit|add|mean", w)]
    return f"{op.index} {words[0][:24] if words else op.label.lower()}"
