"""A subgraph as the rules look at it: operators with their tensors resolved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qbench.records import OpInfo, OpOptions, SubgraphInfo, TensorInfo

OPTIONAL = -1  # an optional input that is not given


SEATS = 5
_EMPTY: list[TensorInfo | None] = [None] * SEATS


class Node:
    """One operator of the execution plan.

    `input_ids` are those of the file, or the fp16 constants behind folded DEQUANTIZE operators
    (`remapped`). `inputs` and `outputs` are the tensors, None for an optional one not given and
    for places that a node of this kind should have but has not: a rule may always look at the
    first SEATS of them. How many there really are, `input_ids` and `output_ids` tell.
    """

    __slots__ = (
        *("graph", "input_ids", "inputs", "label", "name", "op", "options", "output_ids"),
        "outputs",
    )

    def __init__(self, graph: Graph, op: OpInfo, input_ids: tuple[int, ...]) -> None:
        self.graph = graph
        self.op = op
        self.name = op.name
        self.label = op.label
        self.options: OpOptions = op.options
        self.input_ids = input_ids
        self.output_ids = op.outputs
        self.inputs = _seated(graph, input_ids)
        self.outputs = _seated(graph, op.outputs)

    def remapped(self, sources: dict[int, int]) -> Node:
        """This operator with inputs replaced by `sources`, itself if there is nothing to do."""
        if not sources or sources.keys().isdisjoint(self.input_ids):
            return self
        return Node(self.graph, self.op, tuple(sources.get(i, i) for i in self.input_ids))

    def activations(self) -> Iterator[tuple[str, TensorInfo]]:
        """The tensors that exist only while the model runs, each with `input` or `output`."""
        for role, tensors in (("input", self.inputs), ("output", self.outputs)):
            for tensor in tensors:
                if tensor is not None and not tensor.is_constant:
                    yield role, tensor


class Graph:
    """Subgraph 0 while placement is being found.

    `quasi_static` and `elided` are XNNPACK's view of DEQUANTIZE and DENSIFY of constants:
    tensors whose values are unpacked when the delegate is built, and those of them that are
    never unpacked because their fp16 source is used as it is. `persistent` are tensors that
    some kernel computes before the first run (the output of SHAPE, for instance).
    """

    def __init__(self, subgraph: SubgraphInfo) -> None:
        self.tensors = subgraph.tensors
        self.quasi_static: set[int] = set()
        self.elided: set[int] = set()
        self.persistent: set[int] = set()
        self.dtypes = {t.dtype for t in subgraph.tensors}
        self.nodes = [Node(self, op, op.inputs) for op in subgraph.ops]
        self.outputs = subgraph.outputs
        self._consumers: dict[int, list[Node]] | None = None
        self._producers: dict[int, list[Node]] | None = None

    def tensor(self, index: int) -> TensorInfo | None:
        return self.tensors[index] if 0 <= index < len(self.tensors) else None

    def consumers(self, index: int) -> list[Node]:
        """Every reading of the tensor in execution order; an operator that reads twice, twice."""
        if self._consumers is None:
            self._consumers = _by_tensor(self.nodes, (n.input_ids for n in self.nodes))
        return self._consumers.get(index, [])

    def producers(self, index: int) -> list[Node]:
        if self._producers is None:
            self._producers = _by_tensor(self.nodes, (n.output_ids for n in self.nodes))
        return self._producers.get(index, [])


def _seated(graph: Graph, ids: tuple[int, ...]) -> list[TensorInfo | None]:
    tensors, count = graph.tensors, len(graph.tensors)
    found: list[TensorInfo | None] = [tensors[i] if 0 <= i < count else None for i in ids]
    return found + _EMPTY[len(found) :]


def _by_tensor(nodes: Iterable[Node], ids: Iterable[tuple[int, ...]]) -> dict[int, list[Node]]:
    found: dict[int, list[Node]] = {}
    for node, indices in zip(nodes, ids, strict=True):
        for index in indices:
            found.setdefault(index, []).append(node)
    return found
