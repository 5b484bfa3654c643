"""Confidence of a quantized model over that of the fp32 model, a point per image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qbench.pipeline.analysis.figures.canvas import SERIES, Chart, axis, layout, text
from qbench.pipeline.analysis.points import Cloud, Point


def cloud(name: str, one: Cloud, classes: Sequence[str], positive: str | None) -> Chart:
    """Colour: the true class. Dots are right, crosses wrong; a ring: another class is told than by
    fp32, which with two classes is a point beyond one of the lines at a half."""
    what = f"probability of {positive}" if positive else "probability of the true class"
    data = [_line([0, 1], [0, 1], "dot")]
    if positive:
        data += [_line([0.5, 0.5], [0, 1], "solid"), _line([0, 1], [0.5, 0.5], "solid")]
    for label, title in enumerate(classes):
        for is_right in (True, False):
            points = [p for p in one.points if (p.label, p.is_right) == (label, is_right)]
            if points:
                data.append(_points(points, label, title, is_right))
    flips = [p for p in one.points if p.is_flip]
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [p.x for p in flips],
            "y": [p.y for p in flips],
            "hoverinfo": "skip",
            "name": "tells another class than fp32",
            "showlegend": bool(flips),
            "marker": {"symbol": "circle-open", "size": 15, "color": "--ink", "line": {"width": 2}},
        }
    )
    figure = {
        "data": data,
        "layout": layout(
            xaxis=axis(f"fp32: {text(what)}", range=[-0.04, 1.04], dtick=0.25, constrain="domain"),
            yaxis=axis(
                f"{one.subject.precision}: {text(what)}",
                range=[-0.04, 1.04],
                dtick=0.25,
                scaleanchor="x",
                constrain="domain",
            ),
        ),
    }
    note = (
        f"mean shift {one.shift:+.4f}, spread {one.spread:.4f}, largest {one.largest:.4f}; "
        f"{one.flips} of {len(one.points)} answers change"
    )
    return Chart(name, one.subject.title, (("", figure),), 350, note)


def _line(x: list[float], y: list[float], dash: str) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "hoverinfo": "skip",
        "showlegend": False,
        "line": {"color": "--soft" if dash == "dot" else "--line", "width": 1, "dash": dash},
    }


def _points(points: list[Point], label: int, title: str, is_right: bool) -> dict[str, object]:
    said = f"{title}, {'right' if is_right else 'wrong'}"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(said),
        "x": [round(p.x, 5) for p in points],
        "y": [round(p.y, 5) for p in points],
        "text": [text(f"{Path(p.image).name}: {said}") for p in points],
        "hovertemplate": "%{text}<br>fp32 %{x:.4f}<br>quantized %{y:.4f}<extra></extra>",
        "marker": {
            "color": SERIES[label % len(SERIES)],
            "symbol": "circle" if is_right else "x",
            "size": 8,
            "opacity": 0.75,
        },
    }
