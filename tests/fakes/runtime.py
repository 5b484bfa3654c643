"""What the real LiteRT runtime on this machine does with a model: the oracle of placement."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fakes.delegate import ChosenNodes
from qbench import modelfile
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


def beside(model: Path | bytes, nodes: Sequence[int], sources: Mapping[int, int]) -> Delegated:
    """What XNNPACK takes when another delegate has taken `nodes` before; that one's pieces first.

    Single nodes are not told here. Raises RuntimeError when the
    runtime does not let a delegate of static sizes have the graph.
    """
    from ai_edge_litert.interpreter import Interpreter

    other = ChosenNodes(nodes, sources)
    interpreter = Interpreter(num_threads=1, experimental_delegates=[other], **_source(model))
    interpreter.allocate_tensors()
    return Delegated(_delegate_nodes(interpreter), Counter())


def _pieces(model: Path | bytes, *, fuse: bool) -> list[Piece] | None:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(
            num_threads=1, experimental_disable_delegate_node_fusion=not fuse, **_source(model)
        )
    except (ValueError, RuntimeError):
        return None
    # A kernel may refuse its operator after the delegate has chosen: the choice is there then.
    with contextlib.suppress(ValueError, RuntimeError):
        interpreter.allocate_tensors()
    return _delegate_nodes(interpreter)


def _source(model: Path | bytes) -> dict[str, Any]:
    return {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}


def _delegate_nodes(interpreter: Any) -> list[Piece]:
    return [
        Piece(
            tuple(sorted({int(i) for i in op["inputs"] if i >= 0})),
            tuple(sorted({int(i) for i in op["outputs"] if i >= 0})),
        )
        for op in interpreter._get_ops_details()
        if op["op_name"] == "DELEGATE"
    ]


def read(model: Path | bytes) -> ModelInfo:
    """The reader's view of a model that may be in memory only."""
    if isinstance(model, Path):
        return modelfile.read(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        return modelfile.read(path)


def predicted(
    model: ModelInfo,
    placement: GraphPlacement,
    executor: str = "xnnpack",
    sources: Mapping[int, Mapping[int, int]] | None = None,
) -> Delegated:
    """The same, of a placement. `sources`: per operator, tensors it reads in place of others."""
    reads = {
        op.index: {(sources or {}).get(op.index, {}).get(t, t) for t in op.inputs if t >= 0}
        for op in model.main.ops
    }
    segments = [s.ops for s in placement.segments if s.executor == executor]
    return Delegated(
        [_piece(model.main, reads, ops) for ops in segments],
        Counter(_piece(model.main, reads, (op,)) for ops in segments for op in ops),
    )


def _piece(graph: SubgraphInfo, reads: Mapping[int, set[int]], ops: tuple[int, ...]) -> Piece:
    made = {t for op in ops for t in graph.ops[op].outputs}
    read = set().union(*(reads[op] for op in ops))
    others = (reads[op.index] for op in graph.ops if op.index not in ops)
    needed = set(graph.outputs).union(*others)
    return Piece(tuple(sorted(read - made)), tuple(sorted(made & needed)))
