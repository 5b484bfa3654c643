"""Answers of `qbench sql`: for a terminal in at most its width, as JSON, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from qbench.errors import InputError
from qbench.history.sql import Answer
from qbench.units import printable

if TYPE_CHECKING:
    from rich.console import Console

# History of the printed object:
#   1  first form
SCHEMA_VERSION = 1
MOST_ROWS = 200  # on a terminal
_LONGEST_CELL = 300


def print_answer(console: Console, answer: Answer) -> None:
    """A table; where it does not fit, a block of lines per row. NULL is `-`."""
    from rich.text import Text

    rows = [*islice(answer.rows, MOST_ROWS + 1)]
    shown = [[_cell(value) for value in row] for row in rows[:MOST_ROWS]]
    heads = [printable(name) for name in answer.columns]
    widths = [
        max(len(head), *(len(row[place]) for row in shown)) if shown else len(head)
        for place, head in enumerate(heads)
    ]
    if sum(widths) + 2 * len(widths) <= console.width:
        _print_table(console, heads, shown, rows)
    else:
        _print_blocks(console, heads, shown)
    if len(rows) > MOST_ROWS:
        more = f"only the first {MOST_ROWS} rows are shown: --csv and --json have all, LIMIT fewer"
        console.print(Text(more, style="yellow"))
    elif len(rows) != 1:
        console.print(Text(f"{len(rows)} rows", style="dim"))


def json_text(answer: Answer) -> str:
    """One object. Raises InputError when two columns have one name."""
    twice = sorted({name for name in answer.columns if answer.columns.count(name) > 1})
    if twice:
        raise InputError(
            f"sql: two columns are called {twice[0]!r}: an object cannot hold both",
            hint="give one of them a name: SELECT a AS b",
        )
    rows = [dict(zip(answer.columns, map(_small, row), strict=True)) for row in answer.rows]
    body = {"schema_version": SCHEMA_VERSION, "columns": answer.columns, "rows": rows}
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def csv_text(answer: Answer, *, for_terminal: bool) -> Iterable[str]:
    """Line by line; absent values are empty, several in one cell are parted by `; `.

    On a terminal what would drive it is escaped; a file gets the values as they are.
    """
    yield _csv_line(answer.columns, for_terminal)
    for row in answer.rows:
        yield _csv_line([_csv_cell(value) for value in row], for_terminal)


def _print_table(
    console: Console,
    heads: Sequence[str],
    shown: Sequence[Sequence[str]],
    rows: Sequence[Sequence[Any]],
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False)
    for place, head in enumerate(heads):
        is_number = bool(shown) and all(
            isinstance(row[place], int | float) or row[place] is None for row in rows
        )
        table.add_column(Text(head), justify="right" if is_number else "left", no_wrap=True)
    for row in shown:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_blocks(console: Console, heads: Sequence[str], shown: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    for number, row in enumerate(shown, 1):
        console.print(Text(f"row {number}", style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, max_width=40)
        table.add_column(overflow="fold")
        for head, cell in zip(heads, row, strict=True):
            table.add_row(Text(f"  {head}", style="dim"), Text(cell))
        console.print(table)


def _cell(value: object) -> str:
    match value:
        case None:
            text = "-"
        case bool():
            text = "true" if value else "false"
        case float():
            text = f"{value:.6g}"
        case list():
            text = ", ".join(_cell(each) for each in value) or "(none)"
        case dict():
            text = msgspec.json.encode(_small(value)).decode()
        case _:
            text = str(value)
    text = printable(text)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]} ..."


def _csv_cell(value: object) -> object:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return "; ".join(str(_csv_cell(each)) for each in value)
        case dict():
            return msgspec.json.encode(_small(value)).decode()
        case _:
            return value


def _csv_line(cells: Sequence[object], for_terminal: bool) -> str:
    out = io.StringIO()
    told = [printable(cell) if for_terminal and isinstance(cell, str) else cell for cell in cells]
    csv.writer(out, lineterminator="\n").writerow(told)
    return out.getvalue()


def _small(value: Any) -> Any:
    """Integers of more than 64 bits are no JSON that others read: they become text."""
    match value:
        case bool():
            return value
        case int():
            return value if -(1 << 63) <= value < 1 << 63 else str(value)
        case list():
            return [_small(each) for each in value]
        case dict():
            return {name: _small(each) for name, each in value.items()}
        case _:
            return value
