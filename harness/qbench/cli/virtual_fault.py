"""qbench virtual fault."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("serial", required=False)
@click.argument("name", required=False)
@click.argument("value", required=False, type=float)
@click.option(
    "--schedule",
    type=click.Path(path_type=Path),
    help="A YAML list of {at_s, fault, value}: seconds from now.",
)
def fault(serial: str | None, name: str | None, value: float | None, schedule: Path | None) -> None:
    """Let the fault NAME happen to the device SERIAL. Without arguments: list the faults."""
    from qbench.virtual import catalogue, instances
    from qbench.virtual.schedule import load_schedule

    if serial is None:
        for known, entry in catalogue.FAULTS.items():
            unit = f" ({entry.unit})" if entry.unit else ""
            click.echo(f"{known:<26} {entry.text}{unit}")
        return
    if schedule is not None:
        entries = load_schedule(schedule)
        instances.ask(serial, "schedule", entries=entries)
        click.echo(f"{serial}: scheduled: {len(entries)}")
        return
    if name is None:
        raise click.UsageError("which fault? `qbench virtual fault` lists them")
    if name == "kill":
        instances.kill(serial)
    else:
        op, arguments = catalogue.request_for(name, value)
        instances.ask(serial, op, **arguments)
    click.echo(f"{serial}: {name}")
