"""qbench data: drawing a made-up data set, and looking through an image folder."""

from __future__ import annotations

from pathlib import Path

import click

from qbench.cli import options

_FOLDER = click.Path(path_type=Path)


@click.group()
def data() -> None:
    """Labelled images: ROOT/{train,val,test}/CLASS/*.png (JPEG, BMP, DICOM)."""


@data.command()
@click.option("--out", required=True, type=_FOLDER, help="The folder to write.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--train", type=click.IntRange(2), default=1000, show_default=True)
@click.option("--val", type=click.IntRange(2), default=200, show_default=True)
@click.option("--test", type=click.IntRange(2), default=200, show_default=True)
@click.option("--size", type=click.IntRange(32, 1024), default=224, show_default=True)
@click.option("--jobs", type=click.IntRange(1), help="Processes. Default: one per processor.")
def synth(
    out: Path, seed: int, train: int, val: int, test: int, size: int, jobs: int | None
) -> None:
    """Draw a SYNTHETIC breast ultrasound data set: benign and malignant lesions that nobody has.

    The numbers of images are per split, half of them of each class. The same seed gives the same
    images. Everything made from them says SYNTHETIC.
    """
    from qbench.cli.counting import counting
    from qbench.pipeline import workers
    from qbench.pipeline.data import load, synthetic

    counts = {"train": train, "val": val, "test": test}
    with counting("images") as progress:
        synthetic.write(out, seed, counts, size, jobs or workers.processors(), progress)
    click.echo(load(out).title)


@data.command()
@click.argument("root", type=_FOLDER)
@click.option("--jobs", type=click.IntRange(1), help="Processes. Default: one per processor.")
@options.json_flag
def check(root: Path, jobs: int | None, as_json: bool) -> None:
    """Read every image of ROOT, and say what is wrong with it: empty classes, unreadable images,
    the same file in two splits or classes."""
    from qbench.cli import console
    from qbench.cli.counting import counting
    from qbench.pipeline import workers
    from qbench.pipeline.data import inspection, load

    found = load(root, need=())
    with counting("images") as progress:
        looks = inspection.inspect(found, jobs or workers.processors(), progress)
    if as_json:
        click.echo(inspection.render_json(found, looks))
    else:
        inspection.print_looks(console.stdout(), found, looks)
