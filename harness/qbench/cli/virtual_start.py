"""qbench virtual start."""

from __future__ import annotations

import click


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
@click.option("--jail", type=click.Choice(["auto", "namespaces", "proot"]), default="auto")
@click.option("--connect/--no-connect", default=True, help="Attach it to the adb server.")
def start(
    profile: str,
    serial: str | None,
    count: int,
    features: str | None,
    connect: bool,
    rooted: bool,
    **settings: object,
) -> None:
    """Start devices; print a line with serial and adb address for each."""
    import msgspec

    from qbench import profiles
    from qbench.virtual import attach, instances
    from qbench.virtual.config import ROOT_UID, SHELL_UID
    from qbench.virtual.start import describe
    from qbench.virtual.start import start as start_device

    changes = {name: value for name, value in settings.items() if value is not None}
    changes["predictor"] = "qbench.cli.virtual_predictor:predict_p50_us"
    changes["uid"] = ROOT_UID if rooted else SHELL_UID
    if features is not None:
        changes["features"] = tuple(filter(None, features.split(",")))
    if serial is not None and count > 1:
        raise click.UsageError("--serial names one device; leave it out with --count")
    for _ in range(count):
        taken = {each.serial for each in instances.running()}
        name = serial or attach.free_serial(profiles.load(profile).name, taken)
        config = msgspec.structs.replace(describe(profile, name), **changes)
        instance = start_device(config)
        click.echo(f"{instance.serial} {instance.address}")
        if connect:
            attach.attach(instance)
