"""Performs `qbench sql`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbench.cli import console, histories
from qbench.cli.counting import counting
from qbench.history import answer, columns, database, sql

if TYPE_CHECKING:
    from rich.console import Console


def tell(question: str, results: Path, *, as_json: bool, as_csv: bool, is_terminal: bool) -> None:
    """The answer on stdout. Raises StoreError, and InputError for a wrong question."""
    with counting("sessions") as on_loose, database.opened(results, on_loose) as opened:
        histories.say_loose(results, opened)
        found = sql.ask(opened, question)
        _print(console.stdout(), found, as_json=as_json, as_csv=as_csv, is_terminal=is_terminal)


def print_columns(where: Console, *, as_json: bool, as_csv: bool) -> None:
    texts, types = columns.column_texts(), columns.column_types()
    told = ((name, types[name], text) for name, text in texts.items())
    found = sql.Answer(("column", "type", "meaning"), told)
    _print(where, found, as_json=as_json, as_csv=as_csv, is_terminal=False)


def _print(
    where: Console, found: sql.Answer, *, as_json: bool, as_csv: bool, is_terminal: bool
) -> None:
    if as_json:
        click.echo(answer.json_text(found))
    elif as_csv:
        for line in answer.csv_text(found, for_terminal=is_terminal):
            sys.stdout.write(line)  # click.echo would take escape sequences out
    else:
        answer.print_answer(where, found)
