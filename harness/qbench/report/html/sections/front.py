"""Accuracy against latency and size: which models are worth having at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qbench.report.html.content import Accuracy, Content, Line
from qbench.report.html.figure import COLOURS, SYMBOLS, Page, draw, section, unit_legend
from qbench.report.html.markup import Html, in_plot, tag
from qbench.report.html.rowplot import model_title, row_label
from qbench.report.html.words import latency

_LEAST_BUBBLE_PX, _BUBBLE_PX = 8, 34


class _Point(NamedTuple):
    """Latency in ms, accuracy in %."""

    x: float
    y: float
    line: Line


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    accuracy = {a.model_sha256: a for a in content.accuracies}
    sizes = {m.sha256: m.file_bytes for m in content.models}
    known = [line for line in lines if line.summary.p50_us is not None]
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in known:
        case = line.summary.case
        if case.model_sha256 in accuracy:
            groups.setdefault((case.device, case.origin.value), []).append(line)
    if not groups:
        text = "No accuracy is recorded for these models, so there is no front to draw."
        return section("front", "Accuracy, latency and size", tag("p", text, cls="absent"))
    metric = next(iter(accuracy.values()))
    plot = draw(
        "plot-front",
        "Accuracy over latency",
        f"{metric.metric.capitalize()} on {metric.dataset} ({metric.samples} inputs). "
        + ("The larger the mark, the larger the file. " if sizes else "")
        + "Whatever is not on the line is beaten by something on it in both respects.",
        [
            Page(
                label=f"{device} ({origin})",
                traces=_traces(_points(members, accuracy), sizes),
                layout={
                    "annotations": _names(_points(members, accuracy), sizes),
                    "xaxis": {"title": {"text": "ms per invoke"}, "rangemode": "tozero"},
                    "yaxis": {"title": {"text": f"{metric.metric}, %"}},
                },
                height_px=380,
                columns=(("case", "text"), ("p50 ms", "x"), (f"{metric.metric} %", "y")),
            )
            for (device, origin), members in groups.items()
        ],
        what="Accuracy against latency of every case, and the front of those that nothing beats.",
        keys=unit_legend([line for members in groups.values() for line in members]),
        choose="Device",
    )
    return section("front", "Accuracy, latency and size", plot)


def _points(lines: Sequence[Line], accuracy: Mapping[str, Accuracy]) -> list[_Point]:
    return [
        _Point(
            (line.summary.p50_us or 0) / 1000,
            accuracy[line.summary.case.model_sha256].ratio * 100,
            line,
        )
        for line in lines
    ]


def _size_px(line: Line, sizes: Mapping[str, int]) -> float:
    share = sizes.get(line.summary.case.model_sha256, 0) / max(sizes.values(), default=1)
    return round(_LEAST_BUBBLE_PX + _BUBBLE_PX * math.sqrt(share), 1)


def _names(points: Sequence[_Point], sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    """Of what is on the front, below its mark: beside it stand other delegates' marks, which are as
    accurate. Towards the middle of the plot."""
    best = set(front([(x, y) for x, y, _ in points]))
    middle = max((x for x, _, _ in points), default=0) / 2
    return [
        {
            "text": in_plot(f"{model_title(line.summary.case)} {row_label(line)}"),
            "x": x,
            "y": round(y, 3),
            "xanchor": "left" if x <= middle else "right",
            "xshift": (-1 if x <= middle else 1) * _size_px(line, sizes) / 2,
            "yanchor": "top",
            "yshift": -0.65 * _size_px(line, sizes),  # a diamond is higher than its size
            "showarrow": False,
            "font": {"color": "--ink", "size": 11},
        }
        for x, y, line in points
        if (x, y) in best
    ]


def _traces(points: Sequence[_Point], sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    best = front([(x, y) for x, y, _ in points])
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [x for x, _ in best],
            "y": [y for _, y in best],
            "line": {"color": "--ink-2", "width": 1.5, "dash": "dot", "shape": "hv"},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": [x for x, _, _ in points],
            "y": [round(y, 3) for _, y, _ in points],
            "text": [_told(line) for _, _, line in points],
            "hovertemplate": "%{text}, %{y:.2f} %<extra></extra>",
            "marker": {
                "color": [COLOURS[line.unit] for _, _, line in points],
                "symbol": [SYMBOLS[line.unit] for _, _, line in points],
                "size": [_size_px(line, sizes) for _, _, line in points],
                "opacity": 0.8,
            },
        },
    ]


def _told(line: Line) -> str:
    case = line.summary.case
    return in_plot(f"{model_title(case)} {case.delegate}: {latency(line.summary)}")


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other beats in both (x lower, y higher), by x."""
    best: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda p: (p[0], -p[1])):
        if not best or y > best[-1][1]:
            best.append((x, y))
    return best
