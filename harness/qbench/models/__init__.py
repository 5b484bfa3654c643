"""The models that qbench has at hand: built-in ones, and those `qbench models build` has made.

Built-in models travel in this folder; built ones lie in the user's cache folder. A file is named
`<name>-<precision>.tflite` in both.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from qbench.errors import InputError
from qbench.records import Precision

PRECISIONS = (Precision.FP32, Precision.DYNAMIC, Precision.FP16, Precision.INT8)

_BUILTIN_NAME = "smallcnn"
_BUILTIN_DESCRIPTION = "residual CNN, 224x224x1, 2 classes, random weights"

# name -> what it is. The three networks of Sensors 2022, 22(1), 219.
BUILDABLE: Mapping[str, str] = {
    "googlenet": "GoogLeNet with one more 3x3 1024 -> 1024 convolution, 224x224x1, 2 classes",
    "resnet34": "ResNet-34, 224x224x1, 2 classes",
    "vgg16": "VGG-16 without its fifth pool and dense layers, 224x224x1, 2 classes",
}


class BuiltinModel(msgspec.Struct, frozen=True):
    """One model file that travels with qbench."""

    name: str
    precision: Precision
    path: Path
    description: str


def file_name(name: str, precision: Precision) -> str:
    return f"{name}-{precision}.tflite"


def builtin() -> tuple[BuiltinModel, ...]:
    """The model files that travel with qbench."""
    folder = Path(__file__).resolve().parent
    return tuple(
        BuiltinModel(
            _BUILTIN_NAME,
            precision,
            folder / file_name(_BUILTIN_NAME, precision),
            _BUILTIN_DESCRIPTION,
        )
        for precision in PRECISIONS
    )


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where built models lie: `$XDG_CACHE_HOME/qbench/models`, by default under `~/.cache`.

    A relative XDG_CACHE_HOME is ignored, as the XDG base directory specification asks.
    """
    base = environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "qbench" / "models"


def resolve(
    name: str, precisions: Sequence[Precision], environ: Mapping[str, str] = os.environ
) -> tuple[Path, ...]:
    """The files of model `name`, one for each of `precisions`, in that order.

    Raises InputError for a name or precision that no model has, and, with the command that
    builds it as the hint, for a model that is known but not built yet.
    """
    _check(name, precisions)
    if name == _BUILTIN_NAME:
        paths = {model.precision: model.path for model in builtin()}
        return tuple(paths[precision] for precision in precisions)
    folder = cache_dir(environ)
    found = {precision: folder / file_name(name, precision) for precision in precisions}
    missing = [precision for precision, path in found.items() if not path.is_file()]
    if missing:
        flags = " ".join(f"--precision {precision}" for precision in missing)
        raise InputError(
            f"{name}: not built yet as {', '.join(missing)}",
            hint=f"qbench models build {name} {flags}",
        )
    return tuple(found[precision] for precision in precisions)


def _check(name: str, precisions: Sequence[Precision]) -> None:
    known = (_BUILTIN_NAME, *BUILDABLE)
    if name not in known:
        close = difflib.get_close_matches(name.lower(), known, n=1)
        guess = f"did you mean {close[0]}? " if close else ""
        raise InputError(
            f"{name}: there is no model of that name",
            hint=f"{guess}qbench models list shows all; a file is given by its path",
        )
    for precision in precisions:
        if precision not in PRECISIONS:
            raise InputError(
                f"{name}: there is no {precision} version of it",
                hint=f"one of {', '.join(PRECISIONS)}",
            )
