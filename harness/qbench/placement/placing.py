"""Which executor runs which operator of a model, in execution order, and why not the delegate."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qbench.errors import PlanError
from qbench.placement import xnnpack as cpu
from qbench.placement.dynamic import first_open_node
from qbench.placement.graph import OPTIONAL, Graph, Node
from qbench.placement.partition import PlanNode, Subset, largest, subsets
from qbench.placement.rules import Assumption, RuleSet, assuming, load
from qbench.placement.targets import Target, reach
from qbench.records import (
    ComputeUnit,
    Delegate,
    DeviceProfile,
    ModelInfo,
    Placement,
    Proof,
    RefusedNode,
    UnitNodes,
)

CONTROL_FLOW = ("IF", "WHILE", "CALL_ONCE")


class Segment(msgspec.Struct, frozen=True, gc=False):
    """Operators that one executor runs in one go; `ops` are operator indices in their order.

    `executor`: xnnpack, builtin (TFLite's own kernels), gpu, nnapi, hexagon. DEQUANTIZE and
    DENSIFY of constants in an xnnpack segment are unpacked when the delegate is built and cost
    nothing when the model runs.
    """

    unit: ComputeUnit
    executor: str
    ops: tuple[int, ...]


class GraphPlacement(msgspec.Struct, frozen=True, kw_only=True):
    """Where every operator of subgraph 0 runs. Every operator is in exactly one segment.

    `partitions` counts the pieces given to the delegate asked for (for `cpu`: to XNNPACK).
    `refused` holds every node that delegate did not take. `route` is the way to the NPU that was
    chosen (`nnapi`, `hexagon`), None for cpu and gpu.
    """

    delegate: Delegate
    segments: tuple[Segment, ...]
    refused: tuple[RefusedNode, ...]
    partitions: int
    route: str | None = None
    evidence: tuple[str, ...] = ()

    @property
    def nodes(self) -> UnitNodes:
        counts = dict.fromkeys(ComputeUnit, 0)
        for segment in self.segments:
            counts[segment.unit] += len(segment.ops)
        return UnitNodes(
            cpu=counts[ComputeUnit.CPU], gpu=counts[ComputeUnit.GPU], npu=counts[ComputeUnit.NPU]
        )

    def to_record(self) -> Placement:
        return Placement(
            nodes=self.nodes,
            partitions=self.partitions,
            proof=Proof.PREDICTED,
            refused=self.refused,
            evidence=self.evidence,
        )


class Step(msgspec.Struct, frozen=True, gc=False):
    """One step of a plan: an operator nobody has taken (`executor` None), or a delegate's piece."""

    executor: str | None
    ops: tuple[int, ...]
    form: PlanNode


def place(
    model: ModelInfo,
    delegate: Delegate,
    profile: DeviceProfile,
    *,
    max_partitions: int | None = None,
    min_nodes: int | None = None,
    xnnpack: bool = True,
    assumptions: Sequence[Assumption] = (),
) -> GraphPlacement:
    """Predict what runs where, as the device's TFLite would decide it, or (`assumptions`) as it
    would with other rules.

    The delegate asked for chooses first; what it leaves is the default CPU path's, i.e. XNNPACK's
    and, after it (or with `xnnpack=False`), the built-in kernels'. Subgraph 0 only.

    Raises PlanError when the device has no such unit or route, when the delegate's rules are not
    known (QNN), or when limits are below 1 or given for `cpu`; ModelFileError when the graph
    runs in a circle.
    """
    graph = Graph(model.main)
    default = assuming(load("xnnpack"), "xnnpack", assumptions) if xnnpack else None
    if delegate is Delegate.CPU:
        if max_partitions is not None or min_nodes is not None:
            raise PlanError(
                "delegate cpu: XNNPACK knows no limits of partitions or nodes",
                hint="leave max_partitions and min_nodes out, or choose another delegate",
            )
        segments, refused = _cpu_path(graph, _plan(graph, {}), default)
        return GraphPlacement(
            delegate=delegate,
            segments=segments,
            refused=_in_words(graph, refused),
            partitions=sum(segment.executor == "xnnpack" for segment in segments),
        )
    target = reach(delegate, profile, max_partitions, min_nodes)
    rules = assuming(target.rules, target.executor, assumptions)
    target = msgspec.structs.replace(target, rules=rules)
    chosen = choose(graph, target)
    steps = _hand_over(graph, chosen, target.executor)
    segments, _ = _cpu_path(graph, steps, default, target.unit)
    return GraphPlacement(
        delegate=delegate,
        segments=segments,
        refused=_in_words(graph, chosen.reasons),
        partitions=sum(segment.executor == target.executor for segment in segments),
        route=target.route,
        evidence=target.evidence,
    )


class Choice(msgspec.Struct, frozen=True):
    """Operator positions that a delegate takes; why it does not take the others; and which
    tensors its operators read instead of those of the file."""

    taken: frozenset[int]
    reasons: dict[int, str]
    sources: dict[int, int]


def choose(graph: Graph, target: Target) -> Choice:
    """What a delegate other than XNNPACK takes of the untouched graph."""
    nodes = graph.nodes
    opened = first_open_node(graph)
    if opened is not None:
        why = (
            f"{target.rules.who} takes static sizes only, and operator {opened.op.index} "
            f"({opened.label}) has outputs whose size is known only when the model runs"
        )
        return Choice(frozenset(), dict.fromkeys(range(len(nodes)), why), {})
    sources = _half_sources(graph) if target.folds_half else {}
    halves = {p for p, n in enumerate(nodes) if n.output_ids and n.output_ids[0] in sources}
    reasons = {
        position: reason
        for position, node in enumerate(nodes)
        if position not in halves
        and (reason := target.rules.refusal(node.remapped(sources))) is not None
    }
    whole = bool(halves) and not reasons
    supported = set(range(len(nodes))) - reasons.keys() - (set() if whole else halves)
    if target.driver is not None:
        assumed = {p for p in supported if nodes[p].label in target.rules.assumed}
        denied = {
            position: reason
            for position in supported - halves - assumed
            if (reason := target.driver.refusal(nodes[position].remapped(sources))) is not None
        }
        reasons |= denied
        supported -= denied.keys()
        if denied and halves and target.half_whole_only:
            why = f"{target.driver.name} has to take all of a model with fp16 weights, or nothing"
            reasons |= dict.fromkeys(supported, why)
            supported = set()
    if not whole:
        why = f"{target.rules.who} leaves unpacking of fp16 weights to the CPU"
        reasons |= dict.fromkeys(halves, why)
        supported -= halves
        reasons |= _beyond_limits(graph, supported, target)
    return Choice(frozenset(supported - reasons.keys()), reasons, sources)


def _beyond_limits(graph: Graph, supported: set[int], target: Target) -> dict[int, str]:
    if not supported:
        return {}
    pieces = subsets([_form(node) for node in graph.nodes], supported)
    _, beyond, small = largest(pieces, target.max_partitions, target.min_nodes)
    reasons: dict[int, str] = {}
    for piece in beyond:
        why = f"supported, but in a partition beyond the limit of {target.max_partitions}"
        reasons |= dict.fromkeys(piece.members, why)
    for piece in small:
        count = len(piece.members)
        why = f"supported, but in a partition of {count}, below the minimum of {target.min_nodes}"
        reasons |= dict.fromkeys(piece.members, why)
    return reasons


def _half_sources(graph: Graph) -> dict[int, int]:
    """fp32 tensor -> the constant fp16 tensor it is unpacked from."""
    return {
        node.output_ids[0]: node.input_ids[0]
        for node in graph.nodes
        if node.name == "DEQUANTIZE"
        and node.inputs
        and node.outputs
        and (source := node.inputs[0]) is not None
        and source.dtype == "float16"
        and source.is_constant
    }


def _hand_over(graph: Graph, chosen: Choice, executor: str) -> list[Step]:
    """The plan after the runtime has replaced what was chosen by the delegate's pieces."""
    plan = _plan(graph, {p: chosen.sources for p in chosen.taken})
    steps: list[Step] = []
    for subset in subsets([step.form for step in plan], chosen.taken):
        if subset.wanted:
            steps.append(_piece(plan, subset, executor))
        else:
            steps += [plan[position] for position in subset.members]
    return steps


def _cpu_path(
    graph: Graph, steps: Sequence[Step], rules: RuleSet | None, unit: ComputeUnit = ComputeUnit.CPU
) -> tuple[tuple[Segment, ...], dict[int, str]]:
    """Give XNNPACK (`rules` None: nobody) what is left, and lay all out in execution order.

    Also tells why XNNPACK did not take an operator that was left to it.
    """
    ordered = list(steps)
    refused: dict[int, str] = {}
    if rules is not None:
        plan = [
            graph.nodes[step.ops[0]] if step.executor is None else cpu.Foreign(step.form.inputs)
            for step in steps
        ]
        claim = cpu.claim(graph, plan, rules)
        refused = {steps[p].ops[0]: reason for p, reason in claim.reasons.items()}
        ordered = []
        for subset in subsets([step.form for step in steps], claim.taken):
            if subset.wanted:
                ordered.append(_piece(steps, subset, "xnnpack"))
            else:
                ordered += [steps[position] for position in subset.members]
    segments: list[Segment] = []
    for step in ordered:
        if step.executor is not None:
            where = ComputeUnit.CPU if step.executor == "xnnpack" else unit
            segments.append(Segment(where, step.executor, step.ops))
        elif segments and segments[-1].executor == "builtin":
            last = segments.pop()
            segments.append(Segment(last.unit, last.executor, last.ops + step.ops))
        else:
            segments.append(Segment(ComputeUnit.CPU, "builtin", step.ops))
    return tuple(segments), refused


def _plan(graph: Graph, sources: dict[int, dict[int, int]]) -> list[Step]:
    """Every operator as a step of its own, reading `sources[position]` where it is replaced."""
    nobody: dict[int, int] = {}
    return [
        Step(None, (position,), _form(node.remapped(sources.get(position, nobody))))
        for position, node in enumerate(graph.nodes)
    ]


def _form(node: Node) -> PlanNode:
    effect = node.name in CONTROL_FLOW or ("resource" in node.graph.dtypes and _uses_resource(node))
    return PlanNode(node.input_ids, node.output_ids, effect)


def _uses_resource(node: Node) -> bool:
    return any(
        tensor is not None and tensor.dtype == "resource"
        for tensor in (*node.inputs, *node.outputs)
    )


def _piece(steps: Sequence[Step], subset: Subset, executor: str) -> Step:
    """Several steps as one; it reads what they read and do not write themselves."""
    members = [steps[position] for position in subset.members]
    outputs = {t for step in members for t in step.form.outputs}
    inputs = {t for step in members for t in step.form.inputs} - outputs - {OPTIONAL}
    outputs.discard(OPTIONAL)
    form = PlanNode(
        tuple(sorted(inputs)),
        tuple(sorted(outputs)),
        any(step.form.has_side_effect for step in members),
    )
    return Step(executor, tuple(op for step in members for op in step.ops), form)


def _in_words(graph: Graph, reasons: dict[int, str]) -> tuple[RefusedNode, ...]:
    return tuple(
        RefusedNode(graph.nodes[position].op.index, graph.nodes[position].label, reason)
        for position, reason in sorted(reasons.items())
    )
