"""The case study's matrix: what each of its steps is made with, in full and in the quick form."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from qbench.pipeline.training.options import RECIPES

NETWORKS = ("vgg16", "googlenet", "resnet34")


class Size(msgspec.Struct, frozen=True):
    """Of a study without a data set of its own. `epochs` None: each network's own recipe."""

    counts: Mapping[str, int]
    side: int
    epochs: int | None
    lr: float | None
    calibration_images: int


FULL = Size({"train": 1000, "val": 200, "test": 200}, 224, None, None, 100)
QUICK = Size({"train": 96, "val": 32, "test": 40}, 64, 1, 1e-3, 16)
# Of the built-in network, which was trained on images of 224x224.
STAND_IN = Size({"train": 2, "val": 16, "test": 40}, 224, None, None, 16)


def recipe_epochs(network: str, size: Size, asked: int | None) -> int:
    """How many epochs `network` gets."""
    return asked or size.epochs or RECIPES[network].epochs
