"""Where models run how fast, and which nothing beats."""

from __future__ import annotations

from qbench.pipeline.analysis import charts, markup
from qbench.pipeline.analysis.examination import Examination
from qbench.records import Origin
from qbench.units import format_ms


def front(of: Examination, numbered: markup.Numbered) -> str:
    if not of.spots:
        return ""
    return (
        "<p>Up is more accurate, left is faster; the area is the file's size. Circles fp32, "
        "squares dynamic, diamonds fp16, triangles int8. Named and joined: what nothing beats in "
        "all three at once on the same device. Accuracies have intervals of several points (see "
        "above): a small step up or down is no difference yet. "
        f"{markup.text(_origins(of))}</p>"
        + markup.charts(numbered, charts.FRONT, is_wide=False)
        + _fastest(of)
    )


def _origins(of: Examination) -> str:
    is_rough = any(s.timing.origin is Origin.HOST and s.timing.band is None for s in of.spots)
    words = {
        Origin.SIMULATED: "Hollow points are SIMULATED: computed from the device's profile, not "
        "measured; their bars are the 90 % band.",
        Origin.HOST: "HOST points are of this machine, and no phone"
        + (", timed while the evaluation ran: no benchmark." if is_rough else "."),
        Origin.EMULATED: "EMULATED points are of a virtual device on this machine.",
    }
    found = dict.fromkeys(s.timing.origin for s in of.spots)
    return " ".join(words[origin] for origin in found if origin in words)


def _fastest(of: Examination) -> str:
    """Of each network, within each device and origin: a host's number beats no phone's."""
    rows = []
    for network in dict.fromkeys(s.grade.subject.network for s in of.spots):
        mine = [s for s in of.spots if s.grade.subject.network == network]
        for key in dict.fromkeys((s.timing.device, s.timing.origin) for s in mine):
            spots = [s for s in mine if (s.timing.device, s.timing.origin) == key]
            best = min(spots, key=lambda s: s.timing.p50_us)
            band = best.timing.band
            between = f" ({band.low / 1000:.3g}-{band.high / 1000:.3g})" if band else ""
            rows.append(
                (
                    network,
                    f"{key[0]} {key[1].value.upper()}",
                    f"{best.grade.subject.precision} on {best.timing.delegate}",
                    f"{format_ms(best.timing.p50_us)} ms{between}",
                )
            )
    return "<h3>Fastest, within one device</h3>" + markup.table(
        ("network", "device", "by", "latency"), rows, words=(1, 2)
    )


def times(of: Examination, numbered: markup.Numbered) -> str:
    if not of.spots:
        return ""
    return (
        "<p>Hatched bars are SIMULATED, their whiskers the 90 % band; whiskers of measured bars "
        "are 95 % intervals, and may leave the chart. An asterisk: the delegate took nothing, and "
        "the CPU ran it all. A bar that is missing: the delegate does not run such a model.</p>"
        + markup.charts(numbered, charts.TIMES, is_wide=False)
        + _milliseconds(of)
    )


def _milliseconds(of: Examination) -> str:
    places = list(dict.fromkeys(spot.timing.place for spot in of.spots))
    rows: dict[str, dict[str, str]] = {}
    for spot in of.spots:
        timing = spot.timing
        told = format_ms(timing.p50_us) + ("*" if timing.cpu_fallback else "")
        if timing.band is not None:
            told += f" ({timing.band.low / 1000:.3g}-{timing.band.high / 1000:.3g})"
        rows.setdefault(spot.grade.subject.title, {})[timing.place] = told
    cells = [[title, *(its.get(place, "-") for place in places)] for title, its in rows.items()]
    return "<h3>In ms</h3>" + markup.table(["model", *places], cells)
