"""qbench train: the case study's networks, or a small one, on an image folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qbench.cli import options as shared

_PATH = click.Path(path_type=Path)


@click.command()
@click.option(
    "--arch", required=True, type=click.Choice(["vgg16", "googlenet", "resnet34", "small"])
)
@click.option("--data", "root", type=_PATH, required=True, help="ROOT/{train,val}/CLASS/*.png")
@click.option("--out", type=_PATH, required=True, help="Folder for best.pt, metrics, the curve.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="Default: 1e-4; small: 2e-3.")
@click.option("--epochs", type=click.IntRange(1), help="Default: 500; small: 25.")
@click.option("--batch", type=click.IntRange(2), help="Default: 32.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--size", type=click.IntRange(32), default=224, show_default=True)
@click.option("--patience", type=click.IntRange(0), default=0, help="Epochs without a better one.")
@click.option("--augment/--no-augment", default=True, help="Mirror, shift, brighten at random.")
@click.option("--bfloat16", is_flag=True, help="Quicker where the processor has it (AVX512_BF16).")
@click.option("--threads", type=click.IntRange(1), help="Default: one per processor.")
@click.option("--start", type=_PATH, help="A best.pt whose weights training begins with.")
@click.option("--resume", is_flag=True, help="Go on with the training in --out.")
@shared.json_flag
def train(
    root: Path, out: Path, start: Path | None, resume: bool, as_json: bool, **asked: Any
) -> None:
    """Train a network: Adam, cosine schedule, cross-entropy, the best validation is kept.
    Needs the extra `torch`. The defaults of the three large ones are the case study's."""
    from qbench.cli import training

    training.perform(training.choose(**asked), root, out, start, resume, as_json)
