"""Pictures of pages, by whichever Chromium is installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from qbench.clock import Clock, SystemClock
from qbench.errors import InputError, QBenchError
from qbench.host import process

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MOST_HEIGHT_PX = 16_000  # Chromium draws no larger surface
_TIMEOUT_S = 120.0


def program() -> str | None:
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def required() -> str:
    """Raises InputError where there is none."""
    found = program()
    if found is None:
        raise InputError(
            f"no {PROGRAMS[0]} on the PATH, so there is no picture (the page is there)",
            hint="install Chromium (Debian: apt-get install chromium), or print from a browser",
        )
    return found


def run(url: str, options: list[str], clock: Clock) -> bytes:
    """Chromium on `url`, to its end; its stdout. Raises QBenchError when it is stopped."""
    with TemporaryDirectory(prefix="qbench-png-", ignore_cleanup_errors=True) as profile:
        argv = [
            required(),
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=2000",
            # The sandbox does not start as root; the page may load and run nothing but its own.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *options,
            url,
        ]
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


def photograph(
    url: str, picture: Path, width_px: int, height_px: int, clock: Clock | None = None
) -> None:
    """The page's first `height_px`. Raises InputError, QBenchError when it draws nothing."""
    with TemporaryDirectory(prefix="qbench-png-") as folder:
        draft = Path(folder) / "page.png"
        size = f"--window-size={width_px},{height_px}"
        run(url, [size, f"--screenshot={draft}"], clock or SystemClock())
        if not draft.is_file():
            raise QBenchError(f"{picture}: Chromium made no picture", hint="is its disk full?")
        try:
            shutil.move(draft, picture)
        except OSError as exc:
            raise InputError(f"{picture}: {exc.strerror or exc}") from exc
