"""A session's runs as one Parquet file beside its runs.jsonl: `runs-<stamp>.parquet`.

The stamp stands for size and time of the files that the rows are made of. When one of them
changes, the Parquet file is no longer the one that is looked for, so nothing stale is ever read;
compacting again replaces it. Nothing else is touched.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from qbench.errors import StoreError
from qbench.history.columns import ROWS_VERSION, RunRow, column_types
from qbench.history.rows import rows_of
from qbench.store import Session

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_SOURCES = ("session.json", "plan.json", "runs.jsonl")
LONGEST_ROW_BYTES = 1 << 26
_encoder = msgspec.json.Encoder()


class Compacted(StrEnum):
    WRITTEN = "written"
    FRESH = "fresh"  # already there
    EMPTY = "no runs yet"
    BUSY = "being written to"


def sessions(root: Path) -> list[Session]:
    """The sessions in the folder `root`, by name. Raises StoreError when it cannot be read."""
    try:
        names = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    except OSError as error:
        raise StoreError(
            f"{root}: {error.strerror}", hint="name the folder of sessions with --results"
        ) from error
    return [Session(root / name) for name in names if (root / name / "plan.json").is_file()]


def stamp(session: Session) -> str | None:
    """None: the session has no runs yet, or no session.json."""
    from hashlib import blake2b

    facts: list[int] = [ROWS_VERSION]
    for name in _SOURCES:
        try:
            found = (session.folder / name).stat()
        except OSError:
            return None
        facts += (found.st_size, found.st_mtime_ns)
    return blake2b(_encoder.encode(facts), digest_size=8).hexdigest()


def target(session: Session, of: str) -> Path:
    return session.folder / f"runs-{of}.parquet"


def compact(session: Session, database: DuckDBPyConnection) -> Compacted:
    """`database` is what writes: making one takes longer than a session does. Raises StoreError
    when the session cannot be read or its folder not be written."""
    before = stamp(session)
    if before is None:
        return Compacted.EMPTY
    path = target(session, before)
    if path.is_file():
        return Compacted.FRESH
    rows = rows_of(session)
    if not rows:
        return Compacted.EMPTY
    if stamp(session) != before:
        return Compacted.BUSY
    try:
        _write(rows, path, database)
        for old in session.folder.glob("runs-*.parquet"):
            if old != path:
                old.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{error.filename or path}: {error.strerror or error}",
            hint="compacting needs room and the right to write in the session's folder",
        ) from error
    return Compacted.WRITTEN


def write_lines(rows: Iterable[RunRow], path: Path) -> None:
    """Appends the rows as lines of JSON."""
    with path.open("ab") as out:
        out.write(_encoder.encode_lines([*rows]))


def read_lines(database: DuckDBPyConnection, path: Path) -> DuckDBPyRelation:
    """What `write_lines` wrote; every column has its type, also where all its values are absent."""
    return database.read_json(
        str(path),
        format="newline_delimited",
        columns=column_types(),
        maximum_object_size=LONGEST_ROW_BYTES,
    )


def _write(rows: Iterable[RunRow], path: Path, database: DuckDBPyConnection) -> None:
    """All of it, or nothing: by rename, once the data is on disk."""
    draft = path.with_name(f".{path.name}.part")
    with TemporaryDirectory(prefix="qbench-history-") as scratch, _removed(draft):
        lines, made = Path(scratch) / "rows.jsonl", Path(scratch) / "rows.parquet"
        # A case's runs side by side: its columns compress, and are read, in one piece.
        write_lines(sorted(rows, key=attrgetter("case_id", "sequence")), lines)
        read_lines(database, lines).write_parquet(str(made), compression="zstd")
        with draft.open("wb") as out:
            out.write(made.read_bytes())
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)


@contextlib.contextmanager
def _removed(draft: Path) -> Iterator[None]:
    try:
        yield
    finally:
        draft.unlink(missing_ok=True)
