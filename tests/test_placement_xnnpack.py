"""XNNPACK's rules and the nested CPU path, against the LiteRT runtime: which nodes are taken, into
how many pieces they are put, in which order."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import nets, random_graphs, sweep
from fakes.devices import device, route
from fakes.graphs import Graph
from fakes.runtime import Delegated, beside, delegated, predicted, read
from fakes.sweep.mutants import mutants
from fakes.sweep.parts import Case
from models.real import built_in_models, face_detection_models
from qbench.errors import ModelFileError
from qbench.placement import GraphPlacement, place
from qbench.placement.graph import Graph as PlacementGraph
from qbench.placement.placing import choose
from qbench.placement.targets import reach
from qbench.records import Delegate, DeviceProfile, ModelInfo

PHONE = device()
PICKS = st.lists(
    st.tuples(st.integers(0, random_graphs.KINDS - 1), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=25,
)


def on_cpu(model: ModelInfo) -> GraphPlacement:
    return place(model, Delegate.CPU, PHONE)


def difference(model: Path | bytes) -> str | None:
    """How the prediction for a model differs from the runtime; None: not at all."""
    truth = delegated(model)
    if truth is None:
        return "the runtime turns the file away"
    info = read(model)
    placement = on_cpu(info)
    ours = predicted(info, placement)
    if ours == truth:
        return None
    reasons = {r.op_index: r.reason for r in placement.refused}
    return (
        f"{len(truth.pieces)} pieces, predicted {len(ours.pieces)}; taken but not predicted: "
        f"{list(truth.nodes - ours.nodes)}, predicted but not taken: "
        f"{list(ours.nodes - truth.nodes)}; our reasons: {reasons}"
    )


def compare(models: dict[str, Path] | dict[str, bytes]) -> None:
    """Fails with every model that differs, and with the names of all that were tried."""
    differing = {name: difference(model) for name, model in models.items()}
    bad = {name: why for name, why in differing.items() if why is not None}
    assert not bad, f"{bad}\ntried: {', '.join(models)}"


def test_the_seven_face_models_run_as_predicted() -> None:
    models = {path.name: path for path in face_detection_models()}
    assert len(models) == 7
    compare(models)


def test_the_built_in_models_run_as_predicted() -> None:
    models = {path.name: path for path in built_in_models()}
    assert models
    compare(models)


@pytest.mark.parametrize("precision", nets.PRECISIONS)
def test_twelve_networks_run_as_predicted(precision: str) -> None:
    compare({f"{n} {precision}": nets.build(n, precision) for n in nets.NETWORKS})


def test_every_operator_is_taken_when_the_runtime_takes_it_and_only_then() -> None:
    """1,700 one-operator models: every rule, every data type, every condition."""
    models = sweep.cases()
    differing: dict[str, str] = {}
    taken = turned_away = 0
    for name, model in models.items():
        truth = delegated(model)
        if truth is None:
            turned_away += 1  # mostly versions that no kernel has; nothing to compare with
            continue
        ours = predicted(info := read(model), placement := on_cpu(info))
        taken += bool(truth.nodes)
        if ours.nodes != truth.nodes:
            why = [refused.reason for refused in placement.refused]
            differing[name] = f"runtime {dict(truth.nodes)}, predicted {dict(ours.nodes)}: {why}"
    assert not differing, f"{differing}\ntried: {len(models)} models"
    assert taken > 450, "the sweep must hold operators that are taken, too"
    assert turned_away < 40


def taken_forms() -> list[Case]:
    """One case of the sweep per operator and mixture of data types, of those that are taken."""
    found: dict[tuple[str, tuple[str, ...]], Case] = {}
    for case in sweep.builders():
        model = sweep.cases()[case[0]]
        with contextlib.suppress(ModelFileError):
            info = read(model)
            dtypes = tuple(sorted({tensor.dtype for tensor in info.main.tensors}))
            if len(info.main.ops) == 1 and on_cpu(info).partitions:
                found.setdefault((info.main.ops[0].label, dtypes), case)
    return list(found.values())


def check_mutants(step: int) -> int:
    """Every `step`-th mutant of every form; returns how many were compared."""
    cases = [case for form in taken_forms() for case in mutants(*form)]
    differing = []
    compared = 0
    for name, build in cases[::step]:
        model = build().to_bytes()
        truth = delegated(model)
        if truth is None:
            continue
        try:
            info = read(model)
        except ModelFileError:
            continue  # a rank that no kernel takes: qbench turns the file away
        compared += 1
        if on_cpu(info).partitions != len(truth.pieces):
            differing.append(f"{name}: runtime {len(truth.pieces)}")
    assert not differing, f"{differing}\ntried: {compared} mutants"
    return compared


def test_with_one_thing_wrong_an_operator_is_refused_when_the_runtime_refuses_it() -> None:
    assert check_mutants(11) > 400


@pytest.mark.heavy
def test_with_any_one_thing_wrong_an_operator_is_refused_when_the_runtime_refuses_it() -> None:
    assert check_mutants(1) > 4500


@settings(max_examples=60, deadline=None)
@given(picks=PICKS)
def test_any_graph_is_cut_as_the_runtime_cuts_it(picks: list[random_graphs.Pick]) -> None:
    assert difference(random_graphs.build(picks)) is None


@settings(max_examples=60, deadline=None)
@given(picks=PICKS, data=st.data())
def test_what_another_delegate_leaves_is_cut_as_the_runtime_cuts_it(
    picks: list[random_graphs.Pick], data: st.DataObject
) -> None:
    """The nested CPU path, with a delegate that takes any nodes: `deny_ops` of an NPU that would
    take all leaves the rest to XNNPACK."""
    model = random_graphs.build(picks)
    info = read(model)
    names = sorted({op.name for op in info.main.ops})
    denied = data.draw(st.sets(st.sampled_from(names)), label="denied")
    npu = device(routes={"nnapi": route(("float32", "float16", "int8"), deny_ops=tuple(denied))})
    assert beside_difference(model, Delegate.NNAPI, npu) is None


def beside_difference(
    model: bytes, delegate: Delegate, phone: DeviceProfile, limit: int | None = None
) -> str | None:
    """Our placement for `delegate`, against the runtime in which a stand-in takes its nodes."""
    info = read(model)
    placement = place(info, delegate, phone, max_partitions=limit)
    target = reach(delegate, phone, limit, None)
    chosen = choose(PlacementGraph(info.main), target)
    truth = beside(model, sorted(chosen.taken), chosen.sources)
    sources = dict.fromkeys(chosen.taken, chosen.sources)
    theirs = predicted(info, placement, target.executor, sources).pieces
    ours = Delegated(predicted(info, placement, sources=sources).pieces, truth.nodes)
    pieces = truth.pieces[: len(theirs)], truth.pieces[len(theirs) :]
    if sorted(pieces[0]) == sorted(theirs) and pieces[1] == ours.pieces:
        return None
    return f"runtime {pieces}, predicted {(theirs, ours.pieces)}"


@pytest.mark.parametrize("delegate", [Delegate.GPU, Delegate.NNAPI, Delegate.HEXAGON])
@pytest.mark.parametrize("precision", nets.PRECISIONS)
def test_beside_a_delegate_the_rest_runs_as_predicted(delegate: Delegate, precision: str) -> None:
    for name in ("mobilenet_v3", "googlenet", "segmentation", "detection"):
        model = nets.build(name, precision)
        for limit in (1, 3):
            why = beside_difference(model, delegate, PHONE, limit)
            assert why is None, f"{name} {precision}: {why}"


def test_a_delegate_of_static_sizes_is_turned_away_exactly_where_predicted() -> None:
    """VGG's Flatten computes a shape while the model runs; the other networks do not."""
    for name in nets.NETWORKS:
        model = nets.build(name, "fp32")
        placement = place(read(model), Delegate.GPU, PHONE)
        refused_whole = any("static sizes only" in r.reason for r in placement.refused)
        try:
            beside(model, [0], {})
            turned_away = False
        except RuntimeError:
            turned_away = True
        assert refused_whole == turned_away == (name == "vgg"), name


def test_with_xnnpack_off_the_built_in_kernels_run_everything() -> None:
    info = read(nets.build("resnet", "fp32"))
    placement = place(info, Delegate.CPU, PHONE, xnnpack=False)
    assert [segment.executor for segment in placement.segments] == ["builtin"]
    assert placement.partitions == 0
    assert placement.nodes.cpu == len(info.main.ops)


def test_unpacked_weights_that_a_built_in_kernel_needs_stay_on_the_cpu_kernels() -> None:
    g = Graph("fp16")
    half = g.const([[1.0, 2.0]], "float16")
    full = g.tensor((1, 2))
    g.op("DEQUANTIZE", [half], [full])
    x = g.input((1, 2), "float32")
    y = g.tensor((1, 2))
    g.op("FLOOR_MOD", [x, full], [y])
    g.outputs(y)
    reasons = {r.op: r.reason for r in on_cpu(read(g.to_bytes())).refused}
    assert reasons["DEQUANTIZE"] == "a node outside XNNPACK needs the unpacked constant"
    assert reasons["FLOOR_MOD"] == "XNNPACK does not know FLOOR_MOD"
