"""Memory: what the process needed at most, beside what the model's file holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qbench.report.html.content import Content, Line
from qbench.report.html.figure import COLOURS, Page, draw, rows_axis, section
from qbench.report.html.markup import Html, in_plot, tag
from qbench.report.html.rowplot import RowPage, model_title, pages, row_label
from qbench.report.html.table import Cell, Column, Table
from qbench.units import format_bytes, format_count, printable


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    told = [line for line in lines if line.summary.peak_rss_bytes is not None]
    if not told and not content.models:
        return None
    if told:
        peak = draw(
            "plot-memory",
            "Peak resident memory",
            "The largest resident set of the runner's process: runtime, delegate, model and all.",
            [_page(page) for page in pages(told)],
            what=f"Peak resident memory of {len(told)} cases.",
        )
    else:
        peak = tag("p", "No runner told how much memory it used.", cls="absent")
    return section("memory", "Memory and size", peak, _sizes(content))


def _page(page: RowPage) -> Page:
    lines = page.lines
    trace: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "width": 0.55,
        "x": [round((line.summary.peak_rss_bytes or 0) / 1e6, 2) for line in lines],
        "y": list(page.places),
        "text": [in_plot(f"{model_title(line.summary.case)} {row_label(line)}") for line in lines],
        "textposition": "none",
        "hovertemplate": "%{text}: %{x:.1f} MB<extra></extra>",
        "marker": {"color": [COLOURS[line.unit] for line in lines]},
    }
    layout = rows_axis(page.labels, page.heads)
    layout["xaxis"] = {"title": {"text": "MB"}, "rangemode": "tozero"}
    return Page(
        label=page.label,
        traces=[trace],
        layout=layout,
        height_px=page.height_px,
        columns=(("case", "text"), ("MB", "x")),
    )


def _sizes(content: Content) -> Html | None:
    if not content.models:
        return tag(
            "p", "The model files are not at hand: nothing is said about their sizes.", cls="absent"
        )
    columns = (
        Column(head="Model"),
        Column(head="File", number=True),
        Column(head="Weights", number=True),
        Column(
            head="Activations", number=True, explain="sum of all activation tensors, not the arena"
        ),
        Column(head="MACs", number=True),
        Column(head="Operators", number=True),
    )
    rows: list[list[Cell | str]] = [
        [
            printable(f"{m.name} {m.precision}"),
            Cell(shown=format_bytes(m.file_bytes), order=m.file_bytes),
            Cell(shown=format_bytes(m.weight_bytes), order=m.weight_bytes),
            Cell(shown=format_bytes(m.activation_bytes), order=m.activation_bytes),
            Cell(shown=format_count(m.macs), order=m.macs),
            str(m.operators),
        ]
        for m in content.models
    ]
    return Table(
        name="sizes", caption="What the model files hold", columns=columns, rows=rows
    ).render()
