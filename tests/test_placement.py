"""place(): what runs where on a device, and what is refused with which words."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import nets, random_graphs
from fakes.devices import ANY_TYPE, computer, device, route
from fakes.graphs import Graph
from fakes.runtime import read
from models.real import built_in_models, face_detection_models
from qbench import modelfile
from qbench.errors import PlanError
from qbench.placement import GraphPlacement, Segment, place
from qbench.records import ComputeUnit, Delegate, DeviceProfile, ModelInfo, Proof, UnitNodes

CPU, GPU, NPU = ComputeUnit.CPU, ComputeUnit.GPU, ComputeUnit.NPU
PHONE = device()
PREDICTABLE = (Delegate.CPU, Delegate.GPU, Delegate.NNAPI, Delegate.HEXAGON, Delegate.NPU)


def chain(*names: str, precision: str = "fp32") -> ModelInfo:
    """Operators of one input in a row."""
    g = Graph(precision)
    x = g.input((1, 4, 4, 8))
    for name in names:
        x = g.unary(name, x)
    g.outputs(x)
    return read(g.to_bytes())


def reasons(placement: GraphPlacement) -> dict[int, str]:
    return {refused.op_index: refused.reason for refused in placement.refused}


# -- units and routes


@pytest.mark.parametrize(
    ("delegate", "profile", "message"),
    [
        (Delegate.GPU, computer(), "delegate gpu: computer has no GPU"),
        (Delegate.NNAPI, computer(), "delegate nnapi: computer has no NPU"),
        (Delegate.NPU, computer(), "delegate npu: computer has no NPU"),
        (Delegate.NPU, device(routes={}), "delegate npu: phone names no way to reach its Hexagon"),
        (
            Delegate.HEXAGON,
            device(routes={"nnapi": route()}),
            "delegate hexagon: phone does not reach its Hexagon 698 that way, only: nnapi",
        ),
        (
            Delegate.NNAPI,
            device(api_level=26),
            "delegate nnapi: phone has API level 26; NNAPI begins at 27",
        ),
        (Delegate.NNAPI, device(api_level=None), "delegate nnapi: phone has no Android"),
        (
            Delegate.QNN,
            device(routes={"qnn": route()}),
            "delegate qnn: which operators it takes is not known",
        ),
        (
            Delegate.NPU,
            device(routes={"qnn": route()}),
            "delegate qnn: which operators it takes is not known",
        ),
    ],
)
def test_a_device_without_that_way_is_refused_with_a_hint(
    delegate: Delegate, profile: DeviceProfile, message: str
) -> None:
    with pytest.raises(PlanError) as caught:
        place(chain("ABS"), delegate, profile)
    assert str(caught.value).startswith(message)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("routes", "chosen"),
    [
        (("qnn", "hexagon", "nnapi"), "nnapi"),
        (("qnn", "hexagon"), "hexagon"),
    ],
)
def test_npu_is_the_first_way_of_nnapi_hexagon_qnn(routes: tuple[str, ...], chosen: str) -> None:
    phone = device(routes={name: route() for name in routes})
    placement = place(chain("TANH", "TANH", precision="int8"), Delegate.NPU, phone)
    assert placement.delegate is Delegate.NPU
    assert placement.route == chosen
    assert placement.evidence == (
        (f"{chosen}: Hexagon 698, API level 30",)
        if chosen == "nnapi"
        else (f"{chosen}: Hexagon 698",)
    )


def test_a_deprecated_way_says_so() -> None:
    phone = device(routes={"nnapi": route(accelerator="qti-dsp", deprecated="gone in Android 15")})
    placement = place(chain("TANH", precision="int8"), Delegate.NNAPI, phone)
    assert placement.evidence == (
        "nnapi: qti-dsp, API level 30",
        "deprecated: gone in Android 15",
    )


def test_the_driver_may_refuse_operators_that_nnapi_would_take() -> None:
    phone = device(routes={"nnapi": route(accelerator="qti-dsp", deny_ops=("LOGISTIC",))})
    placement = place(chain("TANH", "LOGISTIC", precision="int8"), Delegate.NNAPI, phone)
    assert reasons(placement) == {1: "qti-dsp does not take LOGISTIC"}
    assert placement.nodes == UnitNodes(cpu=1, gpu=0, npu=1)


# -- limits


def alternating(count: int) -> ModelInfo:
    """`count` runs of ABS of growing length, with SIGN (which NNAPI does not know) between."""
    names = [n for run in range(1, count + 1) for n in (*["ABS"] * run, "SIGN")]
    return chain(*names)


def floats(limit: int | None = None) -> DeviceProfile:
    return device(routes={"nnapi": route(ANY_TYPE, max_partitions=limit)})


def test_only_the_largest_partitions_up_to_the_limit_are_delegated() -> None:
    placement = place(alternating(4), Delegate.NNAPI, floats(), max_partitions=2)
    assert placement.partitions == 2
    assert [s.ops for s in placement.segments if s.unit is NPU] == [(5, 6, 7), (9, 10, 11, 12)]
    beyond = "supported, but in a partition beyond the limit of 2"
    assert reasons(placement)[0] == beyond
    assert reasons(placement)[2] == beyond
    assert "SIGN" in reasons(placement)[1]


def test_small_partitions_are_left_to_the_cpu() -> None:
    placement = place(alternating(3), Delegate.NNAPI, floats(), min_nodes=2)
    assert placement.partitions == 2
    assert reasons(placement)[0] == "supported, but in a partition of 1, below the minimum of 2"


@pytest.mark.parametrize(
    ("asked", "profile_limit", "partitions"), [(None, None, 3), (None, 2, 2), (4, 2, 4), (9, 2, 5)]
)
def test_what_is_asked_for_comes_before_the_profile_and_that_before_the_default(
    asked: int | None, profile_limit: int | None, partitions: int
) -> None:
    model, phone = alternating(5), floats(profile_limit)
    assert place(model, Delegate.NNAPI, phone, max_partitions=asked).partitions == partitions


def test_the_gpu_gets_one_partition_and_hexagon_four_of_two_nodes_by_default() -> None:
    g = Graph("int8")
    x = g.input((1, 4, 4, 8))
    for run in (1, 2, 3, 4, 5, 6):
        for _ in range(run):
            x = g.unary("TANH", x)
        x = g.unary("ELU", x)  # not Hexagon's
    g.outputs(x)
    model = read(g.to_bytes())
    hexagon = place(model, Delegate.HEXAGON, PHONE)
    assert hexagon.partitions == 4
    assert "below the minimum of 2" in reasons(hexagon)[0]
    assert "beyond the limit of 4" in reasons(hexagon)[2]
    assert place(model, Delegate.HEXAGON, PHONE, max_partitions=99).partitions == 5
    names = ("ABS", "CEIL", "ABS", "ABS", "CEIL", "ABS")  # CEIL is not the GPU delegate's
    gpu = place(chain(*names), Delegate.GPU, PHONE)
    assert [s.ops for s in gpu.segments if s.unit is GPU] == [(2, 3)]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(PlanError, match="max_partitions: 0 is not a number of partitions"):
        place(chain("ABS"), Delegate.GPU, PHONE, max_partitions=0)
    with pytest.raises(PlanError, match="min_nodes: 0 is not a number of nodes"):
        place(chain("ABS"), Delegate.GPU, PHONE, min_nodes=0)


def test_the_cpu_has_no_limits_to_set() -> None:
    with pytest.raises(PlanError, match="XNNPACK knows no limits"):
        place(chain("ABS"), Delegate.CPU, PHONE, max_partitions=1)


# -- what comes out


def test_the_rest_of_a_delegate_is_xnnpacks_and_after_it_the_built_in_kernels() -> None:
    g = Graph("int8")
    x = g.input((1, 4, 4, 8))
    for name in ("TANH", "ELU", "HARD_SWISH", "TANH"):
        x = g.unary(name, x)
    g.outputs(x)
    phone = device(routes={"hexagon": route(deny_ops=("HARD_SWISH",))})
    placement = place(read(g.to_bytes()), Delegate.HEXAGON, phone, min_nodes=1)
    assert placement.segments == (
        Segment(NPU, "hexagon", (0,)),
        Segment(CPU, "xnnpack", (1,)),
        Segment(CPU, "builtin", (2,)),
        Segment(NPU, "hexagon", (3,)),
    )
    assert placement.nodes == UnitNodes(cpu=2, gpu=0, npu=2)
    assert placement.partitions == 2


def test_the_record_is_a_prediction_with_counts_refusals_and_evidence() -> None:
    placement = place(chain("ABS", "CEIL"), Delegate.GPU, PHONE)
    record = placement.to_record()
    assert record.proof is Proof.PREDICTED
    assert record.nodes == UnitNodes(cpu=1, gpu=1, npu=0)
    assert record.partitions == 1
    assert [(r.op_index, r.op) for r in record.refused] == [(1, "CEIL")]
    assert record.evidence == ("gpu: Adreno 650",)


def test_a_model_with_open_sizes_goes_to_the_cpu_as_a_whole_and_says_which_operator() -> None:
    info = read(nets.build("vgg", "fp32"))
    placement = place(info, Delegate.GPU, PHONE)
    reshape = next(op.index for op in info.main.ops if op.name == "RESHAPE")
    assert placement.nodes == UnitNodes(cpu=len(info.main.ops), gpu=0, npu=0)
    assert set(reasons(placement).values()) == {
        f"the GPU delegate takes static sizes only, and operator {reshape} (RESHAPE) has outputs "
        "whose size is known only when the model runs"
    }


def test_a_model_without_operators_has_no_segments() -> None:
    g = Graph()
    g.outputs(g.input((1, 4)))
    for delegate in PREDICTABLE:
        placement = place(read(g.to_bytes()), delegate, PHONE)
        assert placement.segments == ()
        assert placement.partitions == 0


def test_only_the_first_subgraph_is_placed() -> None:
    g = Graph()
    y = g.unary("ABS", g.input((1, 4)))
    g.outputs(y)
    body = g.subgraph("body")
    a, b = g.tensor((1, 4), on=body), g.tensor((1, 4), on=body)
    g.op("NEG", [a], [b], on=body)
    body.inputs, body.outputs = [a], [b]
    placement = place(read(g.to_bytes()), Delegate.CPU, PHONE)
    assert [segment.ops for segment in placement.segments] == [(0,)]


def _pairs() -> list[tuple[str, Callable[[], ModelInfo]]]:
    real = (*face_detection_models(), *built_in_models())
    found: list[tuple[str, Callable[[], ModelInfo]]] = [
        (path.name, partial(modelfile.read, path)) for path in real
    ]
    for name in nets.NETWORKS:
        for precision in ("fp16", "int8"):
            found.append((f"{name} {precision}", partial(_network, name, precision)))
    return found


def _network(name: str, precision: str) -> ModelInfo:
    return read(nets.build(name, precision))


@pytest.mark.parametrize(("name", "load"), _pairs(), ids=[name for name, _ in _pairs()])
def test_every_operator_is_in_one_segment_and_refused_or_taken(
    name: str, load: Callable[[], ModelInfo]
) -> None:
    model = load()
    count = len(model.main.ops)
    for delegate in PREDICTABLE:
        placement = place(model, delegate, PHONE)
        ops = [op for segment in placement.segments for op in segment.ops]
        assert sorted(ops) == list(range(count)), name
        unit = {Delegate.GPU: GPU}.get(delegate, NPU)
        taken = {
            op
            for segment in placement.segments
            for op in segment.ops
            if (segment.executor == "xnnpack" if delegate is Delegate.CPU else segment.unit is unit)
        }
        assert set(reasons(placement)) == set(range(count)) - taken


@settings(max_examples=40, deadline=None)
@given(
    picks=st.lists(
        st.tuples(st.integers(0, random_graphs.KINDS - 1), st.integers(0, 99), st.integers(0, 99)),
        min_size=1,
        max_size=20,
    )
)
def test_segments_run_after_what_they_read_and_a_lower_limit_never_delegates_more(
    picks: list[random_graphs.Pick],
) -> None:
    model = read(random_graphs.build(picks))
    graph = model.main
    # What NNAPI takes reads the fp16 constants themselves, not what DEQUANTIZE makes of them.
    written = {t for op in graph.ops if op.name != "DEQUANTIZE" for t in op.outputs}
    counts = []
    for limit in (1, 2, 3, 99):
        placement = place(model, Delegate.NNAPI, floats(), max_partitions=limit)
        counts.append(placement.nodes.npu)
        seen: set[int] = set()
        for segment in placement.segments:
            for op in segment.ops:
                assert all(t in seen for t in graph.ops[op].inputs if t in written)
                seen.update(graph.ops[op].outputs)
    assert counts == sorted(counts)


def test_all_delegates_of_a_network_are_placed_in_a_few_milliseconds() -> None:
    """Simulating ResNet-34 has 100 ms for reading, placing and predicting, all delegates."""
    model = read(nets.build("efficientnet", "fp16", 64))
    for delegate in PREDICTABLE:
        place(model, delegate, PHONE)  # the rule files are read once per process
    best_s = float("inf")
    for _ in range(5):
        start_s = time.process_time()
        for delegate in PREDICTABLE:
            place(model, delegate, PHONE)
        best_s = min(best_s, time.process_time() - start_s)
    assert best_s < 0.030
