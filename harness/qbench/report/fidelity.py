"""How good predictions were, for a terminal and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

import msgspec

from qbench.stats.fidelity import Fidelity, Point
from qbench.units import format_ms, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SCHEMA_VERSION = 1
"""Of the JSON object. History: 1 = first."""

_WORST = 5


def render_json(groups: Sequence[Fidelity]) -> str:
    body = {"schema_version": SCHEMA_VERSION, "groups": groups}
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def print_fidelity(console: Console, groups: Sequence[Fidelity]) -> None:
    """One line per unit and group, the worst points, and what was not predicted and why."""
    console.print(_table(groups))
    for line in (*_legend(groups), "", *_worst(groups), *_missing(groups)):
        console.print(line, markup=False, soft_wrap=True)


def render_plot(groups: Sequence[Fidelity]) -> str:
    """A page with predicted over measured latency of every point, its band as a bar; the diagonal
    is a perfect prediction. Complete in itself: it loads nothing."""
    from plotly import graph_objects  # type: ignore[import-untyped]

    chart = graph_objects.Figure()
    for g in groups:
        if g.runtime is None or not g.points:
            continue
        chart.add_scatter(
            x=[p.measured_us / 1000 for p in g.points],
            y=[p.predicted_us / 1000 for p in g.points],
            error_y={
                "array": [(p.high_us - p.predicted_us) / 1000 for p in g.points],
                "arrayminus": [(p.predicted_us - p.low_us) / 1000 for p in g.points],
                "thickness": 1,
            },
            text=[escape(_told(p)) for p in g.points],
            mode="markers",
            name=escape(f"{g.unit} {g.dtype} {g.device}"),
        )
    everything = [p for g in groups if g.runtime is None for p in g.points]
    if everything:
        ends = [
            min(min(p.measured_us, p.predicted_us) for p in everything) / 1000,
            max(max(p.measured_us, p.predicted_us) for p in everything) / 1000,
        ]
        chart.add_scatter(x=ends, y=ends, mode="lines", name="as measured", line={"width": 1})
    chart.update_xaxes(type="log", title="measured, ms")
    chart.update_yaxes(type="log", title="SIMULATED, ms, with the 90 % band")
    page: str = chart.to_html(include_plotlyjs=True)
    return page


_COLUMNS = (
    *("n", "MAPE", "median", "worst", "<=10%", "<=20%", "in band", "rank r", "FLOPs", "roofline"),
)


def _table(groups: Iterable[Fidelity]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 0))
    table.add_column("unit, group", overflow="fold", min_width=14)
    for head in _COLUMNS:
        table.add_column(f" {head}", justify="right", no_wrap=True)
    for g in groups:
        is_unit = g.runtime is None
        name = g.unit.upper() if is_unit else f"{g.unit} {g.dtype} {g.device}: {g.runtime}"
        shares = (g.mape_ratio, g.median_ratio, g.worst_ratio, g.within_10_ratio)
        cells = [str(g.n), *map(_percent, (*shares, g.within_20_ratio, g.coverage_ratio))]
        cells.append("-" if g.spearman is None else f"{g.spearman:.2f}")
        cells += map(_percent, (g.flops_only_mape_ratio, g.roofline_only_mape_ratio))
        style = "bold" if is_unit else ""
        table.add_row(*(Text(printable(c), style=style) for c in (name, *cells)))
    return table


def _percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio * 100:.0f}%"


def _legend(groups: Sequence[Fidelity]) -> list[str]:
    tiers = sorted({t for g in groups for t in g.tiers})
    return [
        "MAPE, median, worst: error relative to the measured latency; in band: share of measured",
        "latencies inside the predicted 90 % band; rank r: Spearman; FLOPs, roofline: MAPE of one",
        "factor on MACs, on the data sheet's roofline, the best on the other models. "
        f"Tiers: {', '.join(tiers) or 'none'}",
    ]


def _worst(groups: Sequence[Fidelity]) -> list[str]:
    lines = []
    for g in groups:
        if g.runtime is None and g.points:
            lines.append(f"{g.unit.upper()}, furthest off:")
            lines += [f"  {_told(p)}" for p in g.points[:_WORST]]
    return lines


def _told(p: Point) -> str:
    threads = f" x{p.threads}" if p.threads else ""
    return printable(
        f"{p.predicted_us / p.measured_us:.2f} of measured: {p.model} {p.dtype}{threads}, "
        f"{format_ms(p.predicted_us)} for {format_ms(p.measured_us)} ms "
        f"({format_ms(p.low_us)}-{format_ms(p.high_us)}), {p.device}"
    )


def _missing(groups: Sequence[Fidelity]) -> list[str]:
    """One line per reason with the models it is true of."""
    said: dict[str, Counter[str]] = {}
    for g in groups:
        for m in g.not_predicted:
            said.setdefault(f"{g.unit.upper()}, not predicted: {m.reason}", Counter())[m.model] += 1
    return [
        printable(f"{reason}: {', '.join(f'{m} x{n}' if n > 1 else m for m, n in models.items())}")
        for reason, models in said.items()
    ]
