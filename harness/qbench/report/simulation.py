"""Answers of `qbench simulate`: per-operator tables, a line per model, JSON, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from qbench.records import Delegate, Failure, Prediction
from qbench.report.tables import row, say, table
from qbench.units import format_count, format_ms

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SCHEMA_VERSION = 1
"""Of the JSON object. History: 1 = first."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Operators that one executor runs in one go, in execution order."""

    unit: str
    executor: str
    ops: tuple[int, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One kernel and what it costs; `segment` lines (no operators) are a piece's own cost."""

    ops: tuple[int, ...]
    names: tuple[str, ...]
    unit: str
    executor: str
    dtype: str
    macs: int
    time_us: float
    bound_by: str


def name_of(line: Line) -> str:
    """Of its operators, or of what a piece of the graph costs beside them."""
    return "+".join(line.names) or ("transfers" if line.bound_by == "transfer" else "invoke")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one delegate with one number of threads. `outcome` a Failure: no number."""

    model: str
    path: str
    precision: str | None
    delegate: Delegate
    threads: int
    outcome: Prediction | Failure
    pieces: tuple[Piece, ...] = ()
    bound_by_us: dict[str, float] = {}
    kernels: tuple[Line, ...] = ()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Of which device, and under which suppositions."""

    device: str
    title: str
    supposed: tuple[str, ...]


FIELDS: dict[str, type] = {
    **dict.fromkeys(("model", "path", "precision", "device", "delegate"), str),
    **dict.fromkeys(("threads", "p50_us", "low_us", "high_us", "p90_us"), int),
    "tier": str,
    **dict.fromkeys(("nodes_npu", "nodes_gpu", "nodes_cpu", "partitions"), int),
    "cpu_fallback": bool,
    **dict.fromkeys(("compute_us", "memory_us", "overhead_us", "segment_us", "transfer_us"), float),
    **dict.fromkeys(("supposed", "failure"), str),
}
"""Of an answer as one row, with what they hold where they are not absent."""


def render_json(asked: Asked, answers: Sequence[Answer]) -> str:
    body = {
        "schema_version": SCHEMA_VERSION,
        "device": asked.device,
        "supposed": asked.supposed,
        "results": [flat(asked, a) | _deep(a) for a in answers],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def render_csv(asked: Asked, answers: Sequence[Answer]) -> str:
    """One line per answer, absent values empty; without the operators."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat(asked, a) for a in answers)
    return out.getvalue()


def flat(asked: Asked, answer: Answer) -> dict[str, Any]:
    """An answer as one row: a value or None for each of FIELDS."""
    told: dict[str, Any] = dict.fromkeys(FIELDS)
    told |= {
        "model": answer.model,
        "path": answer.path,
        "precision": answer.precision,
        "device": asked.device,
        "delegate": answer.delegate.value,
        "threads": answer.threads,
        "supposed": "; ".join(asked.supposed) or None,
    }
    outcome = answer.outcome
    if isinstance(outcome, Failure):
        return told | {"failure": f"{outcome.error}: {outcome.message}"}
    nodes = outcome.placement.nodes
    assert nodes is not None  # the simulator always counts
    told |= {
        name: getattr(outcome, name) for name in ("p50_us", "low_us", "high_us", "p90_us", "tier")
    }
    told |= {f"nodes_{unit}": getattr(nodes, unit) for unit in ("npu", "gpu", "cpu")}
    told |= {
        "partitions": outcome.placement.partitions,
        "cpu_fallback": outcome.cpu_fallback,
    }
    return told | {f"{k}_us": round(us, 1) for k, us in answer.bound_by_us.items()}


def _deep(answer: Answer) -> dict[str, Any]:
    if isinstance(answer.outcome, Failure):
        return {}
    told: dict[str, Any] = {
        "origin": "simulated",
        "basis": answer.outcome.basis,
        "warnings": answer.outcome.warnings,
        "pieces": answer.pieces,
    }
    return told | ({"kernels": answer.kernels} if answer.kernels else {})


# -- for a terminal


def print_answers(console: Console, asked: Asked, answers: Sequence[Answer]) -> None:
    """Operators and map of every answer that has them, then a line per answer."""
    for answer in answers:
        if answer.kernels and isinstance(answer.outcome, Prediction):
            say(console, "", f"{answer.model} {answer.delegate} x{answer.threads}: kernels")
            console.print(_kernels(answer))
            say(console, f"runs on: {partition_map(answer.pieces)}", "")
    console.print(_totals(answers))
    say(
        console,
        f"SIMULATED: computed for {asked.device} ({asked.title}), not measured; range = 90 % band",
        *_bases(answers),
        *(f"supposed: {question}" for question in asked.supposed),
        *_remarks(answers),
    )


def _bases(answers: Sequence[Answer]) -> list[str]:
    """What the numbers rest on, each once."""
    told = [a.outcome.basis for a in answers if isinstance(a.outcome, Prediction)]
    return [f"basis: {basis}" for basis in dict.fromkeys(told)]


def partition_map(pieces: Iterable[Piece]) -> str:
    """`NPU(nnapi) 0-35 | CPU(builtin) 36 | ...`: operators in execution order."""
    return " | ".join(f"{p.unit.upper()}({p.executor}) {_spans(p.ops)}" for p in pieces)


def _spans(ops: Sequence[int]) -> str:
    spans: list[list[int]] = []
    for op in ops:
        if spans and op == spans[-1][1] + 1:
            spans[-1][1] = op
        else:
            spans.append([op, op])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def _kernels(answer: Answer) -> Table:
    found = table(("ops", 0), ("operators", 0), ("on", 0), ("MACs", 1), ("ms", 1), ("share", 1))
    found.add_column("bound by")
    total_us = sum(line.time_us for line in answer.kernels)
    for line in answer.kernels:
        row(
            found,
            _spans(line.ops) or "-",
            name_of(line),
            f"{line.executor} {line.dtype}",
            format_count(line.macs) if line.macs else "",
            f"{line.time_us / 1000:.3f}",
            f"{line.time_us / total_us:.1%}" if total_us else "-",
            line.bound_by,
        )
    return found


def _totals(answers: Sequence[Answer]) -> Table:
    found = table(("model", 0), ("delegate", 0), ("thr", 1), ("p50 ms", 1), ("range ms", 0))
    for head in ("tier", "NPU/GPU/CPU", "parts", "mostly"):
        found.add_column(head, justify="left", no_wrap=True)
    for a in answers:
        told = a.outcome
        start = (a.model, a.delegate.value, str(a.threads))
        if isinstance(told, Failure):
            row(found, *start, "-", told.error)
            continue
        nodes = told.placement.nodes
        assert nodes is not None  # the simulator always counts
        row(
            found,
            *start[:1],
            f"{a.delegate} -> CPU" if told.cpu_fallback else start[1],
            start[2],
            format_ms(told.p50_us),
            f"{format_ms(told.low_us)}-{format_ms(told.high_us)}",
            told.tier.value,
            f"{nodes.npu}/{nodes.gpu}/{nodes.cpu}",
            str(told.placement.partitions),
            _mostly(a.bound_by_us),
        )
    return found


def _mostly(bound_by_us: dict[str, float]) -> str:
    total_us = sum(bound_by_us.values())
    if not total_us:
        return "-"
    what = max(bound_by_us, key=lambda k: bound_by_us[k])
    return f"{what} {bound_by_us[what] / total_us:.0%}"


def _remarks(answers: Sequence[Answer]) -> list[str]:
    said: dict[str, list[str]] = {}
    for a in answers:
        outcome = a.outcome
        if isinstance(outcome, Failure):
            lines = [f"failed: {outcome.error}: {outcome.message}"]
        else:
            lines = [f"note: {w}" for w in outcome.warnings if not w.startswith("supposed: ")]
        for line in lines:
            said.setdefault(line, []).append(f"{a.model} {a.delegate}")
    return [
        f"{line} [{', '.join(where[:4])}{f' and {len(where) - 4} more' if where[4:] else ''}]"
        for line, where in said.items()
    ]
