"""A picture of a whole report."""

from __future__ import annotations

import re
from pathlib import Path

import click

from qbench.cli import chromium
from qbench.clock import Clock
from qbench.errors import QBenchError

_WIDTH_PX = 1280
_HEIGHT = re.compile(rb'data-height="(\d+)"')


def take(page: Path, picture: Path, clock: Clock) -> None:
    """The whole page, 1280 px wide. Raises InputError when there is no Chromium, QBenchError when
    it draws nothing."""
    url = f"{page.resolve().as_uri()}?all"  # draws every plot before the page has loaded
    told = chromium.run(url, [f"--window-size={_WIDTH_PX},1000", "--dump-dom"], clock)
    height = _HEIGHT.search(told)
    height_px = int(height[1]) if height else 0
    if not height_px:
        raise QBenchError(f"{page}: Chromium drew nothing", hint="open the page in a browser")
    shown_px = min(height_px, chromium.MOST_HEIGHT_PX)
    if shown_px < height_px:
        click.echo(f"{picture}: the first {shown_px} of {height_px} px of the page", err=True)
    chromium.photograph(url, picture, _WIDTH_PX, shown_px, clock)
