"""Where output goes: results to stdout, progress and remarks to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qbench.plan import estimate_s
from qbench.records import Case, Plan, PlannedRun, RunRecord

if TYPE_CHECKING:
    from rich.console import Console

# Tables are made to fit this; a pipe or a file has no width of its own.
WIDTH_OF_A_PIPE = 100


def stdout() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE, highlight=False)


def stderr() -> Console:
    from rich.console import Console

    width = None if sys.stderr.isatty() else WIDTH_OF_A_PIPE
    return Console(stderr=True, width=width, highlight=False)


@contextmanager
def progress(
    plan: Plan, todo: int
) -> Iterator[tuple[Callable[[PlannedRun, Case], None], Callable[[RunRecord], None]]]:
    """Callbacks for `execute` that show case, repetition and time left; silent off a terminal."""
    if not sys.stderr.isatty():
        yield (lambda run, case: None), (lambda record: None)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} runs"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task(f"about {estimate_s(plan):.0f} s", total=todo)

        def started(run: PlannedRun, case: Case) -> None:
            bar.update(task, description=f"{case.case_id} repetition {run.repetition + 1}")

        def ended(record: RunRecord) -> None:
            bar.advance(task)

        yield started, ended
