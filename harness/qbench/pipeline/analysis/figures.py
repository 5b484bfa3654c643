"""The charts of an analysis, as plotly figures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from qbench.pipeline.analysis.front import Spot
from qbench.pipeline.analysis.noise import Noise
from qbench.pipeline.analysis.points import Cloud
from qbench.pipeline.analysis.weights import LayerWeights
from qbench.records import Origin

_PAPER = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
# Okabe and Ito's, which colour-blind readers can tell apart.
CLASS_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SCHEME_COLOURS = {"fp32": "#555555", "dynamic": "#0072B2", "fp16": "#009E73", "int8": "#D55E00"}
_GRID = "#8884"


def _figure(title: str, height: int = 380) -> Any:
    from plotly import graph_objects  # type: ignore[import-untyped, unused-ignore]

    figure = graph_objects.Figure()
    figure.update_layout(
        title={"text": escape(title), "font": {"size": 15}, "x": 0.02, "xanchor": "left"},
        height=height,
        margin={"l": 56, "r": 16, "t": 48, "b": 52},
        legend={"orientation": "h", "y": -0.22, "x": 0},
        font={"family": "system-ui, sans-serif", "color": "#555"},
        **_PAPER,
    )
    figure.update_xaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    figure.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    return figure


def cloud(one: Cloud, classes: Sequence[str], what: str) -> Any:
    """Dots are right, crosses wrong; a ring: the class changed."""
    figure = _figure(f"{one.subject.title}", height=400)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="the same",
        hoverinfo="skip",
        line={"color": "#888", "width": 1, "dash": "dot"},
        showlegend=False,
    )
    for label, name in enumerate(classes):
        for is_right in (True, False):
            points = [p for p in one.points if (p.label, p.is_right) == (label, is_right)]
            if not points:
                continue
            figure.add_scatter(
                x=[p.x for p in points],
                y=[p.y for p in points],
                mode="markers",
                name=escape(f"{name}, {'right' if is_right else 'wrong'}"),
                text=[escape(Path(p.image).name) for p in points],
                hovertemplate="%{text}<br>fp32 %{x:.4f}<br>quantized %{y:.4f}",
                marker={
                    "color": CLASS_COLOURS[label % len(CLASS_COLOURS)],
                    "symbol": "circle" if is_right else "x",
                    "size": [11 if p.is_flip else 7 for p in points],
                    "opacity": 0.75,
                    "line": {
                        "width": [2 if p.is_flip else 0 for p in points],
                        "color": "#000",
                    },
                },
            )
    figure.update_xaxes(title=f"fp32: {what}", range=[-0.03, 1.03])
    figure.update_yaxes(title=f"{one.subject.precision}: {what}", range=[-0.03, 1.03])
    return figure


def weights(title: str, layers: Sequence[LayerWeights]) -> Any:
    """fp32 above, int8 below, a menu to choose the layer."""
    from plotly.subplots import make_subplots  # type: ignore[import-untyped, unused-ignore]

    figure = make_subplots(rows=2, cols=1, vertical_spacing=0.2)
    figure.update_layout(_figure(title, height=520).layout)
    first = layers[0]
    figure.add_bar(
        x=_middles(first.fp32),
        y=list(first.fp32.counts),
        row=1,
        col=1,
        marker={"color": SCHEME_COLOURS["fp32"]},
        name="fp32",
    )
    figure.add_bar(
        x=list(range(-127, 128)),
        y=list(first.quantized.counts),
        row=2,
        col=1,
        marker={"color": SCHEME_COLOURS["int8"]},
        name="int8",
    )
    figure.update_traces(marker_line_width=0)
    figure.update_xaxes(title="fp32 weight", row=1, col=1)
    figure.update_xaxes(title="int8 weight", range=[-129, 129], row=2, col=1)
    figure.update_yaxes(title="count", gridcolor=_GRID)
    buttons = [
        {
            "label": f"{layer.name} ({layer.count:,})",
            "method": "restyle",
            "args": [
                {
                    "x": [_middles(layer.fp32), list(range(-127, 128))],
                    "y": [list(layer.fp32.counts), list(layer.quantized.counts)],
                },
                [0, 1],
            ],
        }
        for layer in layers
    ]
    menu = {"buttons": buttons, "x": 1, "xanchor": "right", "y": 1.16, "yanchor": "top"}
    figure.update_layout(updatemenus=[menu], bargap=0, showlegend=False)
    return figure


def _middles(histogram: Any) -> list[float]:
    bins = len(histogram.counts)
    width = (histogram.high - histogram.low) / bins
    return [histogram.low + (i + 0.5) * width for i in range(bins)]


def noise(title: str, found: Sequence[tuple[str, Noise]]) -> Any:
    """SQNR of each layer's output, a line per precision; the worst layer is marked."""
    figure = _figure(title, height=460)
    for precision, one in found:
        colour = SCHEME_COLOURS.get(precision, "#888")
        names = [layer.name for layer in one.layers]
        figure.add_scatter(
            x=names,
            y=[layer.sqnr_db for layer in one.layers],
            customdata=[(layer.cosine, layer.before_db, layer.op) for layer in one.layers],
            hovertemplate="%{customdata[2]} %{x}<br>SQNR %{y:.1f} dB<br>"
            "cosine %{customdata[0]:.5f}<br>its input: %{customdata[1]:.1f} dB",
            mode="lines+markers",
            name=precision,
            line={"color": colour},
        )
        worst = one.worst
        figure.add_scatter(
            x=[worst.name],
            y=[worst.sqnr_db],
            mode="markers",
            showlegend=False,
            marker={"size": 15, "color": colour, "symbol": "circle-open", "line": {"width": 3}},
            hovertemplate=f"{escape(precision)}: this layer adds the most noise",
        )
    figure.update_xaxes(tickangle=-60, type="category", automargin=True)
    figure.update_yaxes(title="SQNR, dB (higher is better)")
    figure.update_layout(legend={"y": 1.08, "yanchor": "bottom"}, margin={"t": 80})
    return figure


