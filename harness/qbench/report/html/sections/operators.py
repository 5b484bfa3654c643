"""Where the time goes, operator by operator, and what bounds it. Always SIMULATED."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qbench.report.html.content import Content, Foreseen, Line
from qbench.report.html.figure import Page, draw, legend, section
from qbench.report.html.markup import Html, in_plot
from qbench.report.html.table import Cell, Column, Table
from qbench.report.simulation import Line as Kernel
from qbench.report.simulation import name_of
from qbench.units import format_count, format_ms, printable

_BOUND = {
    "compute": ("--compute", "compute: the arithmetic takes longest"),
    "memory": ("--memory", "memory: bytes to and from memory take longest"),
    "overhead": ("--overhead", "overhead: the launch of the kernel takes longest"),
    "segment": ("--segment", "segment: handing a piece of the graph to its unit, and waiting"),
    "transfer": ("--transfer", "transfer: bytes to and from another unit"),
}


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    told = [f for f in content.foreseen if f.answer.kernels]
    if not told:
        return None
    plot = draw(
        "plot-operators",
        "Time per operator (SIMULATED)",
        "Each bar is a kernel, in the order of execution; operators that run as one are one bar.",
        [_page(f) for f in told],
        what="Simulated time of every kernel, coloured by what bounds it.",
        keys=legend([(kind, words) for kind, (_, words) in _BOUND.items()]),
        choose="Model and delegate",
    )
    return section("operators", "Operators", plot, _totals(told))


def _label(f: Foreseen) -> str:
    a = f.answer
    return printable(f"{a.model} {a.delegate} \N{MULTIPLICATION SIGN}{a.threads} on {f.device}")


def _page(f: Foreseen) -> Page:
    traces: list[dict[str, Any]] = []
    for kind, (colour, _) in _BOUND.items():
        mine = [(n, k) for n, k in enumerate(f.answer.kernels) if k.bound_by == kind]
        if mine:
            traces.append(
                {
                    "type": "bar",
                    "name": kind,
                    "x": [n for n, _ in mine],
                    "y": [round(k.time_us, 1) for _, k in mine],
                    "text": [in_plot(_named(k)) for _, k in mine],
                    "where": [k.unit.upper() for _, k in mine],
                    "macs": [k.macs or None for _, k in mine],
                    "textposition": "none",
                    "hovertemplate": "%{text}: %{y:.1f} \N{MICRO SIGN}s<extra></extra>",
                    "marker": {"color": colour},
                }
            )
    return Page(
        label=_label(f),
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "order of execution"}, "showgrid": False},
            "yaxis": {"title": {"text": "\N{MICRO SIGN}s"}, "rangemode": "tozero"},
            "barmode": "overlay",
            "bargap": 0.15,
        },
        height_px=300,
        columns=(
            ("order", "x"),
            ("operators", "text"),
            ("on", "where"),
            ("\N{MICRO SIGN}s", "y"),
            ("MACs", "macs"),
            ("bound by", "name"),
        ),
    )


def _named(kernel: Kernel) -> str:
    names = list(dict.fromkeys(kernel.names)) or [name_of(kernel)]
    ops = f"#{kernel.ops[0]}" if kernel.ops else ""
    macs = f", {format_count(kernel.macs)} MACs" if kernel.macs else ""
    return f"{ops} {'+'.join(names)} ({kernel.executor} {kernel.dtype}{macs})".strip()


def _totals(told: Sequence[Foreseen]) -> Html:
    columns = (
        Column(head="Model and delegate"),
        Column(head="p50 ms", number=True),
        *(Column(head=f"{kind} %", number=True) for kind in _BOUND),
        Column(head="Longest kernel"),
    )
    rows: list[list[Cell | str]] = []
    for f in told:
        shares = f.answer.bound_by_us
        total_us = sum(shares.values())
        longest = max(f.answer.kernels, key=lambda k: k.time_us)
        rows.append(
            [
                _label(f),
                Cell(shown=format_ms(total_us), order=round(total_us)),
                *(
                    f"{shares.get(kind, 0.0) / total_us * 100:.0f}" if total_us else "-"
                    for kind in _BOUND
                ),
                printable(f"{_named(longest)}, {longest.time_us / total_us:.0%}")
                if total_us
                else "-",
            ]
        )
    return Table(
        name="bounds", caption="What bounds the time (SIMULATED)", columns=columns, rows=rows
    ).render()
