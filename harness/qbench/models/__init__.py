"""The models that qbench knows by name: built-in ones, and those `qbench models build` makes.

Built-in models travel in this folder; built ones lie in the user's cache folder. A file is named
`<name>-<precision>.tflite` in both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from qbench.errors import InputError
from qbench.records import Precision

PRECISIONS = (Precision.FP32, Precision.DYNAMIC, Precision.FP16, Precision.INT8)

_BUILTIN = ("smallcnn",)
# Name -> what it is, as far as a line can tell. All but the first: Sensors 2022, 22(1), 219.
DESCRIPTIONS: Mapping[str, str] = {
    "smallcnn": "small residual CNN that travels with qbench, trained on SYNTHETIC images",
    "googlenet": "GoogLeNet with one more 3x3 1024 -> 1024 convolution",
    "resnet34": "ResNet-34",
    "vgg16": "VGG-16 with one more 512 -> 1024 convolution for its fifth pool and dense layers",
}


class NamedModel(msgspec.Struct, frozen=True):
    """One file of a model that has a name. A built-in file is there; another may have to be built.

    All of them take one grey image of 224x224 and give two logits. Built-in ones are trained on
    SYNTHETIC images; the others have random weights.
    """

    name: str
    precision: Precision
    path: Path
    is_builtin: bool

    @property
    def description(self) -> str:
        return DESCRIPTIONS[self.name]


def file_name(name: str, precision: Precision) -> str:
    return f"{name}-{precision}.tflite"


def builtin() -> tuple[NamedModel, ...]:
    """The files that travel with qbench."""
    return _files(_BUILTIN, Path(__file__).resolve().parent)


def buildable(environ: Mapping[str, str] = os.environ) -> tuple[NamedModel, ...]:
    """The files that `qbench models build` makes, there or not."""
    return _files([n for n in DESCRIPTIONS if n not in _BUILTIN], cache_dir(environ))


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where built models lie: `$XDG_CACHE_HOME/qbench/models`, by default under `~/.cache`.

    A relative XDG_CACHE_HOME is ignored, as the XDG base directory specification asks.
    """
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    root = base if base.is_absolute() else Path.home() / ".cache"
    return root / "qbench" / "models"


def resolve(
    name: str, precisions: Sequence[Precision] = (), environ: Mapping[str, str] = os.environ
) -> tuple[Path, ...]:
    """The files of model `name` in each of `precisions`, in that order; without any, all there are.

    Raises InputError for a name or precision that no model has; and, with the command that
    builds it as the hint, for a model that is known but not built yet.
    """
    files = {m.precision: m.path for m in (*builtin(), *buildable(environ)) if m.name == name}
    if not files:
        close = get_close_matches(name.lower(), DESCRIPTIONS, n=1)
        raise InputError(
            f"{name}: there is no such file, and no model of that name",
            hint=f"{f'did you mean {close[0]}? ' if close else ''}qbench models list shows all",
        )
    for precision in precisions:
        if precision not in files:
            raise InputError(
                f"{name}: there is no {precision} version of it",
                hint=f"one of {', '.join(files)}",
            )
    there = [precision for precision, path in files.items() if path.is_file()]
    wanted = precisions or there
    missing = [precision for precision in wanted if precision not in there]
    if missing or not wanted:
        flags = "".join(f" --precision {precision}" for precision in missing)
        as_what = f" as {', '.join(missing)}" if missing else ""
        raise InputError(
            f"{name}: it is not built yet{as_what}", hint=f"qbench models build {name}{flags}"
        )
    return tuple(files[precision] for precision in wanted)


def _files(names: Sequence[str], folder: Path) -> tuple[NamedModel, ...]:
    return tuple(
        NamedModel(name, precision, folder / file_name(name, precision), name in _BUILTIN)
        for name in names
        for precision in PRECISIONS
    )
