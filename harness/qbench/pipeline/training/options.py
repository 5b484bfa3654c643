"""What may be chosen about a training."""

from __future__ import annotations

import msgspec


class Recipe(msgspec.Struct, frozen=True):
    """What is taken when nothing is said."""

    lr: float
    epochs: int
    batch: int


# The study's own; `small` is made to be trained in minutes.
_STUDY = Recipe(lr=1e-4, epochs=500, batch=32)
RECIPES = {
    "vgg16": _STUDY,
    "googlenet": _STUDY,
    "resnet34": _STUDY,
    "small": Recipe(lr=2e-3, epochs=25, batch=32),
}


class TrainOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`patience`: stop after so many epochs without a better validation; 0: never. `augment`:
    show each image mirrored, shifted and brighter or darker at random. `bfloat16`: layers of an
    epoch compute in bfloat16, weights and validation stay float32."""

    arch: str
    lr: float
    epochs: int
    batch: int
    seed: int = 0
    size: int = 224
    patience: int = 0
    augment: bool = True
    bfloat16: bool = False
    threads: int = 1


class Epoch(msgspec.Struct, frozen=True):
    """`number` from 1. Losses are means of cross-entropy in nats."""

    number: int
    lr: float
    train_loss: float
    val_loss: float
    val_accuracy: float
    took_s: float

    @property
    def rank(self) -> tuple[float, float]:
        """The higher the better: accuracy, and of equals the lower loss."""
        return self.val_accuracy, -self.val_loss
