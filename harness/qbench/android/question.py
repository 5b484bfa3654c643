"""Inputs whose answers are wanted, where otherwise a run wants times."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

_PLAIN = re.compile(r"[\w./-]+")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`count` inputs of `item_bytes` each, one after another in the file `inputs`.

    `tensor` and `shape` are those of the model's only input.
    """

    inputs: Path
    sha256: str
    item_bytes: int
    count: int
    tensor: str
    shape: tuple[int, ...]

    @property
    def layer(self) -> str:
        """What the tool's flags call the input. They split names at colons and commas, and of
        another name the tool only warns (benchmark_tflite_model.cc, Init)."""
        return self.tensor if _PLAIN.fullmatch(self.tensor) else "input"
