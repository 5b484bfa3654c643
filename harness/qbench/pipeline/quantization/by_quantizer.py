"""Quantizing by litert-quantizer, which needs neither TensorFlow nor PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qbench.errors import ModelFileError
from qbench.pipeline.classifier import image_shape
from qbench.pipeline.quantization import calibration, recipes, unsigned
from qbench.pipeline.quantization.large_kernels import in_slices
from qbench.pipeline.quantization.options import Io, Options
from qbench.pipeline.quantization.signature import with_signature
from qbench.pipeline.quiet import quiet
from qbench.records import ModelInfo, Precision


def quantized(
    content: bytes,
    info: ModelInfo,
    options: Options,
    pictures: Sequence[Path],
    progress: Callable[[int, int], None],
) -> tuple[bytes, dict[str, str]]:
    """The fp32 file `content` in `options.scheme`, and the versions of what made it."""
    from importlib import metadata

    content = with_signature(content)
    with quiet():
        from litert_quantizer.quantizer import Quantizer

        recipe = recipes.recipe(options)
        quantizer = Quantizer(content)
        quantizer.load_quantization_recipe(recipe)
    seen = None
    if quantizer.need_calibration:
        scale = options.input_range
        seen = calibration.ranges(content, recipe, pictures, image_shape(info), scale, progress)
    with quiet():
        try:
            with in_slices():
                done = quantizer.quantize(seen, enable_progress_report=False).quantized_model
        except (ValueError, RuntimeError, KeyError, NotImplementedError) as error:
            raise ModelFileError(
                f"{info.path}: litert-quantizer cannot make it {options.scheme}: {error}"
            ) from error
    made = bytes(done)
    if options.scheme is Precision.INT8 and options.io is Io.UINT8:
        made = unsigned.with_unsigned_ends(made)
    names = ("litert-quantizer", "ai-edge-litert", "numpy")
    return made, {name: metadata.version(name) for name in names}
