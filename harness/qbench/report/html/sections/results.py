"""Every case in one table: what was asked, who ran it, how fast, how sure."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.records import Origin
from qbench.report.html.content import Content, Line
from qbench.report.html.figure import section
from qbench.report.html.markup import Html, join, tag
from qbench.report.html.table import Cell, Column, Table
from qbench.report.html.words import ORIGINS, VERDICTS, many, ran_on
from qbench.units import format_ms, printable

_COLUMNS = (
    Column(head="Model", explain="the file's name without its precision"),
    Column(head="Precision", choose=True),
    Column(head="Asked for", choose=True, explain="the delegate that was asked for"),
    Column(head="Ran on", explain="what executed it, and how many nodes where units shared it"),
    Column(head="Device", choose=True),
    Column(head="Origin", choose=True, explain="where the number comes from"),
    Column(head="p50 ms", number=True, explain="median of the run medians"),
    Column(
        head="Range ms",
        number=True,
        explain="95 % interval of the median if measured, 90 % band if simulated",
    ),
    Column(head="Sure", choose=True, explain="stability if measured, tier if simulated"),
    Column(
        head="vs CPU",
        number=True,
        explain="latency over that of the same model on the same device's CPU; below 1 is faster",
    ),
    Column(head="p90 ms", number=True),
    Column(head="Init ms", number=True),
    Column(head="Threads", number=True),
    Column(head="Taints", explain="what makes the number less than clean"),
)


def render(content: Content, lines: Sequence[Line]) -> Html:
    table = Table(
        name="cases",
        caption=f"{many(len(lines), 'case')}, one row each",
        columns=_COLUMNS,
        rows=[_row(line) for line in lines],
        anchors=[line.anchor for line in lines],
        search=True,
    )
    left_out = sum(len(session.rows) for session in content.sessions) - len(lines)
    note = None
    if left_out:
        note = (
            f"{left_out} of {len(lines) + left_out} cases are not on this page, to keep it quick: "
            "those with failures, fall-backs or taints come first. qbench report --format csv "
            "has all."
        )
    return section(
        "results",
        "Results",
        tag("p", note, cls="limit") if note else None,
        table.render(),
    )


def _row(line: Line) -> list[Cell | str]:
    s = line.summary
    case = s.case
    unit = tag("i", cls=f"key {line.unit or 'unknown'}", aria_hidden="true")
    who = ran_on(s)
    threads = str(case.threads) + (f" mask {case.mask}" if case.mask else "")
    arm = f" ({case.arm})" if case.arm else ""
    origin = ORIGINS[case.origin]
    kind = "badge sim" if case.origin is Origin.SIMULATED else "badge"
    return [
        Cell(shown=printable(case.model + arm)),
        case.precision.value,
        case.delegate.value + ("" if case.xnnpack else " no xnn"),
        Cell(shown="-") if s.p50_us is None else Cell(shown=join(unit, " ", who), order=who),
        printable(case.device),
        Cell(shown=tag("span", origin, cls=kind), order=origin),
        _ms(s.p50_us),
        _range(line),
        _sure(line),
        _versus(line),
        _ms(s.p90_us),
        _ms(s.init_us),
        Cell(shown=threads, order=case.threads),
        ", ".join(s.taints),
    ]


def _ms(value_us: int | None) -> Cell:
    return Cell(shown="-" if value_us is None else format_ms(value_us), order=value_us)


def _range(line: Line) -> Cell:
    interval = line.summary.interval
    if interval is None:
        return Cell(shown="-")
    shown = f"{format_ms(interval.low)}\N{EN DASH}{format_ms(interval.high)}"
    return Cell(shown=shown, order=round(interval.low))


def _versus(line: Line) -> Cell:
    ratio = line.row.vs_cpu
    if ratio is None:
        return Cell(shown="")
    shown = f"{ratio.ratio:.2f}"
    if ratio.interval is not None:
        shown += f" ({ratio.interval.low:.2f}\N{EN DASH}{ratio.interval.high:.2f})"
    return Cell(shown=shown, order=round(ratio.ratio, 5))


def _sure(line: Line) -> Cell:
    s = line.summary
    if s.p50_us is None:
        word = "failed" if s.failure else "to do"
        return Cell(shown=tag("span", word, cls="verdict bad"), order=word)
    if s.tier is not None:
        return Cell(shown=s.tier.value, order=s.tier.value)
    if s.verdict is None:
        return Cell(shown="-", order="-")
    span = tag(
        "span", s.verdict.value, cls=f"verdict {s.verdict.name.lower()}", title=VERDICTS[s.verdict]
    )
    return Cell(shown=span, order=s.verdict.value)
