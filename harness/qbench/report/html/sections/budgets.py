"""The limits that the plans set, and whether they were kept."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.report import budgets
from qbench.report.html.content import Content, Line
from qbench.report.html.figure import section
from qbench.report.html.markup import Html, tag
from qbench.report.html.table import Cell, Column, Table
from qbench.report.html.words import many
from qbench.stats import Kept
from qbench.units import printable

_KINDS = {Kept.KEPT: "verdict stable", Kept.BROKEN: "verdict bad", Kept.UNKNOWN: "verdict noisy"}


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    checks = [(s.name, check) for s in content.sessions for check in s.checks]
    if not checks:
        return None
    anchors = {(line.session.name, line.summary.case.case_id): line.anchor for line in lines}
    rows: list[list[Cell | str]] = []
    for session, check in checks:
        anchor = anchors.get((session, check.case_id))
        name = printable(check.case_id)
        rows.append(
            [
                Cell(shown=tag("a", name, href=f"#{anchor}") if anchor else name),
                printable(check.budget.text),
                Cell(
                    shown=tag("span", check.status.value, cls=_KINDS[check.status]),
                    order=check.status.value,
                ),
                Cell(shown=budgets.value_of(check), order=check.value),
                _sure(check.is_sure),
            ]
        )
    columns = (
        Column(head="Case"),
        Column(head="Budget", choose=True),
        Column(head="Verdict", choose=True),
        Column(head="Value", number=True),
        Column(head="How sure", explain="whether the whole interval lies on one side of the limit"),
    )
    kept = sum(check.status is Kept.KEPT for _, check in checks)
    table = Table(
        name="limits", caption="Budgets and cases", columns=columns, rows=rows, search=True
    )
    lead = tag("p", f"{kept} of {many(len(checks), 'budget')} kept.", cls="lead")
    return section("budgets", "Budgets", lead, table.render())


def _sure(is_sure: bool | None) -> str:
    if is_sure is None:
        return "-"
    return "sure" if is_sure else "the interval holds the limit"
