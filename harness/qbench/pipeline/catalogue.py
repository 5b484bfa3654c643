"""Every model that has a name, and what its file holds."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from qbench import modelfile
from qbench.errors import ModelFileError
from qbench.models import NamedModel
from qbench.records import Precision


class State(StrEnum):
    BUILT_IN = "built-in"
    BUILT = "built"
    NOT_BUILT = "not built"
    DAMAGED = "damaged"


class Entry(msgspec.Struct, frozen=True):
    """One file. `file_bytes`, `macs` and `description` are the file's own; None: not there."""

    name: str
    precision: Precision
    state: State
    path: str
    file_bytes: int | None = None
    macs: int | None = None
    description: str | None = None


def catalogue(models: Iterable[NamedModel]) -> tuple[Entry, ...]:
    """Look at each of `models`. A file that cannot be read is an entry, not an error."""
    return tuple(_entry(model) for model in models)


def _entry(model: NamedModel) -> Entry:
    path = str(model.path)
    if not model.path.exists():
        return Entry(model.name, model.precision, State.NOT_BUILT, path)
    try:
        info = modelfile.read(model.path)
    except ModelFileError as error:
        return Entry(model.name, model.precision, State.DAMAGED, path, description=str(error))
    state = State.BUILT_IN if model.is_builtin else State.BUILT
    return Entry(
        model.name,
        model.precision,
        state,
        path,
        file_bytes=info.file_bytes,
        macs=info.macs,
        description=info.description,
    )
