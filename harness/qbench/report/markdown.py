"""A comment for a pull request: what changed, what to mind, every case."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.records import Summary
from qbench.report import budgets
from qbench.report.comparison import Comparison
from qbench.report.html.words import ORIGINS, VERDICTS, many, ran_on
from qbench.report.remarks import remarks
from qbench.report.row import Row
from qbench.stats import BudgetCheck, Kept, Ratio
from qbench.units import format_ms, printable

# GitHub refuses comments of more than 65,536 characters.
MOST_CHARACTERS = 60_000
_OPEN_UP_TO = 20  # rows that are shown without a click
_MOST_REMARKS = 30


def render(
    title: str,
    rows: Sequence[Row],
    comparison: Comparison | None = None,
    checks: Sequence[BudgetCheck] = (),
) -> str:
    """Cases that need attention come first; if not all fit, the last line says how many are
    missing."""
    head = [f"### {code(title)}", "", _count(rows), ""]
    if comparison is not None:
        head += [*_changes(comparison), ""]
    if checks:
        head += [*_budgets(checks), ""]
    tail = _remarks([row.summary for row in rows])
    room = MOST_CHARACTERS - sum(len(line) + 1 for line in (*head, *tail)) - 400
    ordered = sorted(rows, key=lambda row: -_attention(row.summary))
    lines: list[str] = []
    for row in ordered if _is_too_long(rows, room) else rows:
        line = _line(row)
        if room < len(line) + 1:
            break
        lines.append(line)
        room -= len(line) + 1
    left = len(rows) - len(lines)
    table = [*_HEAD, *lines]
    if left:
        table += ["", f"{left} of {many(len(rows), 'case')} left out for length."]
    if len(lines) > _OPEN_UP_TO:
        table = [
            f"<details><summary>{many(len(rows), 'case')}</summary>",
            "",
            *table,
            "",
            "</details>",
        ]
    return "\n".join([*head, *table, "", *tail]).rstrip() + "\n"


_HEAD = (
    "| model | asked | ran on | device | origin | p50 ms | range ms | vs CPU | sure |",
    "| --- | --- | --- | --- | --- | ---: | ---: | ---: | --- |",
)


def _is_too_long(rows: Sequence[Row], room: int) -> bool:
    return sum(len(_line(row)) + 1 for row in rows) > room


def _attention(s: Summary) -> int:
    return 8 * bool(s.failed_runs) + 4 * s.cpu_fallback + 2 * (s.p50_us is None) + bool(s.taints)


def _count(rows: Sequence[Row]) -> str:
    origins: dict[str, int] = {}
    for row in rows:
        if row.summary.p50_us is not None:
            word = ORIGINS[row.summary.case.origin]
            origins[word] = origins.get(word, 0) + 1
    told = [f"{many(n, 'case')} {word}" for word, n in origins.items()]
    failed = sum(row.summary.failed_runs > 0 for row in rows)
    if failed:
        told.append(f"{many(failed, 'case')} with failed runs")
    return "; ".join(told) + "." if told else "No case has a number."


def _line(row: Row) -> str:
    s = row.summary
    case = s.case
    model = code(f"{case.model} {case.precision}")
    start = [model, case.delegate.value]
    if s.p50_us is None:
        word = "failed" if s.failure else "to do"
        cells = [*start, "-", code(case.device), ORIGINS[case.origin], "-", "-", "", word]
        return f"| {' | '.join(cells)} |"
    ratio = row.vs_cpu
    versus = "" if ratio is None else f"{ratio.ratio:.2f}"
    if ratio is not None and ratio.interval is not None:
        versus += f" ({ratio.interval.low:.2f}-{ratio.interval.high:.2f})"
    span = "-"
    if s.interval is not None:
        span = f"{format_ms(s.interval.low)}-{format_ms(s.interval.high)}"
    sure = s.tier.value if s.tier else s.verdict.value if s.verdict else "-"
    ran = ran_on(s)
    cells = [
        *start,
        f"**{ran}**" if s.cpu_fallback else ran,
        code(case.device),
        ORIGINS[case.origin],
        format_ms(s.p50_us),
        span,
        versus,
        sure,
    ]
    return f"| {' | '.join(cells)} |"


def _changes(comparison: Comparison) -> list[str]:
    """The pairs that are not the same, in a table; the others in one line."""
    counts = ", ".join(f"{n} {word}" for word, n in comparison.counts.items())
    asked = f"{code(comparison.candidate.asked)} beside {code(comparison.baseline.asked)}"
    told = [f"**{counts or 'nothing to compare'}** ({asked}, {comparison.metric})", ""]
    changed = [pair for pair in comparison.pairs if pair.word != "same"]
    if not changed:
        return told
    told += ["| case | verdict | change | interval |", "| --- | --- | ---: | ---: |"]
    for pair in changed[:_MOST_REMARKS]:
        result = pair.result
        change, span = "", ""
        if isinstance(result, Ratio):
            change = f"{(result.ratio - 1) * 100:+.1f} %"
            if result.interval is not None:
                low, high = (result.interval.low - 1) * 100, (result.interval.high - 1) * 100
                span = f"{low:+.1f} to {high:+.1f} %"
        else:
            change = code(result.reason)
        word = f"**{pair.word}**" if pair.is_regression else pair.word
        told.append(f"| {code(pair.label)} | {word} | {change} | {span} |")
    if len(changed) > _MOST_REMARKS:
        told += ["", f"and {len(changed) - _MOST_REMARKS} more"]
    return told


def _budgets(checks: Sequence[BudgetCheck]) -> list[str]:
    broken = [check for check in checks if check.status is not Kept.KEPT]
    kept = len(checks) - len(broken)
    told = [f"**{kept} of {many(len(checks), 'budget')} kept**"]
    told += [f"- {code(budgets.line_of(check))}" for check in broken[:_MOST_REMARKS]]
    if len(broken) > _MOST_REMARKS:
        told.append(f"- and {len(broken) - _MOST_REMARKS} more")
    return told


def _remarks(summaries: Sequence[Summary]) -> list[str]:
    found = remarks(summaries)
    told = [
        f"- {remark.kind}: {code(remark.text)} ({many(len(remark.summaries), 'case')})"
        for remark in found[:_MOST_REMARKS]
    ]
    if len(found) > _MOST_REMARKS:
        told.append(f"- and {len(found) - _MOST_REMARKS} more remarks")
    words = dict.fromkeys(s.verdict for s in summaries if s.verdict is not None)
    told += [f"- {verdict}: {VERDICTS[verdict]}" for verdict in words]
    if any(s.tier is not None for s in summaries):
        told.append("- SIMULATED: computed, not measured; the range is a 90 % band")
    return told


def code(text: str) -> str:
    """Untrusted text as a code span: neither markup, nor a mention, nor the end of a cell."""
    plain = printable(text).replace("|", "\\|")
    ticks = "`"
    while ticks in plain:
        ticks += "`"
    pad = " " if "`" in plain else ""
    return f"{ticks}{pad}{plain}{pad}{ticks}"
