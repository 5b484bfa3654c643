"""qbench convert: from a trained network to an fp32 .tflite that gives the same answers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from qbench.cli import options

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("source", type=_PATH)
@click.option("--out", type=_PATH, help="A folder. Default: the source's.")
@click.option(
    "--route",
    type=click.Choice(["direct", "onnx", "keras"]),
    help="PyTorch goes direct (litert-torch) or by onnx (onnx2tf). Default: what fits SOURCE.",
)
@click.option("--data", type=_PATH, help="Images to compare answers on, besides made-up ones.")
@click.option("--images", type=click.IntRange(1), default=8, show_default=True, help="Of --data.")
@click.option("--tolerance", type=click.FloatRange(0), default=1e-3, show_default=True)
@click.option("--onnx", type=_PATH, help="With --route onnx: keep the ONNX file there.")
@options.json_flag
def convert(
    source: Path,
    out: Path | None,
    route: str | None,
    data: Path | None,
    images: int,
    tolerance: float,
    onnx: Path | None,
    as_json: bool,
) -> None:
    """Convert SOURCE, a checkpoint of `qbench train` (.pt), .onnx, .keras, .h5 or a SavedModel.

    What its framework needs is used if it is installed; else an environment of its own is made
    for the step and kept (`qbench env`). Answers of source and result are compared; a conversion
    that changes them fails.
    """
    import msgspec

    from qbench.pipeline.conversion import Route, route_of
    from qbench.pipeline.conversion import convert as perform
    from qbench.pipeline.data import pictures
    from qbench.pipeline.quantization.calibration import choose
    from qbench.units import format_bytes

    chosen = route_of(source, Route(route) if route else None)
    shown = choose(pictures(data), images, 0) if data else ()
    say = partial(click.echo, err=True)
    made = perform(source, out, chosen, shown, say, tolerance=tolerance, onnx=onnx)
    if as_json:
        body = msgspec.json.encode({"schema_version": 1, "converted": made})
        click.echo(msgspec.json.format(body, indent=2).decode())
        return
    click.echo(f"{made.path}  {format_bytes(made.file_bytes)}, {made.operators} operators")
    click.echo(
        f"answers of {made.check.images} images differ by at most "
        f"{made.check.max_abs_difference:.2g}; {made.transposes} TRANSPOSE"
    )
