"""qbench run: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qbench.cli import options


@click.command()
@options.planning
@options.on_device
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
def run(
    out: Path, require_hardware: bool, as_json: bool, serials: tuple[str, ...], **asked: Any
) -> int:
    """Measure and simulate MODELS (files, built-in names, or one plan .yaml).

    Without MODELS: the built-in ones. With --device, the attached device that fits is measured;
    if none does, it is simulated. Beside it stands the measured CPU of this machine.
    """
    from qbench.cli import hardware, measuring, planning, results

    device_options, planned = planning.split(asked)
    spec = planning.merge(planning.Asked(**planned))
    if spec.places == (None,) and not serials:
        hardware.say("device: this machine (choose a phone's with --device)")
    session = measuring.measure(spec, serials, device_options, out, required=require_hardware)
    return results.tell(session, as_json=as_json)
