"""qbench models: which models have a name, and building those that do not travel with qbench."""

from __future__ import annotations

from functools import partial

import click

from qbench import models as named
from qbench.cli import options

_LEGEND = """
All take one grey image of 224x224 and give two logits. smallcnn tells benign from malignant in
SYNTHETIC images; weights of the others are random: their latencies mean something, their answers
do not. To build: qbench models build NAME [--precision int8]. To train: qbench train, convert"""


@click.group()
def models() -> None:
    """The models that `qbench run` knows by name."""


@models.command("list")
@options.json_flag
def list_models(as_json: bool) -> None:
    """List all: built-in, built, not built yet."""
    import msgspec
    from rich import box, table

    from qbench.cli import console
    from qbench.pipeline.catalogue import catalogue
    from qbench.units import format_bytes, format_count

    entries = catalogue((*named.builtin(), *named.buildable()))
    if as_json:
        body = msgspec.json.encode({"schema_version": 1, "models": entries})
        click.echo(msgspec.json.format(body, indent=2).decode())
        return
    right = (table.Column(head, justify="right") for head in ("size", "MACs"))
    grid = table.Table("model", "precision", "state", *right, box=box.SIMPLE_HEAD, show_edge=False)
    for e in entries:
        grid.add_row(e.name, e.precision, e.state, format_bytes(e.file_bytes), format_count(e.macs))
    console.stdout().print(grid)
    click.echo("\n".join(f"{name:<10} {text}" for name, text in named.DESCRIPTIONS.items()))
    click.echo(_LEGEND)


@models.command()
@click.argument("name", type=click.Choice(list(named.DESCRIPTIONS)))
@options.precision_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of weights.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
def build(name: str, precisions: tuple[str, ...], seed: int, force: bool) -> None:
    """Build NAME into the cache folder; print its files' paths. Needs the extra `convert`."""
    from qbench.pipeline import build as builder
    from qbench.records import Precision

    chosen = tuple(map(Precision, dict.fromkeys(precisions))) or named.PRECISIONS
    say = partial(click.echo, err=True)
    for path in builder.build(name, chosen, seed, named.cache_dir(), say, force=force):
        click.echo(path)
