"""qbench plan: what a run would do."""

from __future__ import annotations

from typing import Any

import click

from qbench.cli import options


@click.command()
@options.planning
@click.option("--schema", is_flag=True, help="Print the JSON schema of plan files, for editors.")
@options.json_flag
def plan(as_json: bool, schema: bool, **asked: Any) -> None:
    """Print the cases that `qbench run` with the same arguments would perform, and how long it
    takes: for a device with a profile as the simulator expects, else at least."""
    import msgspec

    from qbench.cli import console, foreseen, plan_table, planning
    from qbench.plan import json_schema

    if schema:
        click.echo(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode())
        return
    serials = asked.pop("serials")
    spec = planning.merge(planning.Asked(**asked))
    made = planning.make(spec, planning.places(spec, serials, required=False))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(made), indent=2).decode())
        return
    plan_table.show(console.stdout(), made, foreseen.latencies_us(made))
