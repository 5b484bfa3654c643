"""qbench sql: the user's own questions about all runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from qbench.cli import options


@click.command()
@click.argument("question", required=False)
@options.results_option
@click.option("--columns", is_flag=True, help="List the columns of the table `runs` instead.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout and nothing else.")
@options.json_flag
def sql(question: str | None, results: Path, columns: bool, as_csv: bool, as_json: bool) -> None:
    """Ask QUESTION, in DuckDB's SQL, about the table `runs`: a row per run of every session.

    \b
    qbench sql "SELECT case_id, median(p50_us) FROM runs WHERE kind = 'measurement' GROUP BY ALL"
    qbench sql "FROM runs SELECT session, case_id, case_p50_us / 1000 AS ms WHERE case_run = 0"

    Columns that begin with case_ are about all runs of the case in that session: WHERE case_run
    = 0 leaves a row for each. The runs can be read and nothing else: no file, no setting.
    """
    from qbench.cli import asking, console

    if as_csv and as_json:
        raise click.UsageError("--csv and --json: choose one")
    if columns:
        asking.print_columns(console.stdout(), as_json=as_json, as_csv=as_csv)
    elif question is None:
        raise click.UsageError("Missing QUESTION, such as: 'SELECT count(*) FROM runs'")
    else:
        asking.tell(
            question, results, as_json=as_json, as_csv=as_csv, is_terminal=sys.stdout.isatty()
        )
