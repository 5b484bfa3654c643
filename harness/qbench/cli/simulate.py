"""qbench simulate: predicted latencies, operator by operator, for one model or thousands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qbench.cli import options


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="MODEL|FOLDER...")
@click.option("--device", "-d", required=True, help="A profile's name, or a profile's file.")
@options.delegate_option
@options.precision_option
@click.option(
    "--threads",
    default=None,
    help="4, 1,2,4 or 1..8. Default: the profile's, or what was calibrated.",
)
@click.option(
    "--what-if",
    "suppositions",
    multiple=True,
    help='"HARD_SWISH supported by xnnpack", "ADD refused by gpu", "precision=int8" (or dynamic, '
    "of an fp32 model). May be given several times.",
)
@click.option(
    "--clock",
    "clocks",
    multiple=True,
    help="prime=1.8GHz, gpu=400MHz: a cluster of the profile, or its GPU.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path, dir_okay=False),
    help="This file of `qbench calibrate`. Default: the newest of the device that is found.",
)
@click.option("--ops/--no-ops", default=None, help="Per operator. Default: for one model.")
@options.sustained
@options.json_flag
@click.option("--csv", "as_csv", is_flag=True, help="A line per answer, or per minute of it.")
def simulate(as_json: bool, as_csv: bool, **question: Any) -> int:
    """Predict the latency of each MODEL (a file, a folder, a model's name) on --device, with its
    90 % band and tier. Nothing is measured; nothing is random without --duration, which tells
    minute by minute what heat does to a load that goes on."""
    from qbench.cli import console, exit_codes, simulating, sustaining
    from qbench.records import Failure
    from qbench.report import simulation, sustained

    asked = simulating.Question(**question)
    report: Any
    told: tuple[Any, list[Any]]
    if asked.duration is None:
        report, told = simulation, simulating.ask(asked)
    else:
        report, told = sustained, sustaining.ask(asked)
    if as_csv:
        click.echo(report.render_csv(*told), nl=False)
    elif as_json:
        click.echo(report.render_json(*told))
    else:
        report.print_answers(console.stdout(), *told)
    failed = any(isinstance(a.outcome, Failure) for a in told[1])
    return exit_codes.DONE_IN_PART if failed else exit_codes.DONE
