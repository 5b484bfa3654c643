"""A progress bar over things that are counted: images drawn, images answered, epochs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A callback (done, total) that shows both and the time left; silent off a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    from qbench.cli import console

    count = TextColumn(f"{{task.completed}}/{{task.total}} {what}")
    columns = (BarColumn(), count, TimeElapsedColumn(), TimeLeft())
    with Progress(*columns, console=console.stderr(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
