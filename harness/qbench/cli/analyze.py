"""qbench analyze: what quantization did to a network, inside and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qbench.cli import options
from qbench.cli.labelled import labelled


@click.command()
@labelled
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for report.html and the rest.",
)
@click.option(
    "--device", "-d", default="sd865", show_default=True, help="Whose latencies are SIMULATED."
)
@click.option("--png", is_flag=True, help="Every chart as a PNG file too; needs a Chromium.")
@options.json_flag
def analyze(out: Path, device: str, png: bool, as_json: bool, **asked: Any) -> None:
    """Compare each quantized MODEL with its fp32 form: confidences image by image, weights,
    feature maps and filters, noise layer by layer, and accuracy over latency and size."""
    from qbench.cli import analyzing, console, evaluating
    from qbench.cli.labelled import Labelled

    graded = evaluating.perform(Labelled(**asked))
    found = analyzing.look(graded, analyzing.timings(graded.grades, device))
    analyzing.finish(console.stdout(), found, out, png, as_json)
