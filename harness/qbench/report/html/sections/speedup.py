"""How many times faster than the same model on the same device's CPU."""

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
from qbench.report.html.words import beside_cpu
from qbench.stats import Ratio


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
        keys=unit_legend(compared, measured="whisker", simulated="hollow"),
    )
    return section("speedup", "Speed-up", plot)


def _page(page: RowPage) -> Page:
    groups: dict[tuple[ComputeUnit | None, bool], list[tuple[int, Line, Ratio]]] = {}
    ends = [1.0]
    for place, line in zip(page.places, page.lines, strict=True):
        ratio = line.row.vs_cpu
        assert ratio is not None
        key = (line.unit, line.summary.tier is not None)
        groups.setdefault(key, []).append((place, line, ratio))
        ends += _range(ratio)
    layout = rows_axis(page.labels, page.heads)
    layout |= {
        "xaxis": log_axis("times faster", ends),
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
    return Page(
        label=page.label,
        traces=[_trace(unit, how, members) for (unit, how), members in groups.items()],
        layout=layout,
        height_px=page.height_px,
        columns=(("case", "text"), ("times faster", "x")),
    )


def _trace(
    unit: ComputeUnit | None, is_simulated: bool, members: Sequence[tuple[int, Line, Ratio]]
) -> dict[str, Any]:
    colour = COLOURS[unit]
    marker: dict[str, Any] = {"symbol": SYMBOLS[unit], "size": 10, "color": colour}
    if is_simulated:
        marker |= {"color": "--paper", "line": {"color": colour, "width": 2}}
    ends = [_range(ratio) for _, _, ratio in members]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [round(1 / ratio.ratio, 3) for _, _, ratio in members],
        "y": [place for place, _, _ in members],
        "text": [_told(line) for _, line, _ in members],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker,
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [
                round(high - 1 / m[2].ratio, 3) for m, (_, high) in zip(members, ends, strict=True)
            ],
            "arrayminus": [
                round(1 / m[2].ratio - low, 3) for m, (low, _) in zip(members, ends, strict=True)
            ],
            "color": colour,
            "thickness": 1.2 if is_simulated else 2,
            "width": 4,
        },
    }


def _range(ratio: Ratio) -> tuple[float, float]:
    """Of the speed-up; both ends are the speed-up itself where there is no interval."""
    if ratio.interval is None or ratio.interval.low <= 0:
        return 1 / ratio.ratio, 1 / ratio.ratio
    return 1 / ratio.interval.high, 1 / ratio.interval.low


def _told(line: Line) -> str:
    case = line.summary.case
    return in_plot(f"{model_title(case)} {case.delegate}: {beside_cpu(line.row)}")
