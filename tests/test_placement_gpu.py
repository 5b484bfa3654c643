"""The GPU delegate's rules, against what TensorFlow's compatibility analyzer said."""

from __future__ import annotations

import json

import pytest

from fakes import gpu_analyzer
from fakes.devices import device
from fakes.graphs import Graph
from fakes.runtime import read
from qbench.placement import place
from qbench.placement.graph import Graph as PlacementGraph
from qbench.placement.graph import Node
from qbench.placement.rules import load
from qbench.records import ComputeUnit, Delegate

# What only the delegate asks (model_builder.cc); the analyzer is silent about it.
DELEGATE_ONLY = ("max_version", "max_rank", "runtime_types", "needs_opencl")
COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")


def silent(node: Node, model: str, said: str | None) -> str | None:
    """Why the analyzer's word does not count for a node; None: it does."""
    if node.name in COMPARISONS:
        return "the delegate asks about the consumer and nothing else"
    if node.name in ("RELU_0_TO_1", "UNPACK"):
        return "the delegate takes these without asking the analyzer's rules"
    if node.name == "CAST" and node.inputs[0] is not None and node.inputs[0].dtype == "bool":
        return "the delegate asks about producer and consumer, too"
    if node.name == "CUSTOM" and said is not None and "retrieve" in said:
        return "offline the analyzer does not see the custom options"
    if any(t is not None and t.is_constant and t.elements == 0 for t in node.inputs):
        return "an empty constant is one to the runtime, not to the analyzer"
    if node.label not in load("gpu").ops and said is None:
        return "other backends take it; the delegate has no parser for it"
    return CHANGED_SINCE.get(model)


CHANGED_SINCE = {
    "DEPTHWISE_CONV_2D multiplier 2": "2.17.1 wants one input channel for a multiplier above 1",
    "GATHER int32": "2.17.1 gathers no int32",
    "SELECT unfit condition": "2.17.1 does not look at the condition's shape",
    "SELECT_V2 unfit condition": "2.17.1 does not look at the condition's shape",
    "CUSTOM Resampler flat warp": "2.17.1 does not look at the warp's channels",
} | {
    f"{name} {dtype}{kind}": "2.17.1 selects floats only, and wants constants of rank 2 computed"
    for name in ("SELECT", "SELECT_V2")
    for dtype in ("float32", "float16", "int8", "uint8", "int16", "int32")
    for kind in ("", " constant")
}


def test_it_agrees_operator_by_operator_where_the_analyzer_speaks() -> None:
    rules = load("gpu", without=DELEGATE_ONLY)
    said = json.loads(gpu_analyzer.CAPTURE.read_text(encoding="utf-8"))["verdicts"]
    models = gpu_analyzer.models()
    assert set(said) == set(models), "make the capture anew: see tests/fakes/gpu_analyzer.py"
    differing = []
    compared = 0
    for name, data in models.items():
        nodes = PlacementGraph(read(data).main).nodes
        assert len(nodes) == len(said[name]), name
        for node, verdict in zip(nodes, said[name], strict=True):
            if silent(node, name, verdict) is not None:
                continue
            compared += 1
            ours = rules.refusal(node)
            if (ours is None) != (verdict is None):
                differing.append(f"{name}: {node.label}: ours {ours}, analyzer {verdict}")
    assert not differing, f"{differing}\ntried: {len(models)} models"
    assert compared > 4000


def reasons(g: Graph, delegate: Delegate = Delegate.GPU, **more: object) -> dict[str, str]:
    phone = device(**more)  # type: ignore[arg-type]
    return {r.op: r.reason for r in place(read(g.to_bytes()), delegate, phone).refused}


def test_a_version_the_delegate_does_not_know_is_refused() -> None:
    g = Graph()
    x = g.input((1, 4))
    y = g.tensor((1, 4))
    g.op("RESHAPE", [x, g.const([1, 4])], [y], version=2)
    g.outputs(y)
    assert reasons(g)["RESHAPE"] == (
        "the GPU delegate knows RESHAPE up to version 1; this node has 2"
    )


def test_five_dimensions_and_whole_numbers_are_refused() -> None:
    g = Graph()
    wide, whole = g.input((1, 1, 2, 2, 2)), g.input((1, 4), "int32")
    a, b = g.tensor((1, 1, 2, 2, 2)), g.tensor((1, 4), "int32")
    g.op("ABS", [wide], [a])
    g.op("NEG", [whole], [b])
    g.outputs(a, b)
    found = reasons(g)
    assert "takes 0 to 4 dimensions" in found["ABS"]
    assert (
        "computes NEG with float32/float16/int8/uint8 as input; this node's is int32"
        in (found["NEG"])
    )


@pytest.mark.parametrize(("opencl", "taken"), [("2.0", True), (None, False)])
def test_split_needs_opencl(opencl: str | None, taken: bool) -> None:
    g = Graph()
    x = g.input((1, 4))
    halves = [g.tensor((1, 2)), g.tensor((1, 2))]
    g.op("SPLIT", [g.const(1), x], halves, numSplits=2)
    g.outputs(*halves)
    assert ("SPLIT" not in reasons(g, opencl=opencl)) == taken


@pytest.mark.parametrize("consumer", ["CAST", "SELECT_V2"])
def test_a_comparison_goes_with_the_cast_or_select_that_reads_it(consumer: str) -> None:
    g = Graph()
    x, y = g.input((1, 2, 2, 4)), g.input((1, 2, 2, 4))
    less, out = g.tensor((1, 2, 2, 4), "bool"), g.tensor((1, 2, 2, 4))
    g.op("LESS", [x, y], [less])
    g.op(consumer, [less] if consumer == "CAST" else [less, x, y], [out])
    tail = g.unary("ABS", out)
    g.outputs(tail)
    assert reasons(g) == {}


def test_a_comparison_whose_result_leaves_the_gpu_is_refused() -> None:
    g = Graph()
    x, y = g.input((1, 4)), g.input((1, 4))
    less = g.tensor((1, 4), "bool")
    g.op("LESS", [x, y], [less])
    g.outputs(less)
    assert "only if one CAST or SELECT makes floats of its result" in reasons(g)["LESS"]


def test_fp16_weights_are_looked_through_when_the_whole_model_is_taken() -> None:
    g = Graph("fp16")
    y = g.conv(g.input((1, 8, 8, 3)), 4, 3)
    g.outputs(y)
    placement = place(read(g.to_bytes()), Delegate.GPU, device())
    assert [(s.unit, s.ops) for s in placement.segments] == [(ComputeUnit.GPU, (0, 1, 2))]
    assert not placement.refused


def test_fp16_weights_are_unpacked_on_the_cpu_when_only_a_part_is_taken() -> None:
    g = Graph("fp16")
    y = g.conv(g.input((1, 8, 8, 3)), 4, 3)
    best = g.tensor((1, 8, 8), "int32")
    g.op("ARG_MAX", [y, g.const(3)], [best], outputType="int32")
    g.outputs(best)
    placement = place(read(g.to_bytes()), Delegate.GPU, device())
    found = {r.op: r.reason for r in placement.refused}
    assert found["DEQUANTIZE"] == "the GPU delegate leaves unpacking of fp16 weights to the CPU"
    assert found["ARG_MAX"] == "the GPU delegate does not know ARG_MAX"
    assert placement.nodes.gpu == 1


def test_an_int8_model_runs_on_the_gpu_too() -> None:
    g = Graph("int8")
    y = g.conv(g.input((1, 8, 8, 3)), 4, 3)
    g.outputs(y)
    assert reasons(g) == {}
