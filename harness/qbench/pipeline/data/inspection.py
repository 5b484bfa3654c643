"""Looks at every image of a data set: how many, how large, how bright per split and class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from qbench.pipeline.data import images
from qbench.pipeline.data.records import DataSet
from qbench.pipeline.workers import results
from qbench.units import printable

if TYPE_CHECKING:
    from rich.console import Console

# Large enough to see brightness, small enough to be quick.
_THUMBNAIL = 64


class Look(msgspec.Struct, frozen=True):
    """One class of one split. `mean` and `deviation` are of grey values in 0..1."""

    split: str
    label: str
    images: int
    mean: float
    deviation: float


def inspect(data: DataSet, jobs: int, progress: Callable[[int, int], None]) -> tuple[Look, ...]:
    """Decode everything. Raises InputError, naming the file, for the first that cannot be."""
    samples = [(split, s) for split, found in data.splits.items() for s in found]
    moments = []
    for moment in results(_moments, [s.path for _, s in samples], jobs):
        moments.append(moment)
        progress(len(moments), len(samples))
    looks = []
    for split in data.splits:
        for label, name in enumerate(data.classes):
            of_it = [
                m
                for m, (where, s) in zip(moments, samples, strict=True)
                if (where, s.label) == (split, label)
            ]
            mean = sum(m[0] for m in of_it) / len(of_it)
            square = sum(m[1] for m in of_it) / len(of_it)
            looks.append(Look(split, name, len(of_it), mean, max(square - mean**2, 0) ** 0.5))
    return tuple(looks)


def _moments(path: str) -> tuple[float, float]:
    image = images.read(Path(path), _THUMBNAIL, _THUMBNAIL, 1)
    return float(image.mean()), float((image**2).mean())


def render_json(data: DataSet, looks: tuple[Look, ...]) -> str:
    body = {
        "schema_version": 1,
        "root": data.root,
        "classes": data.classes,
        "is_synthetic": data.is_synthetic,
        "origin": data.origin,
        "ignored_files": data.ignored_files,
        "looks": looks,
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def print_looks(console: Console, data: DataSet, looks: tuple[Look, ...]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for head in ("split", "class"):
        table.add_column(head)
    for head in ("images", "mean grey", "deviation"):
        table.add_column(head, justify="right")
    for look in looks:
        numbers = (str(look.images), f"{look.mean:.3f}", f"{look.deviation:.3f}")
        table.add_row(look.split, printable(look.label), *numbers)
    console.print(table)
    if data.ignored_files:
        console.print(f"{data.ignored_files} files that are no images were left aside")
    console.print(printable(data.origin or f"{data.root}: says nothing of where it comes from"))
    console.print("all images can be read; no file is in two splits or two classes")
