"""Inference time per network and scheme, a bar per place, as in the case study."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.pipeline.analysis.figures.canvas import (
    SERIES,
    Chart,
    Figure,
    axis,
    layout,
    reach,
    text,
    whiskers,
)
from qbench.pipeline.analysis.figures.spots import band_ends
from qbench.pipeline.analysis.front import Spot
from qbench.records import Origin


def times(name: str, title: str, spots: Sequence[Spot]) -> Chart:
    """Bars begin at 0, so that lengths can be compared. Hatched: SIMULATED. An asterisk: a delegate
    was asked for and everything ran on the CPU."""
    data: list[dict[str, object]] = []
    for number, place in enumerate(dict.fromkeys(spot.timing.place for spot in spots)):
        of_it = [spot for spot in spots if spot.timing.place == place]
        data.append(_bars(place, of_it, SERIES[number % len(SERIES)]))
    highest = reach([spot.timing.p50_us / 1000 for spot in spots], [band_ends(s) for s in spots])
    figure: Figure = {
        "data": data,
        "layout": layout(
            showlegend=True,
            barmode="group",
            bargap=0.18,
            bargroupgap=0.06,
            xaxis=axis("", type="category"),
            yaxis=axis("ms", range=[0, 1.08 * max(highest)]),
        ),
    }
    return Chart(name, title, (("", figure),), 420)


def _bars(place: str, spots: Sequence[Spot], colour: str) -> dict[str, object]:
    is_simulated = spots[0].timing.origin is Origin.SIMULATED
    times = [spot.timing.p50_us / 1000 for spot in spots]
    ends = [band_ends(spot) for spot in spots]
    return {
        "type": "bar",
        "name": text(place),
        "x": [str(spot.grade.subject.precision) for spot in spots],
        "y": times,
        "text": ["*" if spot.timing.cpu_fallback else "" for spot in spots],
        "textposition": "outside",
        "textangle": 0,
        "textfont": {"size": 15, "color": "--ink"},
        "cliponaxis": False,
        "hovertext": [
            text(place)
            + (": the delegate took nothing, it ran on the CPU" if s.timing.cpu_fallback else "")
            for s in spots
        ],
        "hovertemplate": "%{x}, %{hovertext}<br>%{y:.3g} ms<extra></extra>",
        "error_y": whiskers(times, ends),
        "marker": {
            "color": colour,
            "line": {"width": 1, "color": colour},
            "pattern": {
                "shape": "/" if is_simulated else "",
                "fillmode": "replace",
                "fgcolor": colour,
                "bgcolor": "--card",
                "size": 6,
            },
        },
    }
