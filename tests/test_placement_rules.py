"""The rule files as data, and the rules that no runtime on this machine can be asked about."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from fakes import sweep
from fakes.devices import ANY_TYPE, device, route
from fakes.graphs import Graph, schema
from fakes.runtime import read
from fakes.sweep.parts import c, op, t, zeros
from qbench.placement import place
from qbench.placement.checks import CHECKS, PREDICATES
from qbench.placement.graph import Graph as PlacementGraph
from qbench.placement.graph import Node
from qbench.placement.rules import FEATURE_LEVELS, document, load
from qbench.records import Delegate

FILES = ("xnnpack", "gpu", "nnapi", "hexagon")
LEVELS = (27, 28, 29, 30, 31, *FEATURE_LEVELS.values())


def refusal(build: Callable[[], Graph], rules: str, level: int = 0) -> str | None:
    """The reason for the last operator of a graph; None: it is taken."""
    graph = PlacementGraph(read(build().to_bytes()).main)
    return load(rules, level).refusal(graph.nodes[-1])


@cache
def nodes() -> dict[str, Node]:
    """The last operator of every model of the sweep."""
    return {
        name: PlacementGraph(read(model).main).nodes[-1] for name, model in sweep.cases().items()
    }


def words(rules: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for word, arg in rules.items():
        if word.startswith(("from_", "before_")):
            found |= words(arg)
        else:
            found.add(word)
    return found


# -- the files


@pytest.mark.parametrize("name", FILES)
def test_every_operator_in_a_rule_file_exists(name: str) -> None:
    builtin = vars(schema().BuiltinOperator)
    unknown = [
        label
        for label in document(name)["ops"]
        if label not in builtin and not label.startswith("CUSTOM:")
    ]
    assert unknown == []


def test_every_word_of_the_vocabulary_is_used_and_every_used_word_exists() -> None:
    used: set[str] = set()
    predicates: set[str] = set()
    for name in FILES:
        raw = document(name)
        for rules in (*raw["ops"].values(), raw.get("everywhere", {})):
            used |= words(rules)
            for block in _blocks(rules):
                predicates |= set(block.get("require", ()))
    assert used - {"since", "require"} <= CHECKS.keys()
    # `too_old` is what the loader makes of `since`
    assert CHECKS.keys() - used == {"too_old"}
    assert predicates == PREDICATES.keys()


def _blocks(rules: dict[str, Any]) -> list[dict[str, Any]]:
    nested = [arg for word, arg in rules.items() if word.startswith(("from_", "before_"))]
    return [rules, *(block for inner in nested for block in _blocks(inner))]


def test_the_kernel_table_names_operators_that_exist() -> None:
    table = document("kernels")
    builtin = vars(schema().BuiltinOperator)
    early = table["computed_early"]
    names = {
        *table["sized_by_values"],
        *table["always_open"],
        *early["always"],
        *early["when_inputs_known"],
    }
    # names of newer or older schemas are no harm: they never occur in a file of this one
    assert {name for name in names if name not in builtin} <= {"IRFFT2D"}


@pytest.mark.parametrize("level", LEVELS)
def test_nnapi_takes_more_with_every_level(level: int) -> None:
    """A driver apart: what one Android takes, the next one takes, too."""
    later = [other for other in LEVELS if other > level]
    for name, node in nodes().items():
        if load("nnapi", level).refusal(node) is None and later:
            assert load("nnapi", later[0]).refusal(node) is None, name


@pytest.mark.parametrize("name", FILES)
def test_every_refusal_is_a_sentence_that_names_operator_or_tensor(name: str) -> None:
    for node in nodes().values():
        reason = load(name, 30).refusal(node)
        if reason is None:
            continue
        assert node.label in reason, reason
        assert 20 <= len(reason) <= 160, reason
        assert "None" not in reason, reason


# -- NNAPI by Android version


@pytest.mark.parametrize(
    ("name", "since"),
    [("ABS float32", 29), ("DIV float32", 28), ("ELU float32", 30), ("NEG int32", 29)],
)
def test_an_operator_is_refused_by_androids_older_than_it(name: str, since: int) -> None:
    node = nodes()[name]
    assert load("nnapi", since).refusal(node) is None
    before = load("nnapi", since - 1).refusal(node)
    assert before is not None
    assert before.startswith(f"NNAPI takes {node.label} since Android")
    assert before.endswith(f"this device has {since - 1}")


@pytest.mark.parametrize(
    ("name", "level", "taken"),
    [
        ("ADD int32", 29, False),
        ("ADD int32", 30, True),
        ("TANH int8", 28, False),
        ("TANH int8", 29, True),
        ("SUB int8", 28, False),
        ("SUB int32", 29, False),
        ("SUB int32", 30, True),
        ("CAST int8 to float32", 29, False),
        ("CAST int8 to float32", 30, True),
        ("CONV_2D int8 per channel", 28, False),
        ("CONV_2D int8 per channel", 29, True),
        ("CONV_2D grouped", 28, False),
        ("CONV_2D grouped", 29, True),
        ("CONV_2D dilated", 28, False),
        ("CONV_2D dilated", 29, True),
        ("CONV_2D bias -1", 30, True),
        ("CONV_2D two inputs", 30, False),
        ("CONV_2D float32 by int8, bias float32", 28, False),
        ("CONV_2D float32 by int8, bias float32", 29, True),
        ("DEPTHWISE_CONV_2D dilated", 28, False),
        ("FULLY_CONNECTED keeps 3 dimensions", 29, False),
        ("FULLY_CONNECTED keeps 3 dimensions", 30, True),
        ("FULLY_CONNECTED v6", 31, False),
        ("RESHAPE int32", 31, False),
        ("RESHAPE int32", FEATURE_LEVELS["FL6"], True),
        ("RESHAPE shape computed", 31, False),
        ("RESIZE_BILINEAR True False", 29, False),
        ("RESIZE_BILINEAR True False", 30, True),
        ("SPLIT int8", 29, False),
        ("SPLIT int8", 30, True),
        ("PACK float32", 30, True),
        ("PACK axis 2", 30, False),
        ("PACK uint8", 31, False),
        ("PACK uint8", FEATURE_LEVELS["FL6"], True),
        ("UNPACK axis -1", 31, False),
        ("MEAN to a number", 30, False),
        ("ARG_MAX int8", 29, True),
        ("DEQUANTIZE int8 to float32", 29, True),
        ("DEQUANTIZE v3", 30, False),
        ("QUANTIZE float32 to int8", 29, False),
        ("QUANTIZE float32 to int8", 30, True),
        ("MIRROR_PAD int8", 31, False),
        ("MIRROR_PAD int8", FEATURE_LEVELS["FL7"], True),
        ("BATCH_MATMUL float32", 31, False),
        ("TRANSPOSE order computed", 30, False),
        ("SELECT float32", 30, True),
        ("SELECT small condition", 30, False),
        ("LSTM", 30, False),
    ],
)
def test_nnapi_rule(name: str, level: int, taken: bool) -> None:
    if name == "LSTM":
        build = op("LSTM", [t(1, 4)], [t(1, 4)])
        assert (refusal(build, "nnapi", level) is None) == taken
        return
    node = nodes()[name]
    assert (load("nnapi", level).refusal(node) is None) == taken


def test_the_dsp_of_the_865_takes_int8_only_and_says_so_for_every_node() -> None:
    for precision in ("fp32", "fp16", "dynamic"):
        g = Graph(precision)
        y = g.fully_connected(g.mean(g.conv(g.input((1, 8, 8, 3)), 4, 3)), 4)
        g.outputs(y)
        info = read(g.to_bytes())
        placement = place(info, Delegate.NNAPI, device())
        assert placement.nodes.npu == 0
        assert [r.op_index for r in placement.refused] == list(range(len(info.main.ops)))
        found = {r.op: r.reason for r in placement.refused}
        # dynamic-range FULLY_CONNECTED has version 9, which NNAPI refuses before the driver could
        said = found["MEAN" if precision == "dynamic" else "FULLY_CONNECTED"]
        assert said == "qti-dsp takes int8/uint8 activations only; this node's input is float32"


def test_an_fp16_model_is_taken_whole_or_not_at_all() -> None:
    g = Graph("fp16")
    y = g.unary("RELU", g.conv(g.input((1, 8, 8, 3)), 4, 3))
    g.outputs(y)
    info = read(g.to_bytes())
    floats = route(ANY_TYPE, accelerator="qti-gpu")
    whole = place(info, Delegate.NNAPI, device(routes={"nnapi": floats}))
    assert whole.nodes.npu == len(info.main.ops)
    assert not whole.refused
    part = route(ANY_TYPE, accelerator="qti-gpu", deny_ops=("RELU",))
    found = {
        r.op: r.reason for r in place(info, Delegate.NNAPI, device(routes={"nnapi": part})).refused
    }
    assert found == {
        "RELU": "qti-gpu does not take RELU",
        "CONV_2D": "qti-gpu has to take all of a model with fp16 weights, or nothing",
        "DEQUANTIZE": "qti-gpu has to take all of a model with fp16 weights, or nothing",
    }


# -- Hexagon


def test_per_channel_weights_of_a_dense_layer_are_refused_by_hexagon() -> None:
    q, out = t(1, 8, dtype="int8"), t(1, 4, dtype="int8")
    bias = c([0] * 4, "int32", scale=0.1)
    per_channel = zeros(4, 8, dtype="int8", scale=[0.1] * 4)
    build = op("FULLY_CONNECTED", [q, per_channel, bias], [out], 4)
    assert refusal(build, "hexagon") == (
        "FULLY_CONNECTED with per-channel weights is refused by the Hexagon delegate"
    )
    per_tensor = zeros(4, 8, dtype="int8")
    assert refusal(op("FULLY_CONNECTED", [q, per_tensor, bias], [out], 4), "hexagon") is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ADD float32", "takes int8/uint8 as input 0 of ADD; this node's is float32"),
        ("ADD int8", None),
        ("ADD v3", "knows ADD up to version 2; this node has 3"),
        ("CONV_2D int8", None),
        ("CONV_2D bias -1", "takes int8/uint8 as input 0"),
        ("CONV_2D two inputs", "with 3 inputs only"),
        ("DEPTHWISE_CONV_2D int8", None),
        ("MAX_POOL_2D int8", None),
        ("MAX_POOL_2D 13x13 SAME", "takes int8/uint8"),
        ("RELU int8", "knows RELU of version 2 only; this node has 1"),
        ("SUM int8", "does not know SUM"),
        ("CONCATENATION int8", None),
        ("TRANSPOSE_CONV int8", None),
        ("STRIDED_SLICE int8", None),
        ("RESHAPE int8", None),
        ("SOFTMAX int8 beta 1.0", None),
        ("DEQUANTIZE int8 to float32", "does not know DEQUANTIZE"),
    ],
)
def test_hexagon_rule(name: str, reason: str | None) -> None:
    node = nodes()[name]
    found = load("hexagon").refusal(node)
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert reason in found


def _q8_conv(**options: Any) -> Callable[[], Graph]:
    inputs = [
        t(1, 8, 8, 4, dtype="int8"),
        zeros(4, 3, 3, 4, dtype="int8"),
        c([0] * 4, "int32", scale=0.1),
    ]
    steps = {"strideH": 1, "strideW": 1} | options
    return op("CONV_2D", inputs, [t(1, 8, 8, 4, dtype="int8")], 3, **steps)


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({"strideH": 3, "strideW": 3}, True),
        ({"strideH": 4, "strideW": 4}, False),
        ({"dilationHFactor": 2}, False),
        ({"fusedActivationFunction": "RELU6"}, True),
        ({"fusedActivationFunction": "TANH"}, False),
    ],
)
def test_hexagon_convolves_with_small_strides_and_no_dilation(
    options: dict[str, Any], taken: bool
) -> None:
    assert (refusal(_q8_conv(**options), "hexagon") is None) == taken
