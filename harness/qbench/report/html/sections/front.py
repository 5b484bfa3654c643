"""Accuracy against latency and size: which models are worth having at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qbench.report.html.content import Content, Line
from qbench.report.html.figure import COLOURS, SYMBOLS, Page, draw, section
from qbench.report.html.markup import Html, in_plot, tag
from qbench.report.html.rowplot import model_title
from qbench.report.html.words import latency

_LEAST_BUBBLE_PX, _BUBBLE_PX = 8, 34


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
        f"{metric.metric} on {metric.dataset} ({metric.samples} inputs). "
        + ("The larger the mark, the larger the file. " if sizes else "")
        + "Whatever is not on the line is beaten by something on it in both respects.",
        [
            Page(
                label=f"{device} ({origin})",
                traces=_traces(members, {k: a.ratio for k, a in accuracy.items()}, sizes),
                layout={
                    "xaxis": {"title": {"text": "ms per invoke"}, "rangemode": "tozero"},
                    "yaxis": {"title": {"text": f"{metric.metric}, %"}},
                },
                height_px=380,
                columns=(("case", "text"), ("p50 ms", "x"), (f"{metric.metric} %", "y")),
            )
            for (device, origin), members in groups.items()
        ],
        what="Accuracy against latency of every case, and the front of those that nothing beats.",
        choose="Device",
    )
    return section("front", "Accuracy, latency and size", plot)


def _traces(
    lines: Sequence[Line], accuracy: dict[str, float], sizes: dict[str, int]
) -> list[dict[str, Any]]:
    points = [
        ((line.summary.p50_us or 0) / 1000, accuracy[line.summary.case.model_sha256] * 100, line)
        for line in lines
    ]
    best = front([(x, y) for x, y, _ in points])
    largest = max(sizes.values(), default=1)

    def size_px(line: Line) -> float:
        share = sizes.get(line.summary.case.model_sha256, 0) / largest
        return round(_LEAST_BUBBLE_PX + _BUBBLE_PX * math.sqrt(share), 1)

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
                "size": [size_px(line) for _, _, line in points],
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
