"""Where a model's time goes on this machine: measured and predicted, kernel by kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from qbench.records import ModelInfo, Prediction
from qbench.units import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SCHEMA_VERSION = 1
"""Of the JSON object. History: 1 = first."""


# A row that takes this share of an invoke, and is predicted worse than this, stands out.
_SHARE, _LOW, _HIGH = 0.01, 0.8, 1.25


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Operators that are priced as one kernel, with what the runtime started for them.

    `kernels` empty and `measured_us` None: the runtime started nothing that is theirs for sure.
    `ops` empty: kernels of nobody, or what lies between kernels.
    """

    ops: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    shape: str = ""
    kernels: tuple[str, ...] = ()
    measured_us: float | None = None
    predicted_us: float | None = None
    bound_by: str | None = None

    @property
    def ratio(self) -> float | None:
        """Predicted to measured."""
        return (
            self.predicted_us / self.measured_us if self.measured_us and self.predicted_us else None
        )


class Profiled(msgspec.Struct, frozen=True, kw_only=True):
    """`kernels_us`: the sum of the kernels' times; `between_us`: what else an invoke takes.
    `plain_p50_us`: the median of a run that was not profiled; `plain_us`: with one thread the
    processor's time for each of its invokes where that is less, else the same."""

    runtime: str
    threads: int
    invokes: int
    kernels_us: float
    between_us: float
    plain_us: float
    plain_p50_us: int
    run_queue_wait_ratio: float | None
    prediction: Prediction
    rows: tuple[Row, ...]

    @property
    def invoke_us(self) -> float:
        return self.kernels_us + self.between_us


def render_json(model: ModelInfo, profiled: Profiled) -> str:
    body: dict[str, Any] = msgspec.to_builtins(profiled)
    body["invoke_us"] = profiled.invoke_us
    body["prediction"] = {"origin": "simulated", **body["prediction"]}
    for told, row in zip(body["rows"], profiled.rows, strict=True):
        told["share_ratio"] = _share(row, profiled)
        told["ratio"] = row.ratio
    head = {
        "schema_version": SCHEMA_VERSION,
        "model": model.path,
        "sha256": model.sha256,
        "device": "host",
        "origin": "host",
    }
    return msgspec.json.format(msgspec.json.encode(head | body), indent=2).decode()


def print_profile(console: Console, model: ModelInfo, profiled: Profiled) -> None:
    threads = f"{profiled.threads} thread{'' if profiled.threads == 1 else 's'}"
    _say(console, f"{model.path}: {profiled.runtime}, {threads}, {profiled.invokes} invokes")
    console.print(_table(profiled))
    console.print(_table(profiled, _by_operator(profiled.rows)))
    _say(console, *_sums(profiled), *_notes(profiled))


def _share(row: Row, profiled: Profiled) -> float | None:
    whole = profiled.invoke_us
    return row.measured_us / whole if row.measured_us is not None and whole else None


def _by_operator(rows: Sequence[Row]) -> list[Row]:
    """Rows of the same operators added up, the longest first. A sum without a measured or without
    a predicted time has none."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.names or row.kernels, []).append(row)
    sums = [
        Row(
            ops=(len(same),),
            names=names,
            measured_us=_sum([row.measured_us for row in same]),
            predicted_us=_sum([row.predicted_us for row in same]),
        )
        for names, same in groups.items()
    ]
    return sorted(sums, key=lambda row: -(row.measured_us or 0))


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _table(profiled: Profiled, sums: Sequence[Row] | None = None) -> Table:
    """Of every row, or of sums, whose `ops` is how many rows they are of."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for head in ("ops", "operator", "shape") if sums is None else ("times", "operator"):
        table.add_column(head, overflow="fold")
    for head in ("us", "share", "predicted", "ratio"):
        table.add_column(head, justify="right", no_wrap=True)
    if sums is None:
        table.add_column("bound by", no_wrap=True)
    for row in profiled.rows if sums is None else sums:
        share, ratio = _share(row, profiled), row.ratio
        names = "+".join(row.names) or ", ".join(row.kernels)
        cells = (
            ",".join(map(str, row.ops)) or "-",
            names,
            *([row.shape] if sums is None else []),
            _us(row.measured_us),
            "-" if share is None else f"{share:.1%}",
            _us(row.predicted_us),
            "-" if ratio is None else f"{ratio:.2f}",
            *([row.bound_by or "-"] if sums is None else []),
        )
        is_off = ratio is not None and (share or 0) >= _SHARE and not _LOW < ratio < _HIGH
        table.add_row(
            *(Text(printable(cell)) for cell in cells), style="yellow" if is_off else None
        )
    return table


def _sums(profiled: Profiled) -> list[str]:
    told = profiled.prediction
    return [
        f"measured: kernels {profiled.kernels_us:.0f} us + between them {profiled.between_us:.0f} "
        f"us = profiled invoke {profiled.invoke_us:.0f} us; not profiled {profiled.plain_us:.0f} "
        f"us (p50 {profiled.plain_p50_us} us)",
        f"SIMULATED: {told.p50_us} us, 90 % band {told.low_us}-{told.high_us} us, tier "
        f"{told.tier}; {told.p50_us / profiled.plain_us:.2f} of the invoke that was not profiled",
        f"basis: {told.basis}",
    ]


def _notes(profiled: Profiled) -> list[str]:
    more = profiled.invoke_us / profiled.plain_us - 1
    notes = [
        "us: the mean of what is near the 10th percentile, each kernel for itself. The runtime "
        "rounds down to whole us; the middle is taken, so a small kernel is known to 0.5 us.",
        "A profiled invoke reads the clock around every kernel and goes through another interface: "
        f"{more:+.1%} here. Not profiled: processor's time (one thread) or p50, the less.",
    ]
    if profiled.run_queue_wait_ratio is not None and profiled.run_queue_wait_ratio > 0.05:
        wait = profiled.run_queue_wait_ratio
        notes.append(
            f"this machine is busy: the run that was not profiled waited {wait:.0%} of its time"
        )
    strange = sorted({k for r in profiled.rows if not r.ops for k in r.kernels if r.measured_us})
    if strange:
        notes.append(f"kernels whose operator is not known for sure: {', '.join(strange)}")
    return notes


def _us(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(printable(line), markup=False, soft_wrap=True)


def shapes(model: ModelInfo, ops: Sequence[int]) -> str:
    """`112x112x32 3x3/2 -> 56x56x64` of the operator that computes most."""
    main = model.main
    op = max((main.ops[i] for i in ops), key=lambda op: op.macs or 0)
    tensors = [main.tensors[i] for i in (*op.inputs[:1], *op.outputs[:1]) if i >= 0]
    ends = ["x".join(map(str, t.shape[1:] or t.shape)) for t in tensors]
    filters = main.tensors[op.inputs[1]].shape if op.macs and len(op.inputs) > 1 else ()
    window = ""
    if len(filters) == 4:
        window = f" {filters[1]}x{filters[2]}"
    elif op.options.filter_h is not None:
        window = f" {op.options.filter_h}x{op.options.filter_w}"
    if (op.options.stride_h or 1) > 1:
        window += f"/{op.options.stride_h}"
    return f"{ends[0]}{window} -> {ends[-1]}" if len(ends) == 2 else " ".join(ends)
