"""Performs `qbench report`: gathers, compares if asked, writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from qbench.cli import (
    comparing,
    reporting,
    reporting_accuracy,
    reporting_formats,
    reporting_png,
)
from qbench.clock import SystemClock
from qbench.errors import InputError
from qbench.report.comparison import Comparison
from qbench.stats.comparison import MARGIN_RATIO


def run(
    sessions: Sequence[Path],
    form: str,
    accuracies: Sequence[Path],
    png: Path | None,
    asked: Mapping[str, str | None],
) -> None:
    """Raises StoreError, InputError; QBenchError when Chromium makes no picture."""
    if png is not None and form != "html":
        raise InputError(f"report: --png is a picture of the page, and the form is {form}")
    clock = SystemClock()
    sustained = None if form != "html" or asked["sustained"] == "no" else asked["sustained"]
    content = reporting.content(sessions, clock, title=asked["title"], sustained_for=sustained)
    content = msgspec.structs.replace(
        content,
        accuracies=reporting_accuracy.load(accuracies),
        comparison=_comparison(asked["baseline"], sessions),
    )
    out = Path(asked["out"]) if asked["out"] else None
    target = reporting_formats.write(form, content, out, asked["per"] or "case")
    if png is not None and target is not None:
        reporting_png.take(target, png, clock)
        click.echo(png)


def _comparison(baseline: str | None, sessions: Sequence[Path]) -> Comparison | None:
    if baseline is None:
        return None
    if len(sessions) > 1:
        raise InputError(
            f"report: {len(sessions)} sessions cannot be compared with one baseline here",
            hint="give one session, or use qbench compare",
        )
    with TemporaryDirectory(prefix="qbench-compare-") as scratch:
        return comparing.compare(
            baseline, str(sessions[0]), Path(scratch), margin_ratio=MARGIN_RATIO
        )
