"""What `qbench calibrate` measures: its options, but for the device and where the file goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--precision",
        "precisions",
        multiple=True,
        type=click.Choice(["fp32", "int8", "dynamic"]),
        help="May be given several times. Default: fp32 and int8.",
    ),
    click.option(
        "--threads",
        multiple=True,
        type=click.IntRange(1, 64),
        help="May be given several times; each is calibrated for itself. Default: 1.",
    ),
    click.option(
        "--singles",
        type=click.IntRange(12),
        help="Of one precision at most. Default: all, about 220.",
    ),
    click.option(
        "--networks/--no-networks", default=True, help="12 whole networks: tier S3, not S2."
    ),
    click.option(
        "--budget-s",
        type=click.FloatRange(1),
        default=170.0,
        show_default=True,
        help="When it has passed, what has been measured is fitted.",
    ),
    click.option(
        "--thermal-step",
        "step_test_min",
        type=click.FloatRange(0.2, 60),
        metavar="MINUTES",
        help="Also heat the device for so long, and fit its two thermal nodes (10 tell enough).",
    ),
)


def what(command: F) -> F:
    """In the order in which `--help` tells them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
