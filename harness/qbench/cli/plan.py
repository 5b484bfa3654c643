"""qbench plan: what a run would do."""

from __future__ import annotations

from typing import Any

import click

from qbench.cli import options


@click.command()
@options.planning
@options.json_flag
def plan(as_json: bool, **asked: Any) -> None:
    """Print the cases that `qbench run` with the same arguments would perform."""
    import msgspec

    from qbench.cli import console, hardware, planning
    from qbench.plan import estimate_s
    from qbench.records import Origin
    from qbench.units import format_duration_s

    serials = asked.pop("serials")
    spec = planning.merge(planning.Asked(**asked))
    made = planning.make(spec, hardware.find(spec.device, serials, required=False))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(made), indent=2).decode())
        return
    runs = [run.case_id for run in made.runs]
    for case in made.cases:
        what = {Origin.HOST: "measured", Origin.DEVICE: "measured"}.get(case.origin, case.origin)
        console.stdout().print(f"{case.case_id}  {what}  x{runs.count(case.case_id)}")
    click.echo(
        f"{len(made.cases)} cases, {len(runs)} runs, protocol {made.protocol}: "
        f"at least {format_duration_s(estimate_s(made))}"
    )
