"""TFLite's default CPU path: which nodes of a plan XNNPACK takes.

Source: LiteRT xnnpack_delegate.cc, Delegate::PrepareOpsToDelegate.
"""

from __future__ import annotations

from collections.abc import Sequence

from qbench.placement.graph import Graph, Node
from qbench.placement.rules import RuleSet
from qbench.records import TensorInfo

GEMMS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")


class Claim:
    """Positions of the plan that XNNPACK takes, and for the others why not."""

    def __init__(self) -> None:
        self.taken: set[int] = set()
        self.reasons: dict[int, str] = {}


class Foreign:
    """A piece of the plan that another delegate has taken: only its inputs matter here."""

    def __init__(self, input_ids: tuple[int, ...]) -> None:
        self.input_ids = input_ids


def claim(graph: Graph, plan: Sequence[Node | Foreign], rules: RuleSet) -> Claim:
    """Walk the plan as the delegate does.

    DEQUANTIZE of constant fp16 or int8 and DENSIFY of constants are not executed: they are
    unpacked when the delegate is built, unless a node on another kernel reads their result.
    """
    found = Claim()
    unpacked: dict[int, int] = {}  # tensor -> position of the node that makes it
    spoiled: set[int] = set()  # positions whose result somebody else needs
    variables = _Variables()
    readers: dict[int, list[Node | Foreign]] | None = None  # few models have what asks for them
    for position, step in enumerate(plan):
        if isinstance(step, Foreign):
            spoiled |= {unpacked[i] for i in step.input_ids if i in unpacked}
            continue
        if _unpacks_constant(graph, step):
            unpacked[step.output_ids[0]] = position
            graph.quasi_static.add(step.output_ids[0])
            readers = _readers(plan) if readers is None else readers
            if _half_for_products(step, readers.get(step.output_ids[0], [])):
                graph.elided.add(step.output_ids[0])
            continue
        if step.name == "VAR_HANDLE":
            variables.handle(step, position)
            continue
        reason = rules.refusal(step) or variables.problem(step)
        if reason is None:
            found.taken.add(position)
        else:
            found.reasons[position] = reason
            spoiled |= {unpacked[i] for i in step.input_ids if i in unpacked}
    for position in unpacked.values():
        if position in spoiled:
            found.reasons[position] = "a node outside XNNPACK needs the unpacked constant"
        else:
            found.taken.add(position)
    for position, used in variables.handles.items():
        if used:
            found.taken.add(position)
        else:
            found.reasons[position] = "XNNPACK takes a variable only with its reads and writes"
    return found


def _readers(plan: Sequence[Node | Foreign]) -> dict[int, list[Node | Foreign]]:
    readers: dict[int, list[Node | Foreign]] = {}
    for step in plan:
        for index in step.input_ids:
            readers.setdefault(index, []).append(step)
    return readers


def _unpacks_constant(graph: Graph, node: Node) -> bool:
    if node.name not in ("DEQUANTIZE", "DENSIFY"):
        return False
    if len(node.input_ids) != 1 or len(node.output_ids) != 1:
        return False
    source, target = node.inputs[0], node.outputs[0]
    if source is None or target is None:
        return False
    if node.name == "DENSIFY":
        return (
            source.is_constant
            and source.is_sparse
            and source.dtype in ("float16", "int8", "float32")
            and target.dtype == source.dtype
        )
    quantized = source.dtype == "int8" and source.quantization is not None
    return (
        not source.is_sparse
        and (source.is_constant or source.index in graph.quasi_static)
        and (source.dtype == "float16" or quantized)
        and target.dtype == "float32"
    )


def _half_for_products(node: Node, readers: Sequence[Node | Foreign]) -> bool:
    """True if only matrix products read the tensor, as weights or bias: they take fp16 as it is."""
    source = node.inputs[0]
    if node.name != "DEQUANTIZE" or source is None or source.dtype != "float16":
        return False
    return all(
        isinstance(reader, Node)
        and reader.name in GEMMS
        and reader.input_ids[0] != node.output_ids[0]
        for reader in readers
    )


class _Variables:
    """Resource variables: a handle is taken if its reads and writes agree on type and shape."""

    def __init__(self) -> None:
        self.handles: dict[int, bool] = {}  # position -> somebody uses it
        self._position: dict[int, int] = {}  # resource tensor -> position of its handle
        self._form: dict[int, tuple[str, tuple[int, ...]]] = {}

    def handle(self, node: Node, position: int) -> None:
        self._position[node.output_ids[0]] = position
        self.handles[position] = False

    def problem(self, node: Node) -> str | None:
        if node.name not in ("READ_VARIABLE", "ASSIGN_VARIABLE"):
            return None
        value = node.outputs[0] if node.name == "READ_VARIABLE" else node.inputs[1]
        resource = node.input_ids[0]
        if resource not in self._position or value is None:
            return f"XNNPACK takes {node.label} only after its VAR_HANDLE"
        form = _form(value)
        if self._form.setdefault(resource, form) != form:
            return f"XNNPACK takes {node.label} only if the variable keeps its type and shape"
        self.handles[self._position[resource]] = True
        return None


def _form(tensor: TensorInfo) -> tuple[str, tuple[int, ...]]:
    return tensor.dtype, tensor.shape
