"""What changed against a baseline, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qbench.report.comparison import ComparedPair, Comparison
from qbench.report.html.content import Content, Line
from qbench.report.html.figure import ROW_PX, ROWS_PER_PAGE, Page, draw, rows_axis, section
from qbench.report.html.markup import Html, in_plot, tag
from qbench.report.html.table import Cell, Column, Table
from qbench.report.html.words import many
from qbench.stats import Ratio, Verdict
from qbench.units import printable

_COLOURS = {Verdict.FASTER: "--npu", Verdict.SLOWER: "--bad", Verdict.SAME: "--ink-2"}


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    found = content.comparison
    if found is None:
        return None
    counts = ", ".join(f"{n} {word}" for word, n in found.counts.items()) or "nothing to compare"
    asked = f"{found.candidate.asked} beside {found.baseline.asked}, by {found.metric}: {counts}."
    missing = [
        tag("p", f"{many(len(cases), 'case')} only in the {side}.", cls="absent")
        for side, cases in (
            ("baseline", found.only_baseline),
            ("candidate", found.only_candidate),
        )
        if cases
    ]
    return section(
        "changes",
        "Changes",
        tag("p", printable(asked), cls="lead"),
        _plot(found),
        _table(found.pairs),
        *missing,
    )


def _plot(found: Comparison) -> Html | None:
    known = [(pair, pair.result) for pair in found.pairs if isinstance(pair.result, Ratio)]
    if not known:
        return None
    parts = [known[n : n + ROWS_PER_PAGE] for n in range(0, len(known), ROWS_PER_PAGE)]
    return draw(
        "plot-changes",
        "Change of latency",
        "Left of the middle is faster. The band is what counts as the same "
        f"(\N{PLUS-MINUS SIGN}{found.margin_ratio:.0%}); a range that crosses its edge is not "
        "decided.",
        [_page(found, part) for part in parts],
        what=f"Change of latency with its interval for {many(len(known), 'case')}.",
        choose="Cases",
    )


def _page(found: Comparison, part: Sequence[tuple[ComparedPair, Ratio]]) -> Page:
    labels = [in_plot(pair.label) for pair, _ in part]
    margin = found.margin_ratio * 100
    layout = rows_axis(labels, ())
    layout |= {
        "xaxis": {"title": {"text": "% change"}, "zeroline": True},
        "shapes": [
            {
                "type": "rect",
                "x0": -margin,
                "x1": margin,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "fillcolor": "--line",
                "opacity": 0.5,
                "line": {"width": 0},
                "layer": "below",
            }
        ],
    }
    return Page(
        label=f"{printable(part[0][0].label)} \N{HORIZONTAL ELLIPSIS}",
        traces=[_trace(place, pair, ratio) for place, (pair, ratio) in enumerate(part)],
        layout=layout,
        height_px=80 + ROW_PX * len(part),
        columns=(("case", "text"), ("% change", "x")),
    )


def _trace(place: int, pair: ComparedPair, ratio: Ratio) -> dict[str, Any]:
    verdict = ratio.verdict
    colour = _COLOURS.get(verdict, "--mind") if verdict is not None else "--mind"
    change = (ratio.ratio - 1) * 100
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "x": [round(change, 3)],
        "y": [place],
        "text": [in_plot(f"{pair.label}: {pair.word}")],
        "hovertemplate": "%{text}, %{x:+.2f} %<extra></extra>",
        "marker": {"color": colour, "size": 9},
    }
    if ratio.interval is not None:
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [round((ratio.interval.high - ratio.ratio) * 100, 3)],
            "arrayminus": [round((ratio.ratio - ratio.interval.low) * 100, 3)],
            "color": colour,
            "thickness": 1.8,
            "width": 4,
        }
    return trace


def _table(pairs: Sequence[ComparedPair]) -> Html:
    columns = (
        Column(head="Case"),
        Column(head="Verdict", choose=True),
        Column(head="Change %", number=True),
        Column(head="Interval %", number=True),
        Column(head="Runs", number=True),
        Column(head="On what it rests"),
    )
    rows: list[list[Cell | str]] = []
    for pair in pairs:
        kind = "verdict bad" if pair.is_regression else "verdict"
        start = [
            Cell(shown=printable(pair.label)),
            Cell(shown=tag("span", pair.word, cls=kind), order=pair.word),
        ]
        result = pair.result
        if not isinstance(result, Ratio):
            rows.append([*start, "-", "-", "-", printable(result.reason)])
            continue
        span = Cell(shown="-")
        if result.interval is not None:
            low, high = ((end - 1) * 100 for end in (result.interval.low, result.interval.high))
            span = Cell(shown=f"{low:+.1f} to {high:+.1f}", order=round(low, 3))
        change = (result.ratio - 1) * 100
        rows.append(
            [
                *start,
                Cell(shown=f"{change:+.1f}", order=round(change, 4)),
                span,
                "-" if result.runs is None else str(result.runs),
                printable("; ".join((result.basis, *result.cautions))),
            ]
        )
    return Table(
        name="pairs-compared", caption="Every comparison", columns=columns, rows=rows, search=True
    ).render()
