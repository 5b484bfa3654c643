"""Small image classifiers as .tflite files, and labelled pictures that they can tell apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fakes.graphs import Graph

SIDE = 16


def brightness(path: Path, *, extra: str | None = None, gain: float = 8.0) -> Path:
    """Tells class 1 from the mean brightness: logits (-a, a) with a = gain * (mean - 0.5).

    A 3x3 convolution that keeps the picture, MEAN, FULLY_CONNECTED; `extra` is an operator with
    one input put between the first two.
    """
    g = Graph()
    x = g.input((1, SIDE, SIDE, 1))
    kernel = np.zeros((4, 3, 3, 1), np.float32)
    kernel[:, 1, 1, 0] = (1.0, 0.5, 0.25, 0.125)
    still: dict[str, Any] = {"strideH": 1, "strideW": 1, "padding": "SAME"}
    still |= {"dilationHFactor": 1, "dilationWFactor": 1}
    y = g.tensor((1, SIDE, SIDE, 4))
    zeros = g.const(np.zeros(4, np.float32), "float32")
    g.op("CONV_2D", [x, g.const(kernel, "float32"), zeros], [y], **still)
    if extra is not None:
        x, y = y, g.tensor((1, SIDE, SIDE, 4))
        g.op(extra, [x], [y])
    mean, logits = g.tensor((1, 4)), g.tensor((1, 2))
    g.op("MEAN", [y, g.const([1, 2])], [mean], keepDims=False)
    row = np.array([gain, 0, 0, 0], np.float32)
    dense = g.const(np.stack([-row, row]), "float32")
    shift = g.const(np.array([gain / 2, -gain / 2]), "float32")
    g.op("FULLY_CONNECTED", [mean, dense, shift], [logits])
    g.outputs(logits)
    path.write_bytes(g.to_bytes())
    return path


def pictures(root: Path, per_class: int = 6, splits: tuple[str, ...] = ("val", "test")) -> Path:
    """A data set of dark and light noise; the means lie on both sides of 0.5."""
    rng = np.random.default_rng(0)
    for split in splits:
        for label, centre in (("dark", 90), ("light", 165)):
            folder = root / split / label
            folder.mkdir(parents=True)
            for index in range(per_class):
                level = centre + rng.integers(-25, 26)
                noise = rng.integers(-40, 41, (SIDE, SIDE))
                image = np.clip(level + noise, 0, 255).astype(np.uint8)
                Image.fromarray(image).save(folder / f"{index}.png")
    return root
