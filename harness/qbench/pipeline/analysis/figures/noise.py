"""How like the fp32 layer each quantized one is: SQNR and cosine, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.pipeline.analysis.figures.canvas import SCHEMES, Chart, Figure, axis, layout, text
from qbench.pipeline.analysis.noise import EXACT_DB, Noise

_LEAST = 1e-9  # of 1 - cosine; float32 itself has about that
_NEARLY_EXACT_DB = 100.0  # a point above it would press all others together


def noise(name: str, title: str, found: Sequence[tuple[str, Noise]]) -> Chart:
    """A line per precision; the layer that adds the most noise is ringed. What is equal bit for
    bit has no point, its SQNR is infinite; what nearly is stands above the edge."""
    data: list[Figure] = []
    values = [layer.sqnr_db for _, one in found for layer in one.layers]
    seen = [value for value in values if value < _NEARLY_EXACT_DB] or [0.0, 60.0]
    for precision, one in found:
        data += _lines(precision, one)
    layers = found[0][1].layers
    named = [layer.name.partition(" ")[0] for layer in layers]
    figure: Figure = {
        "data": data,
        "layout": layout(
            showlegend=True,
            hovermode="closest",
            yaxis=axis("SQNR, dB", domain=[0.5, 1], range=[min(0.0, *seen) - 3, max(seen) + 6]),
            yaxis2=axis(
                "1 - cosine", domain=[0, 0.38], type="log", exponentformat="power", dtick=1
            ),
            xaxis=axis("", anchor="y", showticklabels=False, range=[-0.6, len(named) - 0.4]),
            xaxis2=axis(
                "operator, in order of execution",
                anchor="y2",
                matches="x",
                tickvals=list(range(0, len(named), max(1, len(named) // 12))),
                ticktext=[text(n) for n in named[:: max(1, len(named) // 12)]],
            ),
        ),
    }
    cut = sum(value >= _NEARLY_EXACT_DB for value in values)
    note = (
        f"{cut} outputs are above {_NEARLY_EXACT_DB:.0f} dB or exact, and not drawn" if cut else ""
    )
    return Chart(name, title, (("", figure),), 480, note)


def _lines(precision: str, one: Noise) -> list[Figure]:
    colour = SCHEMES.get(precision, "--soft")
    at = list(range(len(one.layers)))
    exact = [layer.sqnr_db >= EXACT_DB for layer in one.layers]
    told = [
        f"{text(layer.op)} {text(layer.name)}<br>{precision}: "
        + ("equal bit for bit" if is_exact else f"SQNR {layer.sqnr_db:.1f} dB")
        + f", cosine {layer.cosine:.6f}<br>its input: "
        + ("exact" if layer.before_db >= EXACT_DB else f"{layer.before_db:.1f} dB")
        for layer, is_exact in zip(one.layers, exact, strict=True)
    ]
    shared: Figure = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": at,
        "text": told,
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": colour, "width": 1.5},
        "marker": {"color": colour, "size": 6},
        "name": precision,
        "legendgroup": precision,
    }
    worst = one.layers.index(one.worst)
    return [
        shared
        | {
            "y": [
                None if is_exact else round(layer.sqnr_db, 3)
                for layer, is_exact in zip(one.layers, exact, strict=True)
            ]
        },
        shared
        | {
            "y": [max(1 - layer.cosine, _LEAST) for layer in one.layers],
            "xaxis": "x2",
            "yaxis": "y2",
            "showlegend": False,
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": [worst],
            "y": [None if exact[worst] else one.worst.sqnr_db],
            "hoverinfo": "skip",
            "showlegend": False,
            "legendgroup": precision,
            "marker": {
                "symbol": "circle-open",
                "size": 16,
                "color": colour,
                "line": {"width": 3},
            },
        },
    ]
