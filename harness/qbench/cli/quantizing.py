"""What `qbench quantize` does once its words are understood."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbench.models import PRECISIONS
from qbench.records import Precision

if TYPE_CHECKING:
    from qbench.pipeline.quantization import Options, Quantized

SCHEMES = [p.value for p in PRECISIONS]
range_option = click.option(
    "--input-range",
    nargs=2,
    type=float,
    default=(0.0, 1.0),
    show_default=True,
    help="What the model calls black and white.",
)


def asked(
    schemes: tuple[str, ...],
    io: str,
    images: int,
    seed: int,
    per_channel: bool,
    input_range: tuple[float, float],
) -> tuple[Options, ...]:
    from qbench.pipeline.classifier import InputRange
    from qbench.pipeline.quantization import Io, Options

    chosen = tuple(dict.fromkeys(schemes)) or tuple(s for s in SCHEMES if s != Precision.FP32)
    return tuple(
        Options(
            scheme=Precision(scheme),
            io=Io(io),
            images=images,
            seed=seed,
            per_channel=per_channel,
            input_range=InputRange(*input_range),
        )
        for scheme in chosen
    )


def perform(
    model: Path, asked: tuple[Options, ...], representative: Path | None, folder: Path | None
) -> tuple[Quantized, ...]:
    from qbench.cli.counting import counting
    from qbench.errors import InputError
    from qbench.pipeline.data import pictures
    from qbench.pipeline.quantization import check, output_path, quantize

    images = pictures(representative) if representative else ()
    check(model, asked, images)
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    made = []
    for options in asked:
        out = output_path(model, options.scheme, folder)
        with counting("calibration images") as progress:
            made.append(quantize(model, options, images, out, progress))
    return tuple(made)


def tell(made: tuple[Quantized, ...], as_json: bool) -> None:
    import msgspec

    from qbench.units import format_bytes, printable

    if as_json:
        body = msgspec.json.encode({"schema_version": 1, "models": made})
        click.echo(msgspec.json.format(body, indent=2).decode())
        return
    for one in made:
        share = one.file_bytes / one.source_bytes
        by = f", {one.calibration_images} images" if one.calibration_images else ""
        size = f"{format_bytes(one.file_bytes)}, {share:.2f} of fp32"
        click.echo(f"{printable(one.path)}  {one.scheme}: {size}{by}")
