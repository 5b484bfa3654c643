"""How many times faster than the same model on the same device's CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from qbench.report.html.words import beside_cpu


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    compared = [line for line in lines if line.row.vs_cpu is not None]
    if not compared:
        return None
    plot = draw(
        "plot-speedup",
        "Speed-up over the device's own CPU",
        "Right of the line is faster than the fall-back would be. A range that crosses the line "
        "means that the two are not told apart.",
        [_page(page) for page in pages(compared)],
        what=f"Speed-up over the device's own CPU with its range for {len(compared)} cases.",
        keys=unit_legend(compared),
    )
    return section("speedup", "Speed-up", plot)


def _page(page: RowPage) -> Page:
    layout = rows_axis(page.labels, page.heads)
    layout |= {
        "xaxis": log_axis("times faster", [1.0, *_ends(page.lines)]),
        "shapes": [
            {
                "type": "line",
                "x0": 1,
                "x1": 1,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"color": "--ink-2", "width": 1.5},
            }
        ],
    }
    traces = [_trace(line, place) for place, line in zip(page.places, page.lines, strict=True)]
    return Page(
        label=page.label,
        traces=traces,
        layout=layout,
        height_px=page.height_px,
        columns=(("case", "text"), ("times faster", "x")),
    )


def _ends(lines: Sequence[Line]) -> list[float]:
    found: list[float] = []
    for line in lines:
        ratio = line.row.vs_cpu
        assert ratio is not None
        interval = ratio.interval
        found.append(1 / ratio.ratio)
        if interval is not None and interval.low > 0:
            found += [1 / interval.low, 1 / interval.high]
    return found


def _trace(line: Line, place: int) -> dict[str, Any]:
    ratio = line.row.vs_cpu
    assert ratio is not None
    case = line.summary.case
    speed = 1 / ratio.ratio
    colour = COLOURS[line.unit]
    is_simulated = line.summary.tier is not None
    marker = {"symbol": SYMBOLS[line.unit], "size": 10, "color": colour}
    if is_simulated:
        marker |= {"color": "--paper", "line": {"color": colour, "width": 2}}
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "x": [round(speed, 4)],
        "y": [place],
        "text": [in_plot(f"{model_title(case)} {case.delegate}: {beside_cpu(line.row)}")],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker,
    }
    if ratio.interval is not None and ratio.interval.low > 0:
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [round(1 / ratio.interval.low - speed, 4)],
            "arrayminus": [round(speed - 1 / ratio.interval.high, 4)],
            "color": colour,
            "thickness": 2 if not is_simulated else 1.2,
            "width": 4,
        }
    return trace
