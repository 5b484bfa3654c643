"""qbench study: the case study in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)


@click.command()
@click.option(
    "--out", type=_PATH, required=True, help="Folder of the study; goes on if it is there."
)
@click.option("--quick", is_flag=True, help="Small images, few of them, one epoch: a smoke test.")
@click.option("--data", "root", type=_PATH, help="Your images. Default: SYNTHETIC ones are drawn.")
@click.option("--trained", type=_PATH, help="Use TRAINED/NETWORK/best.pt of qbench train instead.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    type=click.Choice(["vgg16", "googlenet", "resnet34", "small"]),
    help="May be given several times. Default: the study's three.",
)
@click.option("--epochs", type=click.IntRange(1), help="Default: 500 (quick: 1; small: 25).")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="Default: 1e-4 (quick: 1e-3).")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--device",
    "-d",
    default="sd865",
    show_default=True,
    help="Measured if it is attached, else SIMULATED; this host is measured beside it.",
)
@click.option(
    "--protocol",
    type=click.Choice(["quick", "default"]),
    help="How long this host, or an attached device, is measured. Default: default (quick: quick).",
)
@click.option("--repetitions", type=click.IntRange(1), help="Of it. Default: the protocol's.")
@click.option("--threads", type=click.IntRange(1), help="Of training. Default: one per processor.")
@click.option("--jobs", type=click.IntRange(1), help="Processes of evaluating.")
def study(**asked: Any) -> None:
    """Train, convert, quantize, evaluate, run and analyze each network in four schemes, on CPU,
    GPU and NPU of a device beside this host. What is in --out already is not done again.
    Needs the extras `torch` and `quantize`; with --quick and without `torch` the built-in smallcnn
    stands for what would be trained."""
    from qbench.cli.studying import Asked, Study

    Study(Asked(**asked)).perform()
