"""Budgets, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from qbench.records import Metric
from qbench.stats import BudgetCheck, Kept
from qbench.units import format_bytes, format_us, printable

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {Kept.KEPT: "", Kept.BROKEN: "bold red", Kept.UNKNOWN: "yellow"}


def print_budgets(console: Console, checks: Sequence[BudgetCheck]) -> None:
    """What is broken or not known, line by line; what is kept, counted."""
    from rich.text import Text

    for check in checks:
        if check.status is not Kept.KEPT or check.is_sure is False:
            style = _STYLES[check.status] or "yellow"
            console.print(Text(printable(line_of(check)), style=style))
    if checks:
        console.print(Text(f"budgets: {', '.join(_counts(checks))}"))


def line_of(check: BudgetCheck) -> str:
    """`budget broken: p50 <= 8 ms: 8.31 ms [case]`."""
    words = f"budget {check.status}: {check.budget.text}"
    if check.value is not None:
        words += f": {value_of(check)}"
    if check.is_sure is False:
        words += ", and its interval holds the limit: more runs would tell"
    return f"{words} [{check.case_id}]"


def to_builtins(checks: Sequence[BudgetCheck]) -> list[dict[str, Any]]:
    return [
        {
            "case_id": check.case_id,
            "budget": check.budget.text,
            "metric": check.budget.metric.value if check.budget.metric else None,
            "at_most": check.budget.at_most,
            "value": check.value,
            "status": check.status.value,
            "is_sure": check.is_sure,
        }
        for check in checks
    ]


def value_of(check: BudgetCheck) -> str:
    """With its unit; `-` where it was not told."""
    value, metric = check.value, check.budget.metric
    if value is None:
        return "-"
    if metric is Metric.MEMORY:
        return format_bytes(round(value))
    return f"{value:g}" if metric is Metric.PARTITIONS else format_us(value)


def _counts(checks: Sequence[BudgetCheck]) -> Iterable[str]:
    for status in Kept:
        count = sum(check.status is status for check in checks)
        if count:
            yield f"{count} {status}"
