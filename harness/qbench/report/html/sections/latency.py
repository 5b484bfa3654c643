"""Latency of every case as a point with its range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qbench.records import ComputeUnit
from qbench.report.html.content import Content, Line
from qbench.report.html.figure import (
    COLOURS,
    SYMBOLS,
    Page,
    draw,
    log_axis,
    rows_axis,
    section,
    unit_legend,
)
from qbench.report.html.markup import Html, in_plot
from qbench.report.html.rowplot import RowPage, model_title, pages
from qbench.report.html.words import latency, ran_on

_LOG_FROM = 12  # a span wider than this cannot be read on a linear axis


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    known = [line for line in lines if line.summary.p50_us is not None]
    if not known:
        return None
    found = pages(known)
    plot = draw(
        "plot-latency",
        "Latency by delegate",
        "Median latency of one invoke, and its range. Colour and shape say which unit ran most of "
        "it, whatever was asked for; the row of the host stands beside for scale.",
        [_page(page) for page in found],
        what=f"Median latency with its range for {len(known)} cases, grouped by model. The table "
        "under Results has the same numbers.",
        keys=unit_legend(known, measured="solid", simulated="hatched"),
    )
    return section("latency", "Latency", plot)


def _page(page: RowPage) -> Page:
    traces: list[dict[str, Any]] = []
    groups: dict[tuple[ComputeUnit | None, bool], list[tuple[int, Line]]] = {}
    for place, line in zip(page.places, page.lines, strict=True):
        groups.setdefault((line.unit, line.summary.tier is not None), []).append((place, line))
    for (unit, is_simulated), members in groups.items():
        traces += [_ranges(unit, is_simulated, members), _points(unit, is_simulated, members)]
    values = [v for line in page.lines for v in _ends(line)]
    layout = rows_axis(page.labels, page.heads)
    axis: dict[str, Any] = {"title": {"text": "ms per invoke"}, "rangemode": "tozero"}
    if max(values) > _LOG_FROM * min(values):
        axis = log_axis("ms per invoke", values)
    layout |= {"xaxis": axis, "barmode": "overlay"}
    return Page(
        label=page.label,
        traces=traces,
        layout=layout,
        height_px=page.height_px,
        columns=(("case", "text"), ("p50 ms", "x")),
    )


def _ends(line: Line) -> list[float]:
    s = line.summary
    assert s.p50_us is not None
    if s.interval is None or s.interval.low <= 0:
        return [s.p50_us / 1000]
    return [s.interval.low / 1000, s.interval.high / 1000]


def _ranges(
    unit: ComputeUnit | None, is_simulated: bool, members: Sequence[tuple[int, Line]]
) -> dict[str, Any]:
    with_range = [(y, line) for y, line in members if line.summary.interval is not None]
    ends = [_ends(line) for _, line in with_range]
    colour = COLOURS[unit]
    filling: dict[str, Any] = {"color": colour, "opacity": 0.45}
    if is_simulated:
        filling = {
            "color": "--clear",
            "line": {"color": colour, "width": 1},
            "pattern": {
                "shape": "/",
                "fgcolor": colour,
                "bgcolor": "--clear",
                "size": 6,
                "solidity": 0.25,
            },
        }
    return {
        "type": "bar",
        "orientation": "h",
        "y": [y for y, _ in with_range],
        "base": [end[0] for end in ends],
        "x": [round(end[-1] - end[0], 6) for end in ends],
        "width": 0.5 if is_simulated else 0.22,
        "marker": filling,
        "hoverinfo": "skip",
    }


def _points(
    unit: ComputeUnit | None, is_simulated: bool, members: Sequence[tuple[int, Line]]
) -> dict[str, Any]:
    colour = COLOURS[unit]
    marker = {
        "symbol": SYMBOLS[unit],
        "size": 9,
        "color": colour,
        "line": {"color": "--paper", "width": 1},
    }
    if is_simulated:
        marker |= {"color": "--paper", "line": {"color": colour, "width": 2}}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [(line.summary.p50_us or 0) / 1000 for _, line in members],
        "y": [y for y, _ in members],
        "text": [_told(line) for _, line in members],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker,
        "cliponaxis": False,
    }


def _told(line: Line) -> str:
    s = line.summary
    head = f"{model_title(s.case)}, {s.case.delegate} on {s.case.device}"
    return in_plot(f"{head}: {latency(s)}; ran on {ran_on(s)}")
