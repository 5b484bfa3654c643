"""A picture of a page, by whichever Chromium is installed."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from qbench.clock import Clock
from qbench.errors import InputError, QBenchError
from qbench.host import process

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_WIDTH_PX = 1280
_MOST_HEIGHT_PX = 16_000  # Chromium draws no larger surface
_TIMEOUT_S = 120.0
_HEIGHT = re.compile(rb'data-height="(\d+)"')


def take(page: Path, picture: Path, clock: Clock) -> None:
    """The whole page, 1280 px wide. Raises InputError when there is no Chromium, QBenchError when
    it draws nothing."""
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        raise InputError(
            f"report: no {_PROGRAMS[0]} on the PATH, so there is no picture (the page is there)",
            hint="install Chromium (Debian: apt-get install chromium), or print from a browser",
        )
    with TemporaryDirectory(prefix="qbench-png-", ignore_cleanup_errors=True) as profile:
        start = [
            program,
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=2000",
            # The sandbox does not start as root; the page may load and run nothing but its own.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
        ]
        url = f"{page.resolve().as_uri()}?all"  # draws every plot before the page has loaded
        size = f"--window-size={_WIDTH_PX},1000"
        height = _HEIGHT.search(_run([*start, size, "--dump-dom", url], clock))
        height_px = int(height[1]) if height else 0
        if not height_px:
            raise QBenchError(f"{page}: Chromium drew nothing", hint="open the page in a browser")
        shown_px = min(height_px, _MOST_HEIGHT_PX)
        if shown_px < height_px:
            click.echo(f"{picture}: the first {shown_px} of {height_px} px of the page", err=True)
        size = f"--window-size={_WIDTH_PX},{shown_px}"
        draft = Path(profile) / "page.png"
        _run([*start, size, f"--screenshot={draft}", url], clock)
        if not draft.is_file():
            raise QBenchError(f"{picture}: Chromium made no picture", hint="is its disk full?")
        try:
            shutil.move(draft, picture)
        except OSError as exc:
            raise InputError(f"{picture}: {exc.strerror or exc}") from exc


def _run(argv: list[str], clock: Clock) -> bytes:
    ended = process.run(
        argv,
        request=b"",
        environment=os.environ,
        clock=clock,
        timeout_s=_TIMEOUT_S,
        stdout_limit_bytes=64_000_000,
        stderr_limit_bytes=1_000_000,
    )
    if ended.stopped is not None:
        raise QBenchError(f"{argv[0]}: stopped at its {ended.stopped.value}")
    return ended.stdout
