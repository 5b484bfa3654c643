"""A load that goes on: latency minute by minute, and from when on another delegate is ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qbench.records import ComputeUnit, Delegate, Failure, Sustained
from qbench.report.html.content import Content, Lasting, Line
from qbench.report.html.figure import COLOURS, Page, draw, legend, section
from qbench.report.html.markup import Html, in_plot, join, tag
from qbench.report.html.table import Cell, Column, Table
from qbench.report.sustained import Ahead, Curve
from qbench.units import format_duration_s, format_ms, printable

_UNITS = {Delegate.CPU: ComputeUnit.CPU, Delegate.GPU: ComputeUnit.GPU}
_DASHES = ("solid", "dash", "dot", "dashdot")


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    told = [one for one in content.lasting if _known(one)]
    if not told:
        return None
    conditions = {f"{_length(o)}, {o.ambient_c:g} °C around it" for o in told}
    plot = draw(
        "plot-sustained",
        "Latency under a load that goes on (SIMULATED)",
        f"Back-to-back invokes on a device that starts at rest ({'; '.join(sorted(conditions))}). "
        "The shaded range is the 90 % band; a vertical line is where another delegate takes the "
        "lead.",
        [_page(one) for one in told],
        what="Simulated median latency for every minute of a load that goes on, by delegate.",
        keys=legend([(unit.value, unit.upper()) for unit in ComputeUnit]),
    )
    words = tag("ul", [tag("li", _in_words(one)) for one in told])
    return section("sustained", "Sustained load", words, plot, _table(told))


def _known(one: Lasting) -> list[tuple[Curve, Sustained]]:
    return [(c, c.outcome) for c in one.curves if isinstance(c.outcome, Sustained)]


def _length(one: Lasting) -> str:
    return format_duration_s(one.duration_s).removesuffix(" 0 s")


def _name(one: Lasting) -> str:
    return printable(f"{one.curves[0].model} on {one.title}")


def _in_words(one: Lasting) -> Html:
    return join(tag("b", _name(one)), ": ", _leads(one.leads), " ", _throttling(one))


def _leads(leads: Sequence[Ahead]) -> str:
    if not leads:
        return "nobody is ahead."
    told = []
    for lead in leads:
        start = "the start" if lead.from_minute == 1 else f"minute {lead.from_minute}"
        doubt = "" if lead.is_certain else ", not for certain: the bands overlap"
        told.append(f"{lead.label} is ahead from {start}{doubt}")
    return "; ".join(told) + "."


def _throttling(one: Lasting) -> str:
    hot = [
        f"{c.label} after {format_duration_s(s.throttles_s)}"
        for c, s in _known(one)
        if s.throttles_s is not None
    ]
    return f"Heat holds the clocks down: {', '.join(hot)}." if hot else "No clock is held down."


def _page(one: Lasting) -> Page:
    traces: list[dict[str, Any]] = []
    for number, (curve, told) in enumerate(_known(one)):
        unit = (
            ComputeUnit.CPU
            if told.cold.cpu_fallback
            else _UNITS.get(curve.delegate, ComputeUnit.NPU)
        )
        colour = COLOURS[unit]
        minutes = [m.minute for m in told.minutes]
        outline = {"color": colour, "width": 0}
        band = {
            "type": "scatter",
            "mode": "lines",
            "x": minutes,
            "line": outline,
            "hoverinfo": "skip",
        }
        traces += [
            band | {"y": [m.high_us / 1000 for m in told.minutes]},
            band
            | {
                "y": [m.low_us / 1000 for m in told.minutes],
                "fill": "tonexty",
                "fillcolor": "--clear",
                "fillpattern": {
                    "shape": "/",
                    "fgcolor": colour,
                    "bgcolor": "--clear",
                    "size": 9,
                    "solidity": 0.08,
                },
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": in_plot(curve.label),
                "x": minutes,
                "y": [m.p50_us / 1000 for m in told.minutes],
                "chip": [m.chip_c for m in told.minutes],
                "line": {"color": colour, "width": 2, "dash": _DASHES[number % len(_DASHES)]},
                "marker": {"color": colour, "size": 5},
                "hovertemplate": "%{fullData.name}, minute %{x}: %{y:.3g} ms<extra></extra>",
            },
        ]
    shapes = [
        {
            "type": "line",
            "x0": lead.from_minute,
            "x1": lead.from_minute,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {
                "color": "--ink-2",
                "width": 1.2,
                "dash": "solid" if lead.is_certain else "dot",
            },
        }
        for lead in one.leads
        if lead.from_minute > 1
    ]
    return Page(
        label=_name(one),
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "minute"}},
            "yaxis": {"title": {"text": "ms per invoke"}, "rangemode": "tozero"},
            "shapes": shapes,
        },
        height_px=360,
        columns=(("delegate", "name"), ("minute", "x"), ("p50 ms", "y"), ("chip °C", "chip")),
    )


def _table(told: Sequence[Lasting]) -> Html:
    columns = (
        Column(head="Model"),
        Column(head="Delegate"),
        Column(head="Cold ms", number=True),
        Column(head="Last minute ms", number=True),
        Column(head="Clocks held down after"),
        Column(
            head="Energy mJ", number=True, explain="of the whole device, per invoke, last minute"
        ),
        Column(head="Tier", explain="how much evidence stands behind the curve"),
    )
    rows: list[list[Cell | str]] = []
    for one in told:
        for curve in one.curves:
            name = printable(f"{curve.model} on {one.device}")
            s = curve.outcome
            if isinstance(s, Failure):
                rows.append([name, curve.label, "-", "-", printable(s.message), "-", "-"])
                continue
            last = s.minutes[-1]
            held = "never" if s.throttles_s is None else format_duration_s(s.throttles_s)
            rows.append(
                [
                    name,
                    curve.label + (" \N{RIGHTWARDS ARROW} CPU" if s.cold.cpu_fallback else ""),
                    Cell(shown=format_ms(s.cold.p50_us), order=s.cold.p50_us),
                    Cell(shown=format_ms(last.p50_us), order=last.p50_us),
                    Cell(shown=held, order=s.throttles_s),
                    f"{last.energy_mj:.3g}",
                    s.tier.value,
                ]
            )
    return Table(
        name="lasting", caption="Cold and hot (SIMULATED)", columns=columns, rows=rows
    ).render()
