"""A data set of labelled images: what its folder holds. Frozen values, no I/O."""

from __future__ import annotations

import msgspec

SPLITS = ("train", "val", "test")


class Sample(msgspec.Struct, frozen=True):
    """One image file. `label` is the index of its class."""

    path: str
    label: int
    sha256: str


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """`splits` has train, val and test, as far as they are there.

    `classes` are the folders' names in alphabetical order, which is the order of a model's
    outputs. `origin` says in words where the images come from; None: the folder does not say.
    """

    root: str
    classes: tuple[str, ...]
    splits: dict[str, tuple[Sample, ...]]
    is_synthetic: bool = False
    origin: str | None = None
    ignored_files: int = 0

    @property
    def title(self) -> str:
        """One line for whatever is made from the data; says SYNTHETIC where that is true."""
        counts = " / ".join(f"{len(samples)} {name}" for name, samples in self.splits.items())
        kind = "SYNTHETIC images" if self.is_synthetic else "images"
        return f"{kind} {self.root} ({counts}; {', '.join(self.classes)})"


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """dataset.json beside the splits: where the images come from. Version 1: as it is here."""

    schema_version: int
    synthetic: bool
    origin: str
    seed: int | None = None
    size: int | None = None
    counts: dict[str, int] = {}
    qbench_version: str | None = None
