"""qbench virtual start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_PREDICTOR = "qbench.cli.virtual_predictor:predict_p50_us"


@click.command()
@click.option("--profile", required=True, help="A profile (see `qbench devices`), or its file.")
@click.option("--serial", help="Default: the profile's name and a number.")
@click.option("--count", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--features", help="What adbd announces, with commas; '' is an Android before 7.")
@click.option(
    "--authorization",
    type=click.Choice(["none", "ask", "deny"]),
    default="none",
    show_default=True,
    help="What happens to a computer that it does not know.",
)
@click.option("--rooted", is_flag=True, help="adbd and its shells run as root.")
@click.option("--data-bytes", type=click.IntRange(1_000_000), help="Size of /data.")
@click.option("--boot-seconds", "boot_s", type=click.FloatRange(0), help="How long a reboot takes.")
@click.option(
    "--time-scale", type=click.FloatRange(0), help="How fast it heats and cools; 0: never."
)
@click.option(
    "--sysroot",
    type=click.Path(path_type=Path),
    help="An Android tree (linker, libraries): ARM programs run on it, through qemu.",
)
@click.option("--jail", type=click.Choice(["auto", "namespaces", "proot"]), default="auto")
@click.option("--connect/--no-connect", default=True, help="Attach it to the adb server.")
def start(profile: str, serial: str | None, count: int, connect: bool, **settings: Any) -> None:
    """Start devices; print a line with serial and adb address for each."""
    from qbench import profiles
    from qbench.virtual import attach, instances
    from qbench.virtual import start as starting

    if serial is not None and count > 1:
        raise click.UsageError("--serial names one device; leave it out with --count")
    for _ in range(count):
        taken = {each.serial for each in instances.running()}
        name = serial or attach.free_serial(profiles.load(profile).name, taken)
        config = starting.configure(profile, name, predictor=_PREDICTOR, **settings)
        instance = starting.start(config)
        click.echo(f"{instance.serial} {instance.address}")
        if connect:
            attach.attach(instance)
