"""qbench virtual: Android devices without a phone, for trying things and for tests."""

from __future__ import annotations

import click

from qbench.cli import options
from qbench.cli.virtual_fault import fault
from qbench.cli.virtual_start import start


@click.group()
def virtual() -> None:
    """Virtual Android devices that adb sees as attached. Their numbers are `emulated`."""


virtual.add_command(start)
virtual.add_command(fault)


@virtual.command()
@click.argument("serials", nargs=-1)
@click.option("--all", "all_of_them", is_flag=True, help="Every one of this user.")
def stop(serials: tuple[str, ...], all_of_them: bool) -> None:
    """End devices, by serial."""
    from qbench.virtual import attach, instances

    if all_of_them:
        serials = tuple(instance.serial for instance in instances.running())
    elif not serials:
        raise click.UsageError("which? Give serials (see `qbench virtual list`), or --all")
    for serial in serials:
        attach.stop_and_detach(serial)
        click.echo(f"{serial} stopped")


@virtual.command("list")
@options.json_flag
def list_running(as_json: bool) -> None:
    """List the devices that run."""
    import msgspec

    from qbench.virtual import instances

    running = instances.running()
    if as_json:
        rows = [msgspec.to_builtins(each) | {"address": each.address} for each in running]
        body = msgspec.json.encode({"schema_version": 1, "devices": rows})
        click.echo(msgspec.json.format(body, indent=2).decode())
        return
    if not running:
        click.echo("none runs; start one: qbench virtual start --profile sd865", err=True)
    for each in running:
        click.echo(f"{each.serial:<20} {each.address:<22} profile {each.profile}, {each.jail}")
