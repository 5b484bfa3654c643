"""The same model quantized by both implementations: whose answers are nearer to fp32's?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from qbench.pipeline.classifier import Classifier
from qbench.pipeline.data import images
from qbench.pipeline.quantization import calibration
from qbench.pipeline.quantization.options import Options, Quantizer
from qbench.pipeline.quantization.quantize import Quantized, quantize

_OTHER = {
    Quantizer.LITERT_QUANTIZER: Quantizer.TFLITE_CONVERTER,
    Quantizer.TFLITE_CONVERTER: Quantizer.LITERT_QUANTIZER,
}
_IMAGES = 32


class CrossCheck(msgspec.Struct, frozen=True, kw_only=True):
    """`error` and `other_error`: mean absolute difference of the class scores from fp32's.
    `agreement_ratio`: of the images, how many both quantized models give the same class."""

    other: Quantizer
    images: int
    error: float
    other_error: float
    agreement_ratio: float


def cross_check(
    model: Path,
    made: Quantized,
    options: Options,
    pictures: Sequence[Path],
    say: Callable[[str], None],
) -> CrossCheck:
    """Quantize `model` by the other implementation too, and show `pictures` (at most 32, drawn by
    the seed) to all three. Raises what `quantize` does."""
    import numpy as np

    other = msgspec.structs.replace(options, quantizer=_OTHER[options.quantizer])
    with tempfile.TemporaryDirectory(prefix="qbench-cross-check-") as scratch:
        theirs = Path(scratch) / "other.tflite"
        quantize(model, other, pictures, theirs, say=say)
        models = [
            Classifier(path, scale=options.input_range) for path in (model, Path(made.path), theirs)
        ]
    shape = models[0].shape
    shown = [
        images.read(path, shape.height, shape.width, shape.channels)
        for path in calibration.choose(pictures, _IMAGES, options.seed)
    ]
    exact, ours, others = (np.stack([m.scores(i)[0] for i in shown]) for m in models)
    return CrossCheck(
        other=other.quantizer,
        images=len(shown),
        error=float(np.abs(ours - exact).mean()),
        other_error=float(np.abs(others - exact).mean()),
        agreement_ratio=float((ours.argmax(1) == others.argmax(1)).mean()),
    )
