"""A plot as data. The page's script draws it, in the colours of the theme that is on.

A colour is a custom property's name (`--npu`), replaced when it is drawn. Figures of many rows
have several pages of which one is shown; a plot's data can be read as a table as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from qbench.records import ComputeUnit, Origin
from qbench.report.html.content import Line
from qbench.report.html.markup import Html, join, script_data, tag
from qbench.report.html.table import Table

ROWS_PER_PAGE = 36
ROW_PX = 26
_AIR = 0.04  # beside the outermost point, in decades

COLOURS = {
    ComputeUnit.CPU: "--cpu",
    ComputeUnit.GPU: "--gpu",
    ComputeUnit.NPU: "--npu",
    None: "--unknown",
}
SYMBOLS = {
    ComputeUnit.CPU: "circle",
    ComputeUnit.GPU: "square",
    ComputeUnit.NPU: "diamond",
    None: "cross",
}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One drawing. `columns` name what the table beside it shows: (head, key of the trace)."""

    label: str
    traces: Sequence[dict[str, Any]]
    layout: dict[str, Any]
    height_px: int = 320
    columns: Sequence[tuple[str, str]] = ()


def draw(
    name: str,
    title: str,
    caption: Html | str,
    pages: Sequence[Page],
    *,
    what: str,
    keys: Html | None = None,
    choose: str = "Models",
    table: Table | None = None,
) -> Html:
    """`what` says in words what the plot shows, for those who cannot see it; `table` stands in
    for it, else the script makes one of its data."""
    data = [
        {
            "data": page.traces,
            "layout": page.layout,
            "height": page.height_px,
            "columns": page.columns,
        }
        for page in pages
    ]
    chooser = None
    if len(pages) > 1:
        options = [tag("option", page.label, value=n) for n, page in enumerate(pages)]
        chooser = tag(
            "label",
            f"{choose} ",
            tag("select", options, cls="page", id=f"{name}-page"),
            cls="field",
        )
    alternative = tag(
        "details",
        tag("summary", "The same as a table"),
        table.render() if table is not None else tag("div", cls="made"),
        cls="as-table",
    )
    return tag(
        "figure",
        tag("figcaption", tag("h3", title), tag("p", caption)),
        tag("div", chooser, keys, cls="bar") if chooser or keys else None,
        tag(
            "div",
            cls="canvas",
            role="img",
            aria_label=what,
            style=f"min-height:{pages[0].height_px}px",
        ),
        alternative,
        script_data(f"{name}-data", data),
        id=name,
        cls="plot",
    )


def unit_legend(lines: Sequence[Line], *, measured: str = "", simulated: str = "") -> Html:
    """Who ran it, by colour and shape; how it is known, by the keys (classes) named, if drawn."""
    units = {line.unit for line in lines}
    order = [unit for unit in (*ComputeUnit, None) if unit in units]
    keys = [_key(unit or "unknown", "not told" if unit is None else unit.upper()) for unit in order]
    origins = {line.summary.case.origin for line in lines}
    if measured and origins - {Origin.SIMULATED}:
        how = "measured or EMULATED" if Origin.EMULATED in origins else "measured"
        keys.append(_key(measured, f"{how}, 95 % interval"))
    if simulated and Origin.SIMULATED in origins:
        keys.append(_key(simulated, "SIMULATED, 90 % band"))
    return tag("ul", keys, cls="legend")


def legend(keys: Sequence[tuple[str, str]]) -> Html:
    """(class of the key, what it means)."""
    return tag("ul", [_key(kind, words) for kind, words in keys], cls="legend")


def _key(kind: str, words: str) -> Html:
    return tag("li", tag("i", cls=f"key {kind}", aria_hidden="true"), words)


def rows_axis(labels: Sequence[str], heads: Sequence[tuple[float, str]]) -> dict[str, Any]:
    """A y axis of named rows, the first on top, and headings between them as annotations."""
    return {
        "yaxis": {
            "tickmode": "array",
            "tickvals": [n for n, label in enumerate(labels) if label],
            "ticktext": [label for label in labels if label],
            "range": [len(labels) - 0.4, -0.6],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "annotations": [
            {
                "text": f"<b>{text}</b>",
                "x": 0,
                "y": y,
                "xref": "paper",
                "yref": "y",
                "xanchor": "left",
                "yanchor": "middle",
                "showarrow": False,
                "bgcolor": "--paper",  # a line at the axis would go through it
                "font": {"color": "--ink"},
            }
            for y, text in heads
        ],
    }


def texts(values: Sequence[str]) -> dict[str, Any]:
    """Texts of which many are alike, as the script unpacks them: each once, and who has which."""
    places: dict[str, int] = {}
    return {"of": [places.setdefault(value, len(places)) for value in values], "in": list(places)}


def log_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis with ticks at 1, 2 and 5 times powers of ten, written in full."""
    low, high = min(values), max(values)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [digit * 10.0**power for power in range(first, last + 1) for digit in (1, 2, 5)]
    return {
        "type": "log",
        "title": {"text": title},
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
        "range": [math.log10(low) - _AIR, math.log10(high) + _AIR],
    }


def section(name: str, title: str, *parts: Html | str | None) -> Html:
    return tag("section", tag("h2", title), join(*parts), id=name, aria_label=title)
