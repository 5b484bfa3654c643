"""qbench resume: exactly what an interrupted session still lacks."""

from __future__ import annotations

from pathlib import Path

import click

from qbench.cli import options


@click.command()
@options.session_argument
@options.json_flag
def resume(session: Path, as_json: bool) -> int:
    """Perform the runs that SESSION still lacks, then print its results."""
    from qbench.cli import perform, results
    from qbench.execute import missing
    from qbench.store import Session

    found = Session.find(session)
    todo = missing(found.plan(), found.records())
    click.echo(f"{found.folder}: {len(todo)} of {len(found.plan().runs)} runs to do", err=True)
    perform.perform(found)
    return results.tell(found, as_json=as_json)
