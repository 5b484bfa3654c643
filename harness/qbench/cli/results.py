"""Prints what a session holds, and says by the exit code whether all was measured and within its
budgets."""

from __future__ import annotations

import click

from qbench import stats
from qbench.cli import console, exit_codes, perform
from qbench.records import DeviceInfo, Origin
from qbench.report import budgets, json, text
from qbench.store import Session


def tell(session: Session, *, as_json: bool) -> int:
    """The table (or the JSON object) on stdout; returns the exit code."""
    info = session.info()
    the_plan = session.plan()
    records = session.records()
    rows = perform.rows(the_plan, records)
    checks = stats.check_budgets(the_plan.budgets, [row.summary for row in rows])
    main = _main_device(info.devices)
    if as_json:
        click.echo(json.render(str(session.folder), main, rows, checks))
    else:
        text.print_results(console.stdout(), info.devices, rows)
        budgets.print_budgets(console.stdout(), checks)
        click.echo(f"session: {session.folder}")
    if any(check.status is stats.Kept.BROKEN for check in checks):
        return exit_codes.REGRESSION
    measured = all(row.summary.p50_us is not None for row in rows)
    complete = measured and not any(row.summary.failed_runs for row in rows)
    return exit_codes.DONE if complete else exit_codes.DONE_IN_PART


def _main_device(devices: tuple[DeviceInfo, ...]) -> DeviceInfo:
    """The device that was asked for: an attached one, else the simulated one, else the host."""
    rank = {Origin.DEVICE: 0, Origin.EMULATED: 0, Origin.SIMULATED: 1, Origin.HOST: 2}
    return min(devices, key=lambda device: rank[device.origin])
