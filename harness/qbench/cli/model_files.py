"""From what a user names (a file, a folder, a model's name) and the precisions that are asked for
to files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from qbench import modelfile, models
from qbench.errors import InputError, QBenchError
from qbench.records import Precision

SUFFIX = ".tflite"


def of(name: str, precisions: Sequence[Precision] = ()) -> tuple[Path, ...]:
    """A path that is meant as one, whatever it holds, or the files of the model of this name.

    Raises InputError for a name without any.
    """
    path = Path(name)
    if name.endswith(SUFFIX) or "/" in name or path.exists():
        return (path,)
    return models.resolve(name, precisions)


def inside(
    folder: Path, precisions: Sequence[Precision] = (), pattern: str = f"*{SUFFIX}"
) -> tuple[Path, ...]:
    """The files of a folder that hold one of `precisions`, in order of their names; what cannot be
    read is among them: whoever uses it says why. Raises InputError when there is none."""
    found = sorted(folder.glob(pattern))
    if not found:
        raise InputError(f"{folder}: there is no {SUFFIX} file in this folder")
    if not precisions:
        return tuple(found)
    held = {path: _precision(path) for path in found}
    fitting = [path for path, precision in held.items() if precision in (None, *precisions)]
    if not fitting:
        raise InputError(
            f"{folder}: no file in this folder is {' or '.join(precisions)}",
            hint=f"they are {', '.join(sorted(_known(held.values())))}",
        )
    return tuple(fitting)


def _known(precisions: Iterable[Precision | None]) -> set[str]:
    return {precision.value for precision in precisions if precision is not None}


def _precision(path: Path) -> Precision | None:
    """None: not known, since the file cannot be read."""
    try:
        return modelfile.read(path).precision
    except QBenchError:
        return None
