"""Does the graph have a tensor whose size is open until the model runs?

Delegates that take static sizes only are turned away by the runtime then, for the whole graph.
"""

from __future__ import annotations

from qbench.placement.graph import Graph, Node
from qbench.placement.rules import document
from qbench.records import TensorInfo


def first_open_node(graph: Graph) -> Node | None:
    """The first operator with an output of open size, None if all sizes are known.

    Notes in `graph.persistent` the tensors that kernels compute before the first run, up to
    that operator: the runtime prepares no further.
    """
    table = document("kernels")
    early, sized_by_values = table["computed_early"], table["sized_by_values"]
    always_open, always_early = set(table["always_open"]), set(early["always"])
    early_when_known = set(early["when_inputs_known"])
    for node in graph.nodes:
        name = node.name
        if name in always_open or ("string" in graph.dtypes and _writes_strings(node)):
            return node
        if name == "READ_VARIABLE" and _rank(node.outputs[0]) == 0:
            return node  # "no good way to differentiate between scalar and unranked tensor"
        needed = sized_by_values.get(name)
        if needed and not all(_known(graph, node, position) for position in needed):
            return node
        if name in always_early or (
            name in early_when_known
            and all(_known(graph, node, position) for position in range(len(node.input_ids)))
        ):
            graph.persistent.update(node.output_ids)
    return None


def _known(graph: Graph, node: Node, position: int) -> bool:
    tensor = node.inputs[position]
    return tensor is None or tensor.is_constant or tensor.index in graph.persistent


def _rank(tensor: TensorInfo | None) -> int | None:
    return None if tensor is None else tensor.rank


def _writes_strings(node: Node) -> bool:
    return any(tensor is not None and tensor.dtype == "string" for tensor in node.outputs)
