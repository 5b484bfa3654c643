"""What may be chosen about quantizing a model."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from qbench.pipeline.classifier import InputRange
from qbench.records import Precision


class Io(StrEnum):
    """The type of an int8 model's input and output."""

    INT8 = "int8"
    UINT8 = "uint8"
    FLOAT = "float"


class Quantizer(StrEnum):
    """Whose work it is. TFLiteConverter is the second opinion: it needs TensorFlow."""

    LITERT_QUANTIZER = "litert-quantizer"
    TFLITE_CONVERTER = "tflite-converter"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`io`, `images` and `seed` (which images) matter for int8 only. `images`: at most so many
    calibrate. `per_channel`: a scale for each output channel of a weight, or one for all."""

    scheme: Precision
    io: Io = Io.INT8
    images: int = 100
    seed: int = 0
    per_channel: bool = True
    input_range: InputRange = InputRange()
    quantizer: Quantizer = Quantizer.LITERT_QUANTIZER
