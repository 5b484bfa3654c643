"""What `qbench quantize` does once its words are understood."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbench.models import PRECISIONS
from qbench.records import Precision

if TYPE_CHECKING:
    from qbench.pipeline.quantization import Options, Quantized
    from qbench.pipeline.quantization.second_opinion import CrossCheck

SCHEMES = [p.value for p in PRECISIONS]
range_option = click.option(
    "--input-range",
    nargs=2,
    type=float,
    default=(0.0, 1.0),
    show_default=True,
    help="What the model calls black and white.",
)


def choose(
    *,
    schemes: tuple[str, ...],
    io: str,
    input_range: tuple[float, float],
    quantizer: str,
    **others: Any,
) -> tuple[Options, ...]:
    """The options of each scheme that was asked for; without any, of all but fp32."""
    from qbench.pipeline.classifier import InputRange
    from qbench.pipeline.quantization import Io, Options, Quantizer

    chosen = tuple(dict.fromkeys(schemes)) or tuple(s for s in SCHEMES if s != Precision.FP32)
    return tuple(
        Options(
            scheme=Precision(scheme),
            io=Io(io),
            input_range=InputRange(*input_range),
            quantizer=Quantizer(quantizer),
            **others,
        )
        for scheme in chosen
    )


def perform(
    model: Path,
    asked: tuple[Options, ...],
    representative: Path | None,
    folder: Path | None,
    with_second: bool,
) -> tuple[tuple[Quantized, CrossCheck | None], ...]:
    from qbench.cli.counting import counting
    from qbench.errors import InputError
    from qbench.pipeline.data import pictures
    from qbench.pipeline.quantization import check, output_path, quantize
    from qbench.pipeline.quantization.second_opinion import cross_check

    images = pictures(representative) if representative else ()
    check(model, asked, images)
    if with_second and not images:
        raise InputError(
            f"{model}: --cross-check needs images to compare answers on",
            hint="--representative FOLDER",
        )
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    say = partial(click.echo, err=True)
    made = []
    for options in asked:
        out = output_path(model, options.scheme, folder)
        with counting("calibration images") as progress:
            one = quantize(model, options, images, out, progress, say)
        made.append((one, cross_check(model, one, options, images, say) if with_second else None))
    return tuple(made)


def tell(made: tuple[tuple[Quantized, CrossCheck | None], ...], as_json: bool) -> None:
    import msgspec

    from qbench.units import format_bytes, printable

    if as_json:
        told = [{**msgspec.to_builtins(one), "cross_check": second} for one, second in made]
        body = msgspec.json.encode({"schema_version": 1, "models": told})
        click.echo(msgspec.json.format(body, indent=2).decode())
        return
    for one, second in made:
        share = one.file_bytes / one.source_bytes
        by = f", {one.calibration_images} images" if one.calibration_images else ""
        size = f"{format_bytes(one.file_bytes)}, {share:.2f} of fp32"
        click.echo(f"{printable(one.path)}  {one.scheme}: {size}{by}")
        if second is not None:
            click.echo(
                f"    off fp32's scores by {second.error:.2g} on average, {second.other}'s by "
                f"{second.other_error:.2g}; both give the same class on "
                f"{100 * second.agreement_ratio:.1f} % of {second.images} images"
            )
