"""The range of every activation over a few real images: its least and largest value.

Not the quantizer's default, a moving average of ranges (0.95 of the old one): that keeps the range
of the last few images, clips all others, and has three times the error with 16 images.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qbench.pipeline.classifier import ImageShape, InputRange
from qbench.pipeline.data import images
from qbench.pipeline.quiet import quiet

Ranges = dict[str, Any]


def choose(pictures: Sequence[Path], count: int, seed: int) -> tuple[Path, ...]:
    """At most `count` of `pictures`, drawn by `seed`, in the order they came in."""
    if len(pictures) <= count:
        return tuple(pictures)
    drawn = set(random.Random(seed).sample(range(len(pictures)), count))
    return tuple(path for index, path in enumerate(pictures) if index in drawn)


def ranges(
    model: bytes,
    recipe: Any,
    pictures: Sequence[Path],
    shape: ImageShape,
    scale: InputRange,
    progress: Callable[[int, int], None],
) -> Ranges:
    """Run `model` (fp32) on each picture; the quantizer's name for what was seen: tensor -> range.

    Raises InputError for a picture that cannot be read.
    """
    import numpy as np
    from litert_quantizer.calibrator import Calibrator
    from litert_quantizer.recipe_manager import RecipeManager

    manager = RecipeManager()
    manager.load_quantization_recipe(recipe)
    with quiet():
        calibrator = Calibrator(model, 1, qsv_update_func=_widen)
    signature = calibrator.get_signature_list()
    key = next(iter(signature))
    name = signature[key]["inputs"][0]
    for done, path in enumerate(pictures, 1):
        image = images.read(path, shape.height, shape.width, shape.channels)
        ranged = image * np.float32(scale.high - scale.low) + np.float32(scale.low)
        calibrator.calibrate({key: [{name: ranged[None]}]}, manager)
        progress(done, len(pictures))
    found: Ranges = calibrator.get_model_qsvs()
    return found


def _widen(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    low, high = np.minimum(known["min"], new["min"]), np.maximum(known["max"], new["max"])
    return {**known, "min": low, "max": high}
