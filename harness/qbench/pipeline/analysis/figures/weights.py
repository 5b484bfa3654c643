"""Histograms of weights: fp32 above, the integers that stand for them below."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.pipeline.analysis.figures.canvas import SCHEMES, Chart, Figure, axis, layout
from qbench.pipeline.analysis.weights import Histogram, LayerWeights


def weights(name: str, title: str, layers: Sequence[LayerWeights]) -> Chart:
    """A menu chooses the layer; the whole model comes first."""
    pages = tuple((f"{layer.name} ({layer.count:,})", _figure(layer)) for layer in layers)
    return Chart(name, title, pages, 460)


def _figure(layer: LayerWeights) -> Figure:
    used = round(255 * layer.used_ratio)
    ends = f"{100 * layer.edge_ratio:.2g} % of the weights<br>stand at -127 or 127"
    return {
        "data": [
            _bars(_middles(layer.fp32), layer.fp32.counts, SCHEMES["fp32"], "x", "y"),
            _bars(list(range(-127, 128)), layer.quantized.counts, SCHEMES["int8"], "x2", "y2"),
        ],
        "layout": layout(
            bargap=0,
            xaxis=axis("fp32 weight", anchor="y"),
            xaxis2=axis(
                "int8 weight",
                anchor="y2",
                range=[-130, 130],
                tickvals=[-127, -96, -64, -32, 0, 32, 64, 96, 127],
            ),
            yaxis=axis("count", domain=[0.6, 1]),
            yaxis2=axis("count", domain=[0, 0.4]),
            annotations=[
                {
                    "text": f"{used} of 255 integers<br>are used; {ends}",
                    "xref": "paper",
                    "yref": "paper",
                    "x": 1,
                    "y": 0.42,
                    "xanchor": "right",
                    "yanchor": "top",
                    "align": "right",
                    "showarrow": False,
                    "font": {"size": 11, "color": "--soft"},
                }
            ],
        ),
    }


def _bars(
    x: Sequence[float], counts: Sequence[int], colour: str, xaxis: str, yaxis: str
) -> dict[str, object]:
    return {
        "type": "bar",
        "x": list(x),
        "y": list(counts),
        "xaxis": xaxis,
        "yaxis": yaxis,
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertemplate": "%{x}: %{y}<extra></extra>",
    }


def _middles(histogram: Histogram) -> list[float]:
    bins = len(histogram.counts)
    width = (histogram.high - histogram.low) / bins
    return [float(f"{histogram.low + (i + 0.5) * width:.6g}") for i in range(bins)]
