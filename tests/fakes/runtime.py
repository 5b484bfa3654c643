"""What the real LiteRT runtime on this machine does with a model: the oracle of placement."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from qbench.placement import GraphPlacement
from qbench.records import ModelInfo, SubgraphInfo


class Piece(NamedTuple):
    """One call of a delegate, by the tensors it reads and the tensors somebody else reads of it."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Delegated(NamedTuple):
    """`pieces` in execution order; `nodes` the single operators taken, as pieces of their own."""

    pieces: list[Piece]
    nodes: Counter[Piece]


def delegated(model: Path | bytes) -> Delegated | None:
    """What XNNPACK takes when the runtime applies it by default; None: the file is turned away.

    The second look forbids the runtime to put nodes together: each node taken is a piece then.
    """
    pieces = _pieces(model, fuse=True)
    nodes = _pieces(model, fuse=False)
    return None if pieces is None or nodes is None else Delegated(pieces, Counter(nodes))


def _pieces(model: Path | bytes, *, fuse: bool) -> list[Piece] | None:
    from ai_edge_litert.interpreter import Interpreter

    source: dict[str, Any] = (
        {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    )
    try:
        interpreter = Interpreter(
            num_threads=1, experimental_disable_delegate_node_fusion=not fuse, **source
        )
    except (ValueError, RuntimeError):
        return None
    # A kernel may refuse its operator after the delegate has chosen: the choice is there then.
    with contextlib.suppress(ValueError, RuntimeError):
        interpreter.allocate_tensors()
    return [
        Piece(
            tuple(sorted({int(i) for i in op["inputs"] if i >= 0})),
            tuple(sorted({int(i) for i in op["outputs"] if i >= 0})),
        )
        for op in interpreter._get_ops_details()
        if op["op_name"] == "DELEGATE"
    ]


def predicted(model: ModelInfo, placement: GraphPlacement, executor: str = "xnnpack") -> Delegated:
    """The same, of a placement."""
    graph = model.main
    segments = [s.ops for s in placement.segments if s.executor == executor]
    return Delegated(
        [piece(graph, ops) for ops in segments],
        Counter(piece(graph, (op,)) for ops in segments for op in ops),
    )


def piece(graph: SubgraphInfo, ops: tuple[int, ...]) -> Piece:
    inside = set(ops)
    made = {t for op in ops for t in graph.ops[op].outputs}
    read = {t for op in ops for t in graph.ops[op].inputs if t >= 0}
    needed = set(graph.outputs) | {
        t for op in graph.ops if op.index not in inside for t in op.inputs
    }
    return Piece(tuple(sorted(read - made)), tuple(sorted(made & needed)))
