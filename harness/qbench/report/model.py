"""What is inside a model file, and who would run it: for `qbench inspect`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from qbench.errors import QBenchError
from qbench.placement import GraphPlacement
from qbench.records import DeviceProfile, ModelInfo, OpInfo, RefusedNode, SubgraphInfo
from qbench.units import format_bytes, format_count, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Per delegate: where its nodes run, or why nothing can be said.
Placements = Mapping[str, GraphPlacement | QBenchError]

SCHEMA_VERSION = 1
"""Of the JSON object. History: 1 = first."""


def print_model(
    console: Console, model: ModelInfo, profile: DeviceProfile, placements: Placements
) -> None:
    for line in _facts(model):
        console.print(line, markup=False, soft_wrap=True)
    console.print(_operators(model.main, placements))
    console.print(
        f"N = NPU, G = GPU, X = CPU by XNNPACK, c = CPU by TFLite's own kernels; "
        f"predicted for {profile.name} ({profile.title})",
        markup=False,
    )
    for delegate, placement in placements.items():
        for line in _who_takes_what(delegate, placement, len(model.main.ops)):
            console.print(line, markup=False)


def render_json(model: ModelInfo, profile: DeviceProfile, placements: Placements) -> str:
    body: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "model": msgspec.to_builtins(model),
        "macs": model.macs,
        "device": profile.name,
        "placements": {d: _placement(p) for d, p in placements.items()},
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _placement(placement: GraphPlacement | QBenchError) -> dict[str, Any]:
    if isinstance(placement, QBenchError):
        return {"error": str(placement)}
    body: dict[str, Any] = msgspec.to_builtins(placement)
    return body


def _facts(model: ModelInfo) -> list[str]:
    main = model.main
    io = ", ".join(
        f"{way} {printable(main.tensors[i].name)} {main.tensors[i].dtype}"
        f"[{'x'.join(map(str, main.tensors[i].shape))}]"
        for way, ids in (("in", main.inputs), ("out", main.outputs))
        for i in ids
    )
    lines = [
        printable(model.path),
        f"{format_bytes(model.file_bytes)}, {model.precision}, {len(main.ops)} operators, "
        f"{format_count(model.macs)} MACs, weights {format_bytes(model.weight_bytes)}, "
        f"activations {format_bytes(model.activation_bytes)} in all",
        io,
        f"sha256 {model.sha256}",
    ]
    if model.description:
        lines.append(f"description: {printable(model.description)}")
    if len(model.subgraphs) > 1:
        lines.append(f"{len(model.subgraphs)} subgraphs; shown is the first, which is the one run")
    return lines


def _operators(graph: SubgraphInfo, placements: Placements) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    found = {d: p for d, p in placements.items() if isinstance(p, GraphPlacement)}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("operator", overflow="fold", min_width=18, max_width=30)
    table.add_column("output", overflow="fold")
    table.add_column("how", overflow="fold")
    table.add_column("MACs", justify="right", no_wrap=True)
    table.add_column("weights", justify="right", no_wrap=True)
    for delegate in found:
        table.add_column(delegate[:5], justify="center", no_wrap=True)
    marks = {d: _marks(p) for d, p in found.items()}
    for op in graph.ops:
        cells = (
            str(op.index),
            f"{printable(op.label)} v{op.version}",
            _output(graph, op),
            _how(op),
            format_count(op.macs) if op.macs != 0 else "",
            _weights(graph, op),
            *(marks[d].get(op.index, "?") for d in found),
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


_MARKS = {"xnnpack": "X", "builtin": "c", "gpu": "G", "nnapi": "N", "hexagon": "N"}


def _marks(placement: GraphPlacement) -> dict[int, str]:
    return {i: _MARKS[s.executor] for s in placement.segments for i in s.ops}


def _output(graph: SubgraphInfo, op: OpInfo) -> str:
    if not op.outputs:
        return ""
    tensor = graph.tensors[op.outputs[0]]
    shape = "?" if tensor.is_dynamic else "x".join(map(str, tensor.shape)) or "scalar"
    more = f" +{len(op.outputs) - 1}" if len(op.outputs) > 1 else ""
    return f"{shape} {_SHORT.get(tensor.dtype, tensor.dtype)}{more}"


_SHORT = {"float32": "f32", "float16": "f16", "int8": "i8", "uint8": "u8", "int32": "i32"}


def _how(op: OpInfo) -> str:
    """Stride, padding, dilation and fused activation, where the operator has them."""
    o = op.options
    parts = []
    if o.filter_h is not None and o.filter_w is not None:
        parts.append(f"{o.filter_h}x{o.filter_w}")
    if o.stride_h is not None and (o.stride_h, o.stride_w) != (1, 1):
        parts.append(
            f"/{o.stride_h}" if o.stride_h == o.stride_w else f"/{o.stride_h}x{o.stride_w}"
        )
    if o.padding is not None:
        parts.append(o.padding.lower())
    if o.dilation_h is not None and (o.dilation_h, o.dilation_w) != (1, 1):
        parts.append(f"dil {o.dilation_h}x{o.dilation_w}")
    if o.activation not in (None, "NONE"):
        parts.append(str(o.activation))
    return " ".join(parts)


def _weights(graph: SubgraphInfo, op: OpInfo) -> str:
    constant = [graph.tensors[i] for i in op.inputs if i >= 0 and graph.tensors[i].is_constant]
    total = sum(t.nbytes or 0 for t in constant)
    return format_bytes(total) if total else ""


def _who_takes_what(
    delegate: str, placement: GraphPlacement | QBenchError, operators: int
) -> list[str]:
    if isinstance(placement, QBenchError):
        return [f"{delegate}: {placement}"]
    taken = operators - len(placement.refused)
    route = f" by {placement.route}" if placement.route and placement.route != delegate else ""
    lines = [
        f"{delegate}{route}: {taken} of {operators} operators in {placement.partitions} "
        f"partition{'' if placement.partitions == 1 else 's'}"
    ]
    return lines + [f"  not {line}" for line in _why_not(placement.refused)]


def _why_not(refused: Sequence[RefusedNode]) -> list[str]:
    """One line per reason, with the operators it is true of."""
    same: dict[str, Counter[str]] = {}
    for node in refused:
        same.setdefault(node.reason, Counter())[node.op] += 1
    return [
        printable(f"{', '.join(f'{op} x{count}' for op, count in ops.items())}: {reason}")
        for reason, ops in same.items()
    ]
