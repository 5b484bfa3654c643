"""qbench reread: records from raw output, without any device."""

from __future__ import annotations

from pathlib import Path

import click

from qbench.cli import options


@click.command()
@options.session_argument
def reread(session: Path) -> None:
    """Rebuild runs.jsonl of SESSION from raw/; says whether that changed anything."""
    from qbench.execute import record_of
    from qbench.store import Session

    found = Session.find(session)
    with found.writer():
        # Runs of several devices end in any order; the records that are there keep theirs.
        there = {record.sequence: place for place, record in enumerate(found.records())}
        records = [record_of(raw_run) for raw_run in found.raw_runs()]
        records.sort(key=lambda r: (there.get(r.sequence, len(there)), r.sequence))
        changed = found.rewrite(records)
    verdict = "changed" if changed else "unchanged, byte for byte"
    click.echo(f"{found.folder}: {len(records)} records read again, runs.jsonl {verdict}")
