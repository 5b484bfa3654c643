"""qbench quantize: from an fp32 .tflite to the other precisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qbench.cli import options
from qbench.cli.quantizing import SCHEMES, range_option

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=_PATH)
@click.option(
    "--scheme",
    "schemes",
    multiple=True,
    type=click.Choice(SCHEMES),
    help="May be given several times. Default: dynamic, fp16 and int8.",
)
@click.option(
    "--representative",
    type=_PATH,
    help="Images that tell int8 its ranges: a folder of them, or a data set (its val/ is used).",
)
@click.option("--images", type=click.IntRange(1), default=100, show_default=True, help="At most.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which images.")
@click.option(
    "--io",
    type=click.Choice(["int8", "uint8", "float"]),
    default="int8",
    show_default=True,
    help="What an int8 model takes and gives.",
)
@click.option("--per-channel/--per-tensor", default=True, help="Scales of weights.")
@range_option
@click.option(
    "--with",
    "quantizer",
    type=click.Choice(["litert-quantizer", "tflite-converter"]),
    default="litert-quantizer",
    show_default=True,
    help="tflite-converter: TensorFlow's, in an environment of its own (`qbench env`).",
)
@click.option("--cross-check", is_flag=True, help="Quantize with the other too, and compare both.")
@click.option("--out", type=_PATH, help="A folder. Default: the model's.")
@options.json_flag
def quantize(
    model: Path,
    representative: Path | None,
    cross_check: bool,
    out: Path | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Quantize MODEL, an fp32 .tflite, with min / max calibration. Needs the extra `quantize`.

    MODEL-int8.tflite and the like are written beside a JSON file each that says how they were
    made. int8 is integer from end to end, or the command fails and names what stayed float.
    """
    from qbench.cli import quantizing

    made = quantizing.perform(model, quantizing.choose(**asked), representative, out, cross_check)
    quantizing.tell(made, as_json)
