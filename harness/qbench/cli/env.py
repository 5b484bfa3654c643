"""qbench env: the environments that conversions made for themselves."""

from __future__ import annotations

import click

from qbench.cli import options


@click.group()
def env() -> None:
    """Python environments of their own for frameworks that cannot live with the others."""


@env.command("list")
@options.json_flag
def list_environments(as_json: bool) -> None:
    """Which there are, what they hold and how much room they take."""
    import msgspec

    from qbench.pipeline.conversion import environments
    from qbench.units import format_bytes, printable

    found = environments.found()
    if as_json:
        body = msgspec.json.encode({"schema_version": 1, "environments": found})
        click.echo(msgspec.json.format(body, indent=2).decode())
        return
    for one in found:
        state = "" if one.is_ready else "  not finished"
        click.echo(f"{one.name}  {format_bytes(one.disk_bytes)}{state}  {printable(one.path)}")
        click.echo(f"    {' '.join(one.requirements)}")
    if not found:
        click.echo(f"none; they would lie in {printable(str(environments.root()))}")


@env.command()
@click.argument("name", type=click.Choice(["litert-torch", "tensorflow", "onnx2tf"]))
def make(name: str) -> None:
    """Make environment NAME now; print its Python. Takes minutes and gigabytes."""
    from functools import partial

    from qbench.pipeline.conversion import environments

    click.echo(environments.python(name, partial(click.echo, err=True)))


@env.command()
@click.argument("name")
def remove(name: str) -> None:
    """Delete environment NAME, or `all`."""
    from qbench.pipeline.conversion import environments
    from qbench.units import format_bytes, printable

    for one in environments.remove(name):
        click.echo(f"removed {printable(one.path)} ({format_bytes(one.disk_bytes)})")
