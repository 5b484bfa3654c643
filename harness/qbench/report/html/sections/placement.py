"""Which operators ran where, and why the delegate did not take the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from qbench.records import ComputeUnit, Delegate, Placement, Proof
from qbench.report.html.content import Content, Foreseen, Line
from qbench.report.html.figure import COLOURS, Page, draw, legend, rows_axis, section
from qbench.report.html.markup import Html, in_plot, tag
from qbench.report.html.rowplot import RowPage, model_title, pages
from qbench.report.html.table import Cell, Column, Table
from qbench.report.html.words import PROOFS, listed, many, ran_on
from qbench.report.simulation import Piece
from qbench.units import printable

_SLOW = "CPU, TFLite's own kernels"

Maps = dict[tuple[str, str, Delegate, int], Foreseen]


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    known = [line for line in lines if line.summary.placement is not None]
    if not known:
        return None
    maps = {
        (f.device, f.model_sha256, f.answer.delegate, f.answer.threads): f for f in content.foreseen
    }
    drawn = [line for line in known if _pieces(line, maps)]
    plot: Html
    if drawn:
        keys = [*((unit.value, unit.upper()) for unit in ComputeUnit), ("slow", _SLOW)]
        plot = draw(
            "plot-placement",
            "The graph, operator by operator",
            "Left to right in the order of execution. Every change of colour is a hand-over "
            "between units, which costs time. The order is that of the placement rules "
            "(PREDICTED); counts of nodes from real runs are in the table.",
            [_page(page, maps) for page in pages(drawn)],
            what=f"For {len(drawn)} cases, which operators run on which unit, in order.",
            keys=legend(keys),
        )
    else:
        text = (
            "The model files are not at hand, so only counts of nodes are known, not their order."
        )
        plot = tag("p", text, cls="absent")
    refused = _refused(known)
    none = tag("p", "No delegate refused an operator.", cls="absent") if refused is None else None
    return section("placement", "Placement", plot, _counts(known), refused, none)


def _pieces(line: Line, maps: Maps) -> tuple[Piece, ...]:
    case = line.summary.case
    found = maps.get((case.device, case.model_sha256, case.delegate, case.threads))
    return found.answer.pieces if found is not None else ()


def _page(page: RowPage, maps: Maps) -> Page:
    bars: dict[tuple[str, bool], dict[str, list[Any]]] = {}
    for place, line in zip(page.places, page.lines, strict=True):
        start = 0
        for piece in _pieces(line, maps):
            is_slow = piece.unit == ComputeUnit.CPU and piece.executor == "builtin"
            bar = bars.setdefault(
                (piece.unit, is_slow), {k: [] for k in ("x", "base", "y", "text")}
            )
            bar["x"].append(len(piece.ops))
            bar["base"].append(start)
            bar["y"].append(place)
            bar["text"].append(
                in_plot(
                    f"{model_title(line.summary.case)} {line.summary.case.delegate}: "
                    f"{many(len(piece.ops), 'operator')} on {piece.unit.upper()} ({piece.executor})"
                )
            )
            start += len(piece.ops)
    traces = []
    for (unit, is_slow), bar in bars.items():
        colour = COLOURS[ComputeUnit(unit)]
        marker: dict[str, Any] = {"color": colour, "line": {"color": "--paper", "width": 1}}
        if is_slow:
            marker["pattern"] = {"shape": "x", "fgcolor": "--paper", "bgcolor": colour, "size": 6}
        traces.append(
            bar
            | {
                "type": "bar",
                "orientation": "h",
                "width": 0.62,
                "marker": marker,
                "hovertemplate": "%{text}<extra></extra>",
                "textposition": "none",
            }
        )
    layout = rows_axis(page.labels, page.heads)
    layout |= {
        "xaxis": {"title": {"text": "operators"}, "rangemode": "tozero"},
        "barmode": "overlay",
    }
    return Page(
        label=page.label,
        traces=traces,
        layout=layout,
        height_px=page.height_px,
        columns=(("piece", "text"), ("from operator", "base"), ("operators", "x")),
    )


def _counts(lines: Sequence[Line]) -> Html:
    columns = (
        Column(head="Case"),
        Column(head="Ran on"),
        Column(head="NPU", number=True),
        Column(head="GPU", number=True),
        Column(head="CPU", number=True),
        Column(head="Partitions", number=True, explain="pieces of the graph given to the delegate"),
        Column(head="How we know"),
    )
    rows: list[list[Cell | str]] = []
    for line in lines:
        placement = line.summary.placement
        assert placement is not None
        nodes = placement.nodes
        counts = ("-",) * 3 if nodes is None else (str(nodes.npu), str(nodes.gpu), str(nodes.cpu))
        partitions = "-" if placement.partitions is None else str(placement.partitions)
        rows.append(
            [
                Cell(shown=tag("a", printable(line.summary.case.case_id), href=f"#{line.anchor}")),
                ran_on(line.summary),
                *counts,
                partitions,
                _how(placement),
            ]
        )
    table = Table(name="nodes", caption="Nodes by unit", columns=columns, rows=rows)
    return tag("details", tag("summary", "Counts of nodes, and how we know"), table.render())


def _how(placement: Placement) -> str:
    if placement.proof is Proof.PREDICTED:
        return "PREDICTED by the delegate's rules"
    return PROOFS[placement.proof]


def _refused(lines: Sequence[Line]) -> Html | None:
    same: dict[str, tuple[Counter[str], dict[str, None]]] = {}
    for line in lines:
        placement = line.summary.placement
        assert placement is not None
        for node in placement.refused:
            operators, cases = same.setdefault(node.reason, (Counter(), {}))
            operators[node.op] += 1
            case = line.summary.case
            cases[f"{model_title(case)} {case.delegate}"] = None
    if not same:
        return None
    rows: list[list[Cell | str]] = [
        [
            Cell(shown=printable(reason)),
            printable(
                ", ".join(f"{op} \N{MULTIPLICATION SIGN}{n}" for op, n in operators.most_common(6))
            )
            + (f" and {len(operators) - 6} kinds more" if len(operators) > 6 else ""),
            printable(listed(list(cases))),
        ]
        for reason, (operators, cases) in same.items()
    ]
    columns = (Column(head="Why not"), Column(head="Operators"), Column(head="Cases"))
    return Table(
        name="refused", caption="Operators that a delegate did not take", columns=columns, rows=rows
    ).render()
