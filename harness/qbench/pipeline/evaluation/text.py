"""Grades for a terminal (100 columns) and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from qbench.pipeline.data import DataSet
from qbench.pipeline.evaluation import published
from qbench.pipeline.evaluation.records import Grade, Share, There, Versus
from qbench.records import Interval, Origin
from qbench.units import format_bytes, format_ms, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SCHEMA_VERSION = 1
"""Of the JSON object. History: 1 = first."""

# head, is it a number
_COLUMNS = (
    ("  scheme", False),
    ("size", True),
    ("accuracy %", True),
    ("sensitivity", True),
    ("specificity", True),
    ("AUC", True),
    ("= fp32", True),
    ("p", True),
    ("ms", True),
    ("paper", True),
)


def print_grades(
    console: Console,
    data: DataSet,
    split: str,
    grades: Sequence[Grade],
    there: There | None = None,
) -> None:
    """`there`: the same evaluation elsewhere, whose grades come first."""
    if there is not None:
        _print_tables(console, data, there.grades, f" on {_named(there)}")
        _print_matches(console, there)
        console.print()
    _print_tables(console, data, grades, " on this host" if there else "")
    console.print()
    for line in _legend(data, split, grades):
        style = "cyan" if line.startswith("SYNTHETIC") else ""
        console.print(line, style=style, markup=False)


def _print_tables(console: Console, data: DataSet, grades: Sequence[Grade], where: str) -> None:
    has_paper = any(_paper(g) is not None for g in grades)
    for network, of_it in groupby(grades, key=lambda g: g.subject.network):
        table = _table(has_paper)
        of_network = list(of_it)
        for one in of_network:
            row = _cells(one)
            table.add_row(*(row if has_paper else row[:-1]))
        console.print(printable(f"{network}{where}"), style="bold", markup=False)
        console.print(table)
        for one in of_network:
            console.print(f"  {_mistakes(one, data.classes)}", style="dim", markup=False)


def _print_matches(console: Console, there: There) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1))
    table.add_column("  against this host")
    for head in ("same bits", "same class", "largest difference"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("ran on")
    for one, executed in zip(there.matches, there.executed, strict=True):
        steps = one.largest_steps
        table.add_row(
            f"  {printable(one.subject.title)}",
            f"{one.identical.hits} of {one.identical.trials}",
            f"{one.agreement.hits} of {one.agreement.trials}",
            f"{one.largest:.2g}" + ("" if steps is None else f" ({steps} steps)"),
            executed,
        )
    console.print(table)
    told = printable(f"  {_named(there)}, {there.delegate}, {there.tool}")
    console.print(told, style="dim", markup=False, soft_wrap=True)


def _named(there: There) -> str:
    origin = there.device.origin
    word = "" if origin is Origin.DEVICE else f" ({origin.value.upper()})"
    return f"{there.device.title}{word}"


def render_json(
    data: DataSet, split: str, grades: Sequence[Grade], there: There | None = None
) -> str:
    body: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "data": {
            "root": data.root,
            "split": split,
            "images": len(data.splits[split]),
            "classes": data.classes,
            "is_synthetic": data.is_synthetic,
            "origin": data.origin,
        },
        "grades": [
            {**msgspec.to_builtins(g), "published_accuracy_other_data": _paper(g)} for g in grades
        ],
    }
    if there is not None:
        body["on_device"] = {
            "device": there.device,
            "delegate": there.delegate,
            "tool": there.tool,
            "grades": there.grades,
            "against_host": there.matches,
            "executed": there.executed,
        }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _table(has_paper: bool) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0))
    for head, is_number in _COLUMNS if has_paper else _COLUMNS[:-1]:
        justify: Literal["left", "right"] = "right" if is_number else "left"
        table.add_column(head, justify=justify, no_wrap=True)
    return table


def _cells(grade: Grade) -> tuple[str, ...]:
    versus = grade.versus_fp32
    paper = _paper(grade)
    return (
        f"  {grade.subject.precision or 'PyTorch'}",
        format_bytes(grade.subject.file_bytes),
        _percent(grade.accuracy),
        _percent(grade.sensitivity),
        _percent(grade.specificity),
        _area(grade.auc, grade.auc_interval),
        _agreement(versus),
        f"{versus.p_value:.2g}" if versus else "-",
        "-" if grade.latency_us is None else format_ms(grade.latency_us),
        "-" if paper is None else f"{100 * paper:.1f}",
    )


def _agreement(versus: Versus | None) -> str:
    if versus is None or versus.agreement.ratio is None:
        return "-"
    return f"{100 * versus.agreement.ratio:.1f} %"


def _percent(share: Share | None) -> str:
    if share is None or share.ratio is None or share.interval is None:
        return "-"
    low, high = 100 * share.interval.low, 100 * share.interval.high
    return f"{100 * share.ratio:.1f} ({low:.0f}-{high:.0f})"


def _area(area: float | None, interval: Interval | None) -> str:
    if area is None or interval is None:
        return "-"
    return f"{area:.3f} ({interval.low:.2f}-{interval.high:.2f})"


def _paper(grade: Grade) -> float | None:
    if grade.subject.precision is None:
        return None
    return published.ACCURACY.get((grade.subject.network, grade.subject.precision))


def _mistakes(grade: Grade, classes: Sequence[str]) -> str:
    parts = []
    for label, row in enumerate(grade.confusion):
        wrong = [
            f"{count} called {classes[told]}"
            for told, count in enumerate(row)
            if told != label and count
        ]
        parts.append(f"{classes[label]}: {', '.join([f'{row[label]} right', *wrong])}")
    return printable(f"{grade.subject.precision or 'PyTorch'}: {'; '.join(parts)}")


def _legend(data: DataSet, split: str, grades: Sequence[Grade]) -> list[str]:
    lines = [printable(f"{len(data.splits[split])} images of {data.root}/{split}")]
    if data.is_synthetic:
        lines.append(printable(data.origin or "SYNTHETIC images"))
    lines.append("in brackets: 95 % interval (Wilson; AUC: Newcombe)")
    lines.append("ms: median invoke on this host while the evaluation ran: no benchmark")
    if grades and grades[0].positive:
        lines.append(f"sensitivity: share of {grades[0].positive} that was found")
    if any(g.versus_fp32 for g in grades):
        lines.append(
            "= fp32: same class told as by the fp32 model; p: McNemar's test against it, "
            "after Holm's correction"
        )
    if any(_paper(g) is not None for g in grades):
        lines.append(f"paper: accuracy in {published.SOURCE}")
    return lines
