"""Names of models and cases: readable, stable, harmless in file names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from qbench.records import Origin, Precision

# A number that was not measured on the device never shares an id with one that was.
ORIGIN_MARKS = {Origin.SIMULATED: "-sim", Origin.EMULATED: "-emu"}

_ENDINGS: dict[Precision, tuple[str, ...]] = {
    Precision.FP32: ("float32", "float"),
    Precision.FP16: ("float16",),
    Precision.DYNAMIC: ("dynamic_range", "dyn"),
    Precision.INT8: ("full_integer", "quant", "uint8"),
}


def model_name(path: Path, precision: Precision) -> str:
    """`resnet34-int8.tflite` -> `resnet34`: the precision has a place of its own in a case id."""
    stem = path.stem
    for ending in (precision.value, *_ENDINGS.get(precision, ())):
        for separator in ("-", "_", "."):
            if stem.lower().endswith(separator + ending) and len(stem) > len(ending) + 1:
                return stem[: -len(ending) - 1]
    return stem


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def precision(self) -> Precision: ...


def distinct_names(models: Sequence[_Named]) -> list[str]:
    """A name for each model; two files of one name get a piece of their hash."""
    keys = [(plain(m.name).lower(), m.precision) for m in models]
    taken = Counter(keys)
    return [
        model.name if taken[key] == 1 else f"{plain(model.name)}.{model.sha256[:8]}"
        for model, key in zip(models, keys, strict=True)
    ]


def plain(name: str) -> str:
    """`name` as a part of a case id, which is also a part of file names."""
    return re.sub(r"[^A-Za-z0-9._+]+", "-", name).strip("-.")[:60] or "model"
