"""The table of `qbench plan`: cases, runs, time, budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from qbench.plan import estimate_s
from qbench.records import Origin, Plan
from qbench.units import format_duration_s, printable

if TYPE_CHECKING:
    from rich.console import Console


def show(console: Console, plan: Plan, p50_us: Mapping[str, int]) -> None:
    """`p50_us`: the latencies that are expected, by case id, where anybody can tell."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    runs = Counter(run.case_id for run in plan.runs)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("case", overflow="fold")
    table.add_column("origin", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    for case in plan.cases:
        is_simulated = case.origin is Origin.SIMULATED
        cells = (
            case.case_id,
            case.origin.upper() if is_simulated else "measured",
            str(runs[case.case_id]),
            "-"
            if is_simulated
            else format_duration_s(estimate_s(plan, case.case_id, p50_us=p50_us)),
        )
        table.add_row(*(Text(printable(c), style="cyan" if is_simulated else "") for c in cells))
    console.print(table)
    for budget in plan.budgets:
        fitting = sum(fnmatchcase(case.case_id, budget.cases) for case in plan.cases)
        console.print(
            Text(printable(f"budget: {budget.text} for {budget.cases} ({fitting} cases)"))
        )
    measured = [case for case in plan.cases if case.origin is not Origin.SIMULATED]
    word = "about" if all(case.case_id in p50_us for case in measured) else "at least"
    console.print(
        f"{len(plan.cases)} cases, {len(plan.runs)} runs, protocol {plan.protocol}: "
        f"{word} {format_duration_s(estimate_s(plan, p50_us=p50_us))}"
    )
