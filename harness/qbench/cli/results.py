"""Prints what a session holds, and says by the exit code whether all was measured."""

from __future__ import annotations

import click

from qbench.cli import console, exit_codes, perform
from qbench.records import DeviceInfo, Origin
from qbench.report import json, text
from qbench.store import Session


def tell(session: Session, *, as_json: bool) -> int:
    """The table (or the JSON object) on stdout; returns the exit code."""
    info = session.info()
    the_plan = session.plan()
    records = session.records()
    rows = perform.rows(the_plan, records)
    main = _main_device(info.devices)
    if as_json:
        click.echo(json.render(str(session.folder), main, rows))
    else:
        text.print_results(console.stdout(), main, perform.host_info(info), rows)
        click.echo(f"session: {session.folder}")
    measured = all(row.summary.p50_us is not None for row in rows)
    complete = measured and not any(row.summary.failed_runs for row in rows)
    return exit_codes.DONE if complete else exit_codes.DONE_IN_PART


def _main_device(devices: tuple[DeviceInfo, ...]) -> DeviceInfo:
    """The device that was asked for: the host only where there is no other."""
    return next((d for d in devices if d.origin is not Origin.HOST), devices[0])
