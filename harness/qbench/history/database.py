"""All runs of a folder of sessions as one DuckDB table, `runs`: in memory, nothing is written.

Compacted sessions are read from their Parquet, the others from their records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from qbench.errors import StoreError
from qbench.history import compact
from qbench.history.columns import column_types
from qbench.history.rows import rows_of
from qbench.store import Session

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY = "600MB"  # DuckDB's own; what Python holds comes on top


class Database(NamedTuple):
    """`packed`: by compacted file, when the runs that it is made of were last added to, in s since
    1970. `lines`: the rows of the sessions that are not compacted, of which there are `loose` with
    `loose_runs` runs; None: none."""

    connection: DuckDBPyConnection
    packed: dict[str, float]
    lines: str | None
    sessions: int
    loose: int
    loose_runs: int

    @property
    def paths(self) -> tuple[str, ...]:
        """All that may be read, as DuckDB asks: by the patterns that it was given, and by the
        files that it found."""
        files = [*self.packed, *([self.lines] if self.lines else [])]
        return tuple(dict.fromkeys([*files, *map(_literally, files)]))

    def select(self, since: datetime | None = None) -> str:
        """SQL for all rows, but perhaps for those of sessions that ended before `since` (UTC,
        naive): a file that has not been written to after that has no run that began later."""
        begin_s = since.replace(tzinfo=UTC).timestamp() if since else 0.0
        return _select([path for path, at in self.packed.items() if at >= begin_s], self.lines)


@contextmanager
def opened(
    root: Path, on_loose: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[Database]:
    """`on_loose(done, total)` is told after each session that had to be read from its records.

    Raises StoreError when the folder, or a session in it, cannot be read, or when it has no runs.
    """
    import duckdb

    every = compact.sessions(root)
    packed, loose = _split(every)
    with (
        TemporaryDirectory(prefix="qbench-history-") as scratch,
        duckdb.connect(config=_settings(scratch)) as connection,
    ):
        lines = Path(scratch) / "rows.jsonl"
        lines.touch()
        runs = 0
        for done, session in enumerate(loose, 1):
            rows = rows_of(session)
            compact.write_lines(rows, lines)
            runs += len(rows)
            on_loose(done, len(loose))
        if not packed and not runs:
            raise StoreError(
                f"{root}: no runs in {len(every)} sessions",
                hint="`qbench run` makes sessions; --results names another folder of them",
            )
        made = Database(
            connection, packed, str(lines) if runs else None, len(every), len(loose), runs
        )
        try:
            # DuckDB's own would go to stdout, into the answer.
            connection.execute("SET enable_progress_bar = false")
            connection.execute(f"CREATE VIEW runs AS {made.select()}")
            yield made
        except RuntimeError as error:
            if str(error) == "Query interrupted":  # how DuckDB tells of Ctrl-C
                raise KeyboardInterrupt from error
            raise
        except duckdb.Error as error:
            raise StoreError(
                f"{root}: {' '.join(str(error).split())}",
                hint="a damaged runs-*.parquet can be deleted: qbench history compact makes it "
                "anew from runs.jsonl",
            ) from error


def _settings(scratch: str) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": _MEMORY,
        "temp_directory": scratch,  # by default a folder in the user's
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,  # else SQL reads variables of this process
    }


def quoted(text: str) -> str:
    """As an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def listed(paths: Sequence[str]) -> str:
    """As an SQL list of strings."""
    return "[" + ", ".join(map(quoted, paths)) + "]"


def _split(every: Sequence[Session]) -> tuple[dict[str, float], list[Session]]:
    packed: dict[str, float] = {}
    loose = []
    for session in every:
        stamp = compact.stamp(session)
        if stamp is None:
            continue
        path = compact.target(session, stamp)
        if path.is_file():
            packed[str(path)] = (session.folder / "runs.jsonl").stat().st_mtime
        else:
            loose.append(session)
    return packed, loose


def _select(packed: Sequence[str], lines: str | None) -> str:
    parts = []
    if packed:
        parts.append(f"SELECT * FROM read_parquet({listed([*map(_literally, packed)])})")
    columns = ", ".join(f"{name}: {quoted(kind)}" for name, kind in column_types().items())
    if lines:
        parts.append(
            f"SELECT * FROM read_json({quoted(_literally(lines))}, "
            f"format = 'newline_delimited', columns = {{{columns}}}, "
            f"maximum_object_size = {compact.LONGEST_ROW_BYTES})"
        )
    if not parts:
        nulls = ", ".join(f"NULL::{kind} AS {name}" for name, kind in column_types().items())
        parts.append(f"SELECT {nulls} WHERE false")
    return " UNION ALL ".join(parts)


def _literally(path: str) -> str:
    """DuckDB takes names for patterns."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in path)
