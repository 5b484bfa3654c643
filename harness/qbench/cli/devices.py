"""qbench devices: what is attached, what can be simulated, and putting devices back."""

from __future__ import annotations

import click

from qbench.cli import options

serials_option = click.option(
    "--serial", "serials", multiple=True, help="Which; without it every usable attached device."
)


@click.group(invoke_without_command=True)
@options.json_flag
@click.pass_context
def devices(context: click.Context, as_json: bool) -> None:
    """List attached devices with state and matching profile, and all profiles."""
    if context.invoked_subcommand is not None:
        return
    from qbench.cli import attached

    click.echo(attached.render(*attached.rows(), as_json=as_json))


@devices.command()
@serials_option
def clean(serials: tuple[str, ...]) -> None:
    """Remove models, tools, libraries and old runners that qbench keeps on devices."""
    from qbench.adb.cache import DeviceCache
    from qbench.android import cleaning
    from qbench.cli import hardware
    from qbench.units import format_bytes

    for serial in hardware.usable_serials(serials):
        transport = hardware.transport(serial)
        freed_bytes = cleaning.clean(transport, DeviceCache(transport))
        click.echo(f"{serial}: {format_bytes(freed_bytes)} freed")


@devices.command()
@serials_option
def restore(serials: tuple[str, ...]) -> int:
    """End what qbench runs on devices, and put back every setting that it changed."""
    from qbench.cli import attached

    return attached.restore(serials)
