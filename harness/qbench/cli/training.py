"""What `qbench train` does once its words are understood."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from qbench.pipeline.training.options import Epoch, TrainOptions


def choose(
    *,
    arch: str,
    lr: float | None,
    epochs: int | None,
    batch: int | None,
    threads: int | None,
    **others: Any,
) -> TrainOptions:
    """The options given, and the architecture's recipe for those that were not."""
    from qbench.pipeline import workers
    from qbench.pipeline.training.options import RECIPES, TrainOptions

    recipe = RECIPES[arch]
    return TrainOptions(
        arch=arch,
        lr=lr or recipe.lr,
        epochs=epochs or recipe.epochs,
        batch=batch or recipe.batch,
        threads=threads or workers.processors(),
        **others,
    )


def perform(
    options: TrainOptions,
    root: Path,
    out: Path,
    start: Path | None,
    resume: bool,
    as_json: bool,
) -> None:
    import msgspec

    from qbench.cli.counting import counting
    from qbench.clock import SystemClock
    from qbench.pipeline.data import load
    from qbench.pipeline.training.train import BEST, train
    from qbench.units import printable

    def tell(epoch: Epoch) -> None:
        click.echo(
            f"epoch {epoch.number}/{options.epochs}  loss {epoch.train_loss:.3f}  "
            f"val loss {epoch.val_loss:.3f}  val accuracy {100 * epoch.val_accuracy:.1f} %  "
            f"{epoch.took_s:.0f} s",
            err=True,
        )

    data = load(root, need=("train", "val"))
    with counting("images") as progress:
        said = train(
            data,
            options,
            out,
            SystemClock(),
            resume=resume,
            start=start,
            seen=progress,
            ended=tell,
        )
    best = said.best
    if as_json:
        body = {"schema_version": 1, "checkpoint": str(out / BEST), "best": best, "said": said}
        click.echo(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
        return
    click.echo(f"{out / BEST}")
    click.echo(f"best: epoch {best.number}, val accuracy {100 * best.val_accuracy:.1f} %")
    click.echo(printable(said.title))
