"""qbench calibrate: a device measured operator by operator, so that predictions are its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qbench.cli import options
from qbench.cli.calibration_options import what


@click.command()
@click.option("--device", "-d", required=True, help="`host`, an attached serial, or a profile.")
@click.option("--profile", help="The profile to calibrate. Default: the one that fits the device.")
@what
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: where predictions look for it.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be measured and how long; no more.")
@click.option("--resume", is_flag=True, help="Go on with a calibration that was interrupted.")
@options.json_flag
def calibrate(dry_run: bool, as_json: bool, **asked: Any) -> int:
    """Measure single-operator models on --device, fit what each class of kernels takes, and write
    a calibration, which `qbench run` and `qbench simulate` then use for that device: tier S2, or S3
    with whole networks. Every answer is on disk at once; a killed calibration goes on with
    --resume."""
    from qbench.cli import calibrating, console
    from qbench.report import calibration as report

    wanted = calibrating.Wanted(**asked)
    if dry_run:
        plan = calibrating.plan(wanted)
        click.echo(report.plan_json(plan)) if as_json else report.print_plan(console.stdout(), plan)
        return 0
    made, path = calibrating.perform(wanted)
    told = calibrating.summary(made, path)
    click.echo(report.render_json(told)) if as_json else report.print_made(console.stdout(), told)
    return 0
