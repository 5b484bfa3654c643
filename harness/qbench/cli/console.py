"""Where output goes: results to stdout, progress and remarks to stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

    from qbench.cli.progress import Progress
    from qbench.records import RunRecord

# Tables are made to fit this; a pipe or a file has no width of its own.
WIDTH_OF_A_PIPE = 100


def stdout() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE, highlight=False)


def to_file(file: TextIO) -> Console:
    from rich.console import Console

    return Console(file=file, width=WIDTH_OF_A_PIPE, highlight=False, force_terminal=False)


def stderr() -> Console:
    from rich.console import Console

    width = None if sys.stderr.isatty() else WIDTH_OF_A_PIPE
    return Console(stderr=True, width=width, highlight=False)


@contextmanager
def watching(progress: Progress) -> Iterator[Callable[[RunRecord], None]]:
    """Shows how far a session is, on a terminal only. What it gives is to be told of every record,
    after `progress`: a terminal that cannot redraw gets a line of each."""
    from qbench.cli import live

    console = stderr()
    if not console.is_terminal or not sys.stderr.isatty():
        yield lambda record: None
    elif console.is_dumb_terminal:
        lock = threading.Lock()

        def say(record: RunRecord) -> None:
            view = progress.view()
            latest = next(x for x in view.latest if x.case.case_id == record.case_id)
            with lock:
                console.print(live.line(latest, view), markup=False, soft_wrap=True)

        yield say
    else:
        with live.showing(console, progress):
            yield lambda record: None
