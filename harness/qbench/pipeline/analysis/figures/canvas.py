"""What all charts have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec

from qbench.units import printable

Figure = dict[str, Any]
"""`data` and `layout`, as plotly.js takes them."""

# page.css has them for both themes. Okabe and Ito's, which colour-blind readers can tell apart.
SERIES = tuple(f"--c{number}" for number in range(6))
SCHEMES = {"fp32": "--fp32", "dynamic": "--c0", "fp16": "--c2", "int8": "--c1"}


class Chart(msgspec.Struct, frozen=True):
    """`name` is that of a PNG file, too. `pages`: figures of which a menu shows one, the first
    first; without a menu there is one. `note` is said below."""

    name: str
    title: str
    pages: tuple[tuple[str, Figure], ...]
    height_px: int
    note: str = ""


def text(value: str) -> str:
    """Untrusted text inside a figure: plotly reads a subset of HTML in names, labels and hover
    texts, and `%{` as the name of a variable."""
    return escape(printable(value), quote=False).replace("%{", "%&#123;")


def layout(**more: Any) -> dict[str, Any]:
    return {
        "autosize": True,
        "margin": {"l": 58, "r": 14, "t": 14, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "--ink"},
        "hoverlabel": {
            "bgcolor": "--card",
            "bordercolor": "--line",
            "font": {"color": "--ink"},
            "align": "left",
        },
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "showlegend": False,
    } | more


def axis(title: str, **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 8, "font": {"color": "--soft", "size": 12}},
        "gridcolor": "--line",
        "zerolinecolor": "--line",
        "linecolor": "--line",
        "tickfont": {"color": "--soft", "size": 11},
        "automargin": True,
    } | more


def log_axis(title: str, values: Sequence[float], **more: Any) -> dict[str, Any]:
    """Ticks at 1, 2 and 5 of each decade that `values` reach into; plotly's own leave the decade
    out."""
    low, high = min(values), max(values)
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    return axis(
        title,
        type="log",
        tickvals=ticks,
        ticktext=[f"{tick:.10g}" for tick in ticks],
        range=[math.log10(low / 1.25), math.log10(high * 1.25)],
        **more,
    )


def reach(values: Sequence[float], ends: Sequence[tuple[float, float] | None]) -> list[float]:
    """What an axis has to show: all values, and of their intervals as much as leaves the values
    apart. Of few repetitions an interval may be a hundred times wider than all values."""
    found = list(values)
    for value, end in zip(values, ends, strict=True):
        if end is not None:
            found += [max(end[0], value / 3), min(end[1], 3 * value)]
    return found


def whiskers(
    values: Sequence[float], ends: Sequence[tuple[float, float] | None], **more: Any
) -> dict[str, Any]:
    pairs = list(zip(values, ends, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [end[1] - value if end else 0 for value, end in pairs],
        "arrayminus": [value - end[0] if end else 0 for value, end in pairs],
        "thickness": 1,
        "width": 3,
        "color": "--soft",
    } | more
