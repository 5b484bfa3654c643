"""A user's own question about the table `runs`: one SELECT, in a sandbox.

DuckDB may read the sessions' files and nothing else, its settings are locked, extensions are off,
and statements that are not questions are refused before they run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from qbench.errors import InputError
from qbench.history.database import Database, listed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_T = TypeVar("_T")

# DESCRIBE, SHOW, SUMMARIZE, FROM and VALUES are SELECTs too. Not EXPLAIN: with ANALYZE it would
# perform what it explains, and DuckDB may write where it may read.
_QUESTION = "SELECT"
_PAGE = 1_000
_UNTIL_TOLD_AGAIN_S = 0.1
_HINT = "the table is `runs`; qbench sql --columns lists its columns"


class Answer(NamedTuple):
    """`rows` of plain values: None, bool, int, float, str, and lists and dicts of these."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def ask(database: Database, question: str) -> Answer:
    """Raises InputError, in one line, for what is no question, is wrong, or is not allowed; also
    from the rows, since they are made while they are read."""
    import duckdb

    connection = database.connection
    try:
        _lock(connection, database)
        statements = connection.extract_statements(question)
        if len(statements) != 1:
            what = f"{len(statements)} statements" if statements else "no statement"
            raise InputError(f"sql: {what}, where one question is expected", hint=_HINT)
        kind = statements[0].type.name
        if kind != _QUESTION:
            raise InputError(
                f"sql: {kind} is not a question: the runs can be read, not changed",
                hint="begin with SELECT, WITH, FROM, DESCRIBE or SUMMARIZE",
            )
        _interruptibly(connection, lambda: connection.execute(question))
        columns = tuple(str(column[0]) for column in connection.description or ())
    except duckdb.Error as error:
        raise _wrong(error) from error
    return Answer(columns, _rows(connection))


def _lock(connection: DuckDBPyConnection, database: Database) -> None:
    connection.execute(f"SET allowed_paths = {listed(database.paths)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _rows(connection: DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    import duckdb

    try:
        while page := _interruptibly(connection, lambda: connection.fetchmany(_PAGE)):
            for row in page:
                yield tuple(map(_plain, row))
    except duckdb.Error as error:
        raise _wrong(error) from error


def _interruptibly(connection: DuckDBPyConnection, work: Callable[[], _T]) -> _T:
    """What `work` returns. A question may take for ever: Ctrl-C ends it.

    DuckDB alone does not promise that: it leaves at Ctrl-C, but then waits for its own threads
    without telling them. So it works in another thread, and this one tells it.
    """
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            return working.result()
        except KeyboardInterrupt:
            # Again and again: one that comes before the question has begun is forgotten.
            while not wait([working], _UNTIL_TOLD_AGAIN_S).done:
                connection.interrupt()
            raise


def _wrong(error: Exception) -> InputError:
    """DuckDB's message without its drawing of the statement, in one line."""
    told = str(error).split("\n\nLINE ", 1)[0]
    return InputError(f"sql: {' '.join(told.split())}", hint=_HINT)


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            # Neither JSON nor a reader has a use for them: 0/0 has no value.
            return value if value - value == 0 else None
        case Decimal():
            return _plain(float(value))
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
        case list() | tuple():
            return [_plain(each) for each in value]
        case dict():
            return {str(_plain(name)): _plain(each) for name, each in value.items()}
        case _:
            return str(value)
