"""qbench inspect: a model's operators, which delegate would take them, and where the time goes."""

from __future__ import annotations

from pathlib import Path

import click

from qbench.cli import options


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--device", "-d", default="sd865", show_default=True, help="Whose delegates (a profile)."
)
@click.option(
    "--profile",
    "is_profiled",
    is_flag=True,
    help="Run it on this machine under the runtime's own profiler, and show what every kernel "
    "takes beside what the simulator says of this machine.",
)
@click.option(
    "--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="With --profile."
)
@options.json_flag
def inspect(model: Path, device: str, is_profiled: bool, threads: int, as_json: bool) -> None:
    """Show the operators of MODEL, totals and precision, and per delegate of --device which
    nodes it would take and why it refuses the others."""
    import msgspec

    from qbench import modelfile, placement, profiles
    from qbench.cli import console, planning
    from qbench.errors import QBenchError
    from qbench.records import Delegate
    from qbench.report import model as report

    info = msgspec.structs.replace(modelfile.read(model), sha256=modelfile.sha256(model))
    if is_profiled:
        from qbench.cli import profiling

        profiling.show(info, threads, as_json=as_json)
        return
    profile = profiles.load(device)
    placements: dict[str, placement.GraphPlacement | QBenchError] = {}
    for delegate in planning.all_delegates(profile):
        try:
            placements[delegate] = placement.place(info, Delegate(delegate), profile)
        except QBenchError as error:  # a route without known rules is an answer, not a failure
            placements[delegate] = error
    if as_json:
        click.echo(report.render_json(info, profile, placements))
    else:
        report.print_model(console.stdout(), info, profile, placements)
