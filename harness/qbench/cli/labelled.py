"""Models, and labelled images to show them: what `evaluate` and `analyze` are both told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from qbench.cli import options
from qbench.cli.quantizing import range_option

_F = TypeVar("_F", bound=Callable[..., Any])


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command line. `jobs` None: one process per processor."""

    models: tuple[str, ...]
    root: Path
    split: str = "test"
    precisions: tuple[str, ...] = ()
    positive: str | None = None
    input_range: tuple[float, float] = (0.0, 1.0)
    jobs: int | None = None


def labelled(function: _F) -> _F:
    """They come as the keywords of `Labelled`."""
    for option in (
        click.option(
            "--jobs", type=click.IntRange(1), help="Processes. Default: one per processor."
        ),
        range_option,
        click.option(
            "--positive", help="The class that a test looks for. Default: the last by name."
        ),
        options.precision_option,
        click.option(
            "--split", default="test", show_default=True, type=click.Choice(["test", "val"])
        ),
        click.option(
            "--data",
            "root",
            type=click.Path(path_type=Path),
            required=True,
            help="ROOT/test/CLASS/*.png",
        ),
        click.argument("models", nargs=-1, required=True, metavar="MODEL|FOLDER..."),
    ):
        function = option(function)
    return function
