"""Simulated beside measured: is the band right?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qbench.records import Case, ComputeUnit, Origin, Summary
from qbench.report.html.content import Content, Line
from qbench.report.html.figure import COLOURS, SYMBOLS, Page, draw, log_axis, section
from qbench.report.html.markup import Html, in_plot, tag
from qbench.report.html.rowplot import model_title
from qbench.report.html.table import Cell, Column, Table
from qbench.report.html.words import many
from qbench.units import format_ms


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    pairs = _pairs(lines)
    if not pairs:
        if not any(line.summary.tier is not None for line in lines):
            return None
        text = (
            "Nothing here was both simulated and measured on a device, so the simulation is not "
            "checked by this report. qbench fidelity grades it against published latencies."
        )
        return section("agreement", "Simulated against measured", tag("p", text, cls="absent"))
    inside = sum(_is_inside(simulated, measured) for simulated, measured in pairs)
    plot = draw(
        "plot-agreement",
        "Simulated over measured",
        f"{inside} of {many(len(pairs), 'case')} measured inside the simulated 90 % band. On the "
        "line, the simulation is exact.",
        [_page(pairs)],
        what="Simulated over measured latency with the simulated band, and the line of equality.",
        table=_table(pairs),
    )
    return section("agreement", "Simulated against measured", plot)


def _pairs(lines: Sequence[Line]) -> list[tuple[Line, Line]]:
    """(simulated, measured on a device). A virtual device simulates its own GPU and NPU: to compare
    with it would be to compare the simulator with itself."""
    known = [line for line in lines if line.summary.p50_us is not None]
    simulated = {
        _same(line.summary.case): line
        for line in known
        if line.summary.case.origin is Origin.SIMULATED and line.summary.interval is not None
    }
    return [
        (simulated[key], line)
        for line in known
        if line.summary.case.origin is Origin.DEVICE
        and (key := _same(line.summary.case)) in simulated
    ]


def _same(case: Case) -> tuple[str, str, str, int, bool]:
    return (case.model_sha256, case.device, case.delegate, case.threads, case.xnnpack)


def _is_inside(simulated: Line, measured: Line) -> bool:
    band = simulated.summary.interval
    return band is not None and band.low <= (measured.summary.p50_us or 0) <= band.high


def _page(pairs: Sequence[tuple[Line, Line]]) -> Page:
    groups: dict[ComputeUnit | None, list[tuple[Summary, Summary]]] = {}
    everything = []
    for simulated, measured in pairs:
        s, m = simulated.summary, measured.summary
        assert s.interval is not None
        everything += [s.interval.low / 1000, s.interval.high / 1000, (m.p50_us or 0) / 1000]
        groups.setdefault(measured.unit, []).append((s, m))
    traces = [_trace(unit, members) for unit, members in groups.items()]
    ends = [min(everything), max(everything)]
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "x": ends,
            "y": ends,
            "line": {"color": "--ink-2", "width": 1, "dash": "dot"},
            "hoverinfo": "skip",
        }
    )
    return Page(
        label="all",
        traces=traces,
        layout={
            "xaxis": log_axis("measured, ms", everything),
            "yaxis": log_axis("SIMULATED, ms", everything),
        },
        height_px=420,
    )


def _trace(unit: ComputeUnit | None, members: Sequence[tuple[Summary, Summary]]) -> dict[str, Any]:
    spans = [(s.p50_us or 0, s.interval) for s, _ in members]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [(m.p50_us or 0) / 1000 for _, m in members],
        "y": [(s.p50_us or 0) / 1000 for s, _ in members],
        "text": [in_plot(f"{model_title(m.case)} {m.case.delegate}") for _, m in members],
        "hovertemplate": "%{text}: %{y:.3g} ms, measured %{x:.3g} ms<extra></extra>",
        "marker": {
            "symbol": SYMBOLS[unit],
            "size": 9,
            "color": "--paper",
            "line": {"color": COLOURS[unit], "width": 2},
        },
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [(span.high - us) / 1000 for us, span in spans if span is not None],
            "arrayminus": [(us - span.low) / 1000 for us, span in spans if span is not None],
            "color": COLOURS[unit],
            "thickness": 1.2,
            "width": 4,
        },
    }


def _table(pairs: Sequence[tuple[Line, Line]]) -> Table:
    columns = (
        Column(head="Case"),
        Column(head="Measured ms", number=True),
        Column(head="Simulated ms", number=True),
        Column(head="Band ms", number=True),
        Column(head="Ratio", number=True, explain="simulated over measured"),
        Column(head="In the band"),
    )
    rows: list[list[Cell | str]] = []
    for simulated, measured in pairs:
        s, m = simulated.summary, measured.summary
        assert s.p50_us is not None
        assert m.p50_us is not None
        assert s.interval is not None
        low, high = format_ms(s.interval.low), format_ms(s.interval.high)
        rows.append(
            [
                Cell(
                    shown=tag(
                        "a", f"{model_title(m.case)} {m.case.delegate}", href=f"#{measured.anchor}"
                    )
                ),
                Cell(shown=format_ms(m.p50_us), order=m.p50_us),
                Cell(shown=format_ms(s.p50_us), order=s.p50_us),
                Cell(shown=f"{low}\N{EN DASH}{high}", order=round(s.interval.low)),
                f"{s.p50_us / m.p50_us:.2f}",
                "yes" if _is_inside(simulated, measured) else "no",
            ]
        )
    return Table(name="pairs", caption="Simulated and measured", columns=columns, rows=rows)