def front(spots: Sequence[Spot]) -> Any:
    """Accuracy over latency; area: file size. Hollow: simulated. Ringed by a line: the front."""
    figure = _figure("accuracy, latency, size", height=520)
    largest = max(spot.grade.subject.file_bytes for spot in spots)
    for number, place in enumerate(dict.fromkeys(spot.timing.place for spot in spots)):
        of_it = [spot for spot in spots if spot.timing.place == place]
        is_simulated = of_it[0].timing.origin is Origin.SIMULATED
        share = [100 * (spot.grade.accuracy.ratio or 0) for spot in of_it]
        figure.add_scatter(
            x=[spot.timing.p50_us / 1000 for spot in of_it],
            y=share,
            mode="markers",
            name=escape(place),
            text=[escape(_told(spot)) for spot in of_it],
            hovertemplate="%{text}<br>%{x:.3g} ms, %{y:.1f} %",
            error_x=_bars(
                [spot.timing.p50_us / 1000 for spot in of_it],
                [
                    (b.low / 1000, b.high / 1000) if (b := spot.timing.band) else None
                    for spot in of_it
                ],
            ),
            # Accuracy does not depend on where a model runs: its interval is drawn once.
            error_y=_bars(share, [None if is_simulated else _percent(spot) for spot in of_it]),
            marker={
                "symbol": "circle-open" if is_simulated else "circle",
                "color": CLASS_COLOURS[number % len(CLASS_COLOURS)],
                "size": [
                    8 + 28 * (spot.grade.subject.file_bytes / largest) ** 0.5 for spot in of_it
                ],
                "line": {"width": 2},
            },
        )
    best = sorted((s for s in spots if s.is_best), key=lambda s: s.timing.p50_us)
    figure.add_scatter(
        x=[s.timing.p50_us / 1000 for s in best],
        y=[100 * (s.grade.accuracy.ratio or 0) for s in best],
        mode="lines",
        name="nothing is better in all three",
        line={"color": "#888", "width": 1, "dash": "dash"},
    )
    figure.update_xaxes(title="latency, ms (log scale)", type="log")
    figure.update_yaxes(title="accuracy, %")
    return figure


def bars(spots: Sequence[Spot]) -> Any:
    """Inference time per network and scheme, a bar per place; hatched: simulated. An asterisk: a
    delegate was asked for and everything ran on the CPU."""
    figure = _figure("inference time", height=480)
    for number, place in enumerate(dict.fromkeys(spot.timing.place for spot in spots)):
        of_it = [spot for spot in spots if spot.timing.place == place]
        times = [spot.timing.p50_us / 1000 for spot in of_it]
        bands = [spot.timing.band for spot in of_it]
        figure.add_bar(
            x=[
                [spot.grade.subject.network for spot in of_it],
                [str(spot.grade.subject.precision) for spot in of_it],
            ],
            y=times,
            name=escape(place),
            text=["*" if spot.timing.cpu_fallback else "" for spot in of_it],
            textposition="outside",
            hovertext=[escape(_told(spot)) for spot in of_it],
            hovertemplate="%{hovertext}<br>%{y:.3g} ms<extra></extra>",
            error_y=_bars(times, [(b.low / 1000, b.high / 1000) if b else None for b in bands]),
            marker={
                "color": CLASS_COLOURS[number % len(CLASS_COLOURS)],
                "pattern": {
                    "shape": "/" if of_it[0].timing.origin is Origin.SIMULATED else "",
                    "fgopacity": 0.6,
                },
            },
        )
    figure.update_yaxes(title="ms (log scale)", type="log")
    figure.update_layout(barmode="group", legend={"y": 1.02, "yanchor": "bottom"})
    figure.update_layout(margin={"t": 96})
    return figure


def _percent(spot: Spot) -> tuple[float, float] | None:
    interval = spot.grade.accuracy.interval
    return (100 * interval.low, 100 * interval.high) if interval else None


def _told(spot: Spot) -> str:
    size = spot.grade.subject.file_bytes / 1e6
    fallback = " (ran on the CPU)" if spot.timing.cpu_fallback else ""
    return f"{spot.grade.subject.title}, {size:.3g} MB, {spot.timing.place}{fallback}"


def _bars(values: list[float], ends: list[tuple[float, float] | None]) -> dict[str, Any]:
    pairs = list(zip(values, ends, strict=True))
    return {
        "type": "data",
        "array": [end[1] - v if end else 0 for v, end in pairs],
        "arrayminus": [v - end[0] if end else 0 for v, end in pairs],
        "thickness": 1,
        "width": 2,
    }
