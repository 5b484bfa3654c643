"""qbench show: the results of a session, from its records alone."""

from __future__ import annotations

from pathlib import Path

import click

from qbench.cli import options


@click.command()
@options.session_argument
@options.json_flag
def show(session: Path, as_json: bool) -> int:
    """Print the results of SESSION (or of the newest session in that folder)."""
    from qbench.cli import results
    from qbench.store import Session

    return results.tell(Session.find(session), as_json=as_json)
