"""qbench run: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qbench.cli import options


@click.command()
@options.planning
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="The folder that receives the session's folder.",
)
@click.option(
    "--require-hardware", is_flag=True, help="Exit with 3 when no device matches, and run nothing."
)
@options.json_flag
def run(out: Path, require_hardware: bool, as_json: bool, **asked: Any) -> int:
    """Measure and simulate MODELS (files, built-in names, or one plan .yaml).

    Without MODELS: the built-in ones. With --device, a device that is not attached is simulated,
    beside the measured CPU of this machine.
    """
    from qbench.cli import hardware, perform, planning, results
    from qbench.clock import SystemClock

    spec = planning.merge(planning.Asked(**asked))
    made, profile = planning.make(spec)
    if profile is not None:
        hardware.look_for(profile, required=require_hardware)
    elif spec.device is None:
        click.echo("device: this machine (choose a phone's with --device)", err=True)
    session = perform.start(made, out, SystemClock())
    try:
        perform.perform(session)
    except BaseException:
        click.echo(f"stopped; go on with: qbench resume {session.folder}", err=True)
        raise
    return results.tell(session, as_json=as_json)
