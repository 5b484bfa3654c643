"""qbench tools: the benchmark_model that runs on devices."""

from __future__ import annotations

import click


@click.group()
def tools() -> None:
    """The benchmark_model that qbench puts on devices, as a program or as an app."""


@tools.command()
@click.option(
    "--abi",
    type=click.Choice(["arm64-v8a", "armeabi-v7a"]),
    default="arm64-v8a",
    show_default=True,
)
@click.option("--app", "is_app", is_flag=True, help="The APK, for `qbench run --app`.")
def fetch(abi: str, is_app: bool) -> None:
    """Download the official build of today into the cache, and tell its SHA-256."""
    from qbench.android import tools as binaries

    tool = binaries.fetch(abi, is_app=is_app)
    click.echo(f"{tool.path}")
    click.echo(f"sha256 {tool.sha256}")
