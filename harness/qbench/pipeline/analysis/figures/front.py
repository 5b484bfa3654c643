"""Accuracy over latency of one network's schemes, on every delegate; area: file size."""

from __future__ import annotations

from collections.abc import Sequence

from qbench.pipeline.analysis.figures.canvas import (
    SERIES,
    Chart,
    Figure,
    axis,
    layout,
    log_axis,
    reach,
    text,
    whiskers,
)
from qbench.pipeline.analysis.figures.spots import band_ends
from qbench.pipeline.analysis.front import Spot
from qbench.records import Origin
from qbench.units import format_bytes

_SYMBOLS = {"fp32": "circle", "dynamic": "square", "fp16": "diamond", "int8": "triangle-up"}


def front(name: str, title: str, spots: Sequence[Spot], largest_bytes: int) -> Chart:
    """Colour: where it runs; form: the scheme. Hollow: SIMULATED. Joined by lines, within one
    place: what nothing beats in accuracy, latency and size at once."""
    data: list[dict[str, object]] = []
    places = list(dict.fromkeys(spot.timing.place for spot in spots))
    for number, place in enumerate(places):
        of_it = sorted((s for s in spots if s.timing.place == place), key=lambda s: s.timing.p50_us)
        data.append(_points(place, of_it, SERIES[number % len(SERIES)], largest_bytes))
    for key in dict.fromkeys((s.timing.device, s.timing.origin) for s in spots):
        best = sorted(
            (s for s in spots if s.is_best and (s.timing.device, s.timing.origin) == key),
            key=lambda s: s.timing.p50_us,
        )
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [s.timing.p50_us / 1000 for s in best],
                "y": [_share(s) for s in best],
                "hoverinfo": "skip",
                "showlegend": False,
                "line": {"color": "--soft", "width": 1, "dash": "dash"},
            }
        )
    times = reach([spot.timing.p50_us / 1000 for spot in spots], [band_ends(s) for s in spots])
    shares = [_share(spot) for spot in spots]
    figure: Figure = {
        "data": data,
        "layout": layout(
            showlegend=True,
            xaxis=log_axis("latency, ms (log scale)", times),
            yaxis=axis("accuracy, %", range=[min(shares) - 3, min(max(shares) + 3, 101.5)]),
        ),
    }
    return Chart(name, title, (("", figure),), 440)


def _points(
    place: str, spots: Sequence[Spot], colour: str, largest_bytes: int
) -> dict[str, object]:
    is_simulated = spots[0].timing.origin is Origin.SIMULATED
    times = [s.timing.p50_us / 1000 for s in spots]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": text(place),
        "x": times,
        "y": [_share(s) for s in spots],
        "text": [str(s.grade.subject.precision) if s.is_best else "" for s in spots],
        "textposition": "top center",
        "textfont": {"size": 11, "color": colour},
        "hovertext": [_told(s) for s in spots],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "error_x": whiskers(
            times,
            [band_ends(s) for s in spots],
            color=colour,
        ),
        "marker": {
            "symbol": [
                _SYMBOLS.get(str(s.grade.subject.precision), "cross")
                + ("-open" if is_simulated else "")
                for s in spots
            ],
            "color": colour,
            "size": [7 + 15 * (s.grade.subject.file_bytes / largest_bytes) ** 0.5 for s in spots],
            "line": {"width": 2, "color": colour},
        },
    }


def _share(spot: Spot) -> float:
    return round(100 * (spot.grade.accuracy.ratio or 0), 3)


def _told(spot: Spot) -> str:
    grade, timing = spot.grade, spot.timing
    interval = grade.accuracy.interval
    between = f" ({100 * interval.low:.0f}-{100 * interval.high:.0f})" if interval else ""
    fallback = "<br>the delegate took nothing: it ran on the CPU" if timing.cpu_fallback else ""
    return (
        f"{text(grade.subject.title)}, {format_bytes(grade.subject.file_bytes)}<br>"
        f"{text(timing.place)}: {timing.p50_us / 1000:.3g} ms<br>"
        f"accuracy {_share(spot):.1f} %{between}{fallback}"
    )
