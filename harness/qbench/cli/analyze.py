"""qbench analyze: what quantization did to a network, inside and out."""

from __future__ import annotations

from pathlib import Path

import click

from qbench.cli import options
from qbench.cli.quantizing import range_option

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL|FOLDER...")
@click.option("--data", "root", type=_PATH, required=True, help="ROOT/test/CLASS/*.png")
@click.option("--split", default="test", show_default=True, type=click.Choice(["test", "val"]))
@click.option("--out", type=_PATH, required=True, help="Folder for report.html and the rest.")
@options.precision_option
@click.option("--positive", help="The class that a test looks for. Default: the last by name.")
@range_option
@click.option(
    "--device", "-d", default="sd865", show_default=True, help="Whose latencies are SIMULATED."
)
@click.option("--png/--no-png", default=False, help="Charts as PNG too (kaleido and a Chrome).")
@click.option("--jobs", type=click.IntRange(1), help="Processes. Default: one per processor.")
@options.json_flag
def analyze(
    models: tuple[str, ...],
    root: Path,
    split: str,
    out: Path,
    precisions: tuple[str, ...],
    positive: str | None,
    input_range: tuple[float, float],
    device: str,
    png: bool,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Compare each quantized MODEL with its fp32 form: confidences image by image, weights,
    feature maps and filters, noise layer by layer, and accuracy over latency and size."""
    from qbench.cli import analyzing, console

    found = analyzing.examine(models, precisions, root, split, positive, input_range, device, jobs)
    analyzing.finish(console.stdout(), found, out, png, as_json)
