"""qbench tools: the benchmark_model that runs on devices."""

from __future__ import annotations

import click


@click.group()
def tools() -> None:
    """The benchmark_model binaries that qbench pushes to devices."""


@tools.command()
@click.option(
    "--abi",
    type=click.Choice(["arm64-v8a", "armeabi-v7a"]),
    default="arm64-v8a",
    show_default=True,
)
def fetch(abi: str) -> None:
    """Download the official build of today into the cache, and tell its SHA-256."""
    from qbench.android import tools as binaries

    tool = binaries.fetch(abi)
    click.echo(f"{tool.path}")
    click.echo(f"sha256 {tool.sha256}")
