"""The short ways of placement and lowering give what their long definitions give."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import msgspec
import pytest

from qbench import profiles
from qbench.placement import Segment, place
from qbench.placement.checks import picker
from qbench.placement.graph import SEATS, Graph, Node
from qbench.records import ComputeUnit, Delegate, ModelInfo, OpInfo, TensorInfo
from qbench.simulator import Oracle, kernels, networks
from qbench.simulator.calibration import fit, work
from qbench.simulator.calibration.reuse import Caches
from qbench.simulator.calibration.work import Tiles
from qbench.simulator.kernels import Dtype, Kernel
from qbench.simulator.networks.graph import Graph as NetworkGraph

SD865 = profiles.load("sd865")
NEW = Oracle(SD865)
NETWORKS = ("efficientnet_b0", "hrnet_w32_pose", "inception_resnet_v2", "mobilenet_v3_large")
FLOATS = ("float32", "float16")


def in_full(model: ModelInfo, kernel: Kernel) -> dict[str, object]:
    """What a kernel reads, writes and computes in, by definition."""
    tensors, ops = model.main.tensors, [model.main.ops[i] for i in kernel.ops]
    head = next((op for op in ops if op.name != "PAD"), ops[0])
    written = {t for op in ops for t in op.outputs}
    read = sorted({t for op in ops for t in op.inputs if t >= 0} - written)
    outputs = [tensors[t] for t in ops[-1].outputs]
    activations = [tensors[t] for t in read if not tensors[t].is_constant] + outputs
    weights = [tensors[t] for t in read if tensors[t].is_constant]

    def size(tensor: TensorInfo) -> int:
        unit = kernel.unit
        is_half = unit is ComputeUnit.GPU or (unit is ComputeUnit.NPU and tensor.dtype in FLOATS)
        return prod(tensor.shape) * 2 if is_half else tensor.nbytes or 0

    return {
        "activation_bytes": sum(size(t) for t in activations),
        "weight_bytes": sum(size(t) for t in weights),
        "elements": sum(prod(t.shape) for t in outputs),
        "dtype": dtype_in_full(tensors, head, kernel.unit),
    }


def dtype_in_full(tensors: tuple[TensorInfo, ...], op: OpInfo, unit: ComputeUnit) -> Dtype:
    known = [tensors[t] for t in (*op.outputs, *op.inputs) if t >= 0]
    activations = {t.dtype for t in known if not t.is_constant}
    if unit is ComputeUnit.GPU:
        return Dtype.FP16
    if activations & {"int8", "uint8"}:
        return Dtype.INT8
    if unit is ComputeUnit.NPU:
        return Dtype.FP16 if activations & set(FLOATS) else Dtype.INT8
    narrow = any(t.is_constant and t.dtype in ("int8", "uint8", "int4") for t in known)
    return Dtype.DYNAMIC if op.macs and narrow else Dtype.FP32


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_kernels_read_write_and_compute_what_their_operators_do(network: str, dtype: str) -> None:
    model = networks.build(network, dtype)
    whole = tuple(range(len(model.main.ops)))
    graph = kernels.Graph(model)
    for unit, executor in (("cpu", "xnnpack"), ("gpu", "gpu"), ("npu", "nnapi")):
        found = kernels.lower(graph, Segment(ComputeUnit(unit), executor, whole), SD865)
        assert sorted(i for kernel in found for i in kernel.ops) == list(whole)
        for kernel in found:
            if kernel.launches == 1:  # Winograd moves more, by its own rule
                expected = in_full(model, kernel)
                assert {name: getattr(kernel, name) for name in expected} == expected


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_what_is_called_alike_is_the_same_kernel_but_for_its_operators(
    network: str, dtype: str
) -> None:
    model = networks.build(network, dtype)
    graph = kernels.Graph(model)
    whole, met = tuple(range(len(model.main.ops))), 0
    for unit, executor in (("cpu", "xnnpack"), ("cpu", "builtin"), ("gpu", "gpu"), ("npu", "n")):
        segment = Segment(ComputeUnit(unit), executor, whole)
        of_a_form: dict[object, Kernel] = {}
        for group in kernels.groups(graph, segment):
            form = kernels.alike(graph, group)
            own = msgspec.structs.replace(kernels.kernel(graph, group, segment, SD865), ops=())
            met += form in of_a_form
            assert of_a_form.setdefault(form, own) == own
    assert met > 10


@pytest.mark.parametrize("network", [*NETWORKS, "nasnet_mobile"])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_kernels_of_one_form_are_priced_by_the_same_amounts(network: str, dtype: str) -> None:
    model = networks.build(network, dtype)
    host = profiles.load("host")
    where, tiles = place(model, Delegate.CPU, host), fit.tiles_of(host)
    told = work.describe(kernels.Graph(model), frozenset(), where, CACHES, tiles)
    assert len({id(one.form) for one in told.works}) < 0.8 * len(told.works)
    for one in told.works:
        assert one.form == alone(model, one.ops, tiles)


CACHES = Caches(l1d_bytes=32_768, l2_bytes=1 << 20, l3_bytes=32 << 20)


def alone(model: ModelInfo, ops: tuple[int, ...], tiles: Mapping[Dtype, Tiles]) -> work.Form:
    """The form of one kernel when there is no other one in the graph."""
    main = model.main
    kept = tuple(main.ops[i] for i in ops)
    bare = [msgspec.structs.replace(op, index=i) for i, op in enumerate(kept)]
    cut = msgspec.structs.replace(main, ops=tuple(bare))
    graph = kernels.Graph(msgspec.structs.replace(model, subgraphs=(cut,)))
    where = place(model, Delegate.CPU, profiles.load("host"))
    executor = next(s.executor for s in where.segments if ops[0] in s.ops)
    only = msgspec.structs.replace(
        where, segments=(Segment(ComputeUnit.CPU, executor, tuple(range(len(ops)))),)
    )
    (found,) = work.describe(graph, frozenset(), only, CACHES, tiles).works
    return found.form


def test_a_tensor_that_is_read_twice_is_not_taken_for_two() -> None:
    g = NetworkGraph("twice", "float32")
    x, y = g.input(8, 8, 16), g.input(8, 8, 16)
    for inputs in ([x, y], [y, x], [x, x], [y, y], [x, y, y], [x, y, x]):
        g.op("CONCATENATION", inputs, (1, 8, 8, 16 * len(inputs)))
    graph = kernels.Graph(g.info())
    two, same, once, again, last, first = [kernels.alike(graph, [op]) for op in graph.ops]
    assert two == same
    assert once == again
    assert len({two, once, last, first}) == 4


@pytest.mark.parametrize("where", ["in0", "in4", "out0", "out3", "in*", "out*", "in7", "out6"])
def test_a_seat_is_the_tensor_that_the_rule_names(where: str) -> None:
    model = networks.build("mobilenet_v3_large", "int8")
    graph = Graph(model.main)
    for node in graph.nodes:
        found = list(picker(where)(node))
        tensors = node.inputs if where.startswith("in") else node.outputs
        role = "input" if where.startswith("in") else "output"
        if where.endswith("*"):
            assert found == [(f"{role} {i}", t) for i, t in enumerate(tensors) if t is not None]
        else:
            position = int(where[-1])
            expected = tensors[position] if position < len(tensors) else None
            assert found == [(f"{role} {position}", expected)]


def test_a_node_has_seats_for_all_that_a_rule_may_look_at() -> None:
    model = networks.build("mobilenet_v2", "float32")
    graph = Graph(model.main)
    for node in graph.nodes:
        assert len(node.inputs) == max(SEATS, len(node.input_ids))
        assert len(node.outputs) == max(SEATS, len(node.output_ids))
        assert node.inputs[: len(node.input_ids)] == [graph.tensor(i) for i in node.input_ids]
    assert Node(graph, model.main.ops[0], (-1, 10**9)).inputs[:2] == [None, None]


def test_an_oracle_that_was_asked_before_answers_as_a_new_one() -> None:
    models = [networks.build(n, d) for n in NETWORKS[-2:] for d in ("float32", "int8")]
    asked = Oracle(SD865)
    for model in (*models, *models[:1]):
        for delegate in (Delegate.NNAPI, Delegate.CPU, Delegate.GPU, Delegate.CPU):
            for threads in (1, 4):
                for xnnpack in (True, False):
                    told = asked.foresee(model, delegate, threads, xnnpack=xnnpack)
                    new = NEW.on(SD865).foresee(model, delegate, threads, xnnpack=xnnpack)
                    assert told == new
                    assert told.placement == place(model, delegate, SD865, xnnpack=xnnpack)
