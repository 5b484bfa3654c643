"""Plan files, their expansion into cases, and the order of runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbench import plan
from qbench.errors import PlanError
from qbench.records import Delegate, Origin, Plan, Precision

MODELS = (
    plan.PlanModel("resnet34", "/m/resnet34-int8.tflite", "a" * 64, Precision.INT8),
    plan.PlanModel("resnet34", "/m/resnet34-fp32.tflite", "b" * 64, Precision.FP32),
)
PHONE = plan.Target("sd865", Origin.SIMULATED, (Delegate.NNAPI, Delegate.CPU), 4)
HERE = plan.Target("host", Origin.HOST, (Delegate.CPU,), 2)


def _expand(models: tuple[plan.PlanModel, ...] = MODELS, repetitions: int = 3) -> Plan:
    protocol = plan.protocol("quick", repetitions=repetitions)
    return plan.expand(models, (PHONE, HERE), protocol=protocol, seed=7, name="n")


def test_case_ids_are_readable_and_name_model_precision_delegate_threads_and_device() -> None:
    assert [case.case_id for case in _expand().cases] == [
        "resnet34-int8-nnapi-t4@sd865-sim",
        "resnet34-int8-cpu-t4@sd865-sim",
        "resnet34-int8-cpu-t2@host",
        "resnet34-fp32-nnapi-t4@sd865-sim",
        "resnet34-fp32-cpu-t4@sd865-sim",
        "resnet34-fp32-cpu-t2@host",
    ]


def test_repetitions_are_interleaved_forwards_and_backwards_and_simulated_cases_run_once() -> None:
    order = [(run.case_id.split("-", 1)[1], run.repetition) for run in _expand().runs]
    assert order == [
        ("int8-nnapi-t4@sd865-sim", 0),
        ("int8-cpu-t4@sd865-sim", 0),
        ("fp32-nnapi-t4@sd865-sim", 0),
        ("fp32-cpu-t4@sd865-sim", 0),
        ("int8-cpu-t2@host", 0),
        ("fp32-cpu-t2@host", 0),
        ("fp32-cpu-t2@host", 1),
        ("int8-cpu-t2@host", 1),
        ("int8-cpu-t2@host", 2),
        ("fp32-cpu-t2@host", 2),
    ]


@given(st.integers(1, 12), st.integers(1, 4))
def test_every_case_has_each_repetition_once_and_sequences_count_up(
    repetitions: int, models: int
) -> None:
    made = _expand(
        tuple(plan.PlanModel(f"m{i}", f"/m{i}", f"{i:064}", Precision.INT8) for i in range(models)),
        repetitions,
    )
    assert [run.sequence for run in made.runs] == list(range(len(made.runs)))
    pairs = [(run.case_id, run.repetition) for run in made.runs]
    assert len(set(pairs)) == len(pairs) == models * (repetitions + 2)


def test_a_case_without_xnnpack_is_another_case() -> None:
    made = plan.expand(
        MODELS[:1], (HERE,), protocol=plan.protocol("quick"), seed=0, name="n", xnnpack=False
    )
    assert [c.case_id for c in made.cases] == ["resnet34-int8-cpu-t2-noxnnpack@host"]
    assert not made.cases[0].xnnpack


def test_the_same_file_twice_is_one_case_and_equal_names_are_told_apart_by_hash() -> None:
    twin = plan.PlanModel("resnet34", "/other/resnet34-int8.tflite", "c" * 64, Precision.INT8)
    ids = [c.case_id for c in _expand((MODELS[0], MODELS[0], twin)).cases if "nnapi" in c.case_id]
    assert ids == [
        "resnet34.aaaaaaaa-int8-nnapi-t4@sd865-sim",
        "resnet34.cccccccc-int8-nnapi-t4@sd865-sim",
    ]


@pytest.mark.parametrize("name", ["a b", "x;rm -rf", "$(id)", "ü", "..", "-", "a/b", "x" * 300, ""])
def test_hostile_model_names_make_harmless_case_ids(name: str) -> None:
    (case,) = plan.expand(
        (plan.PlanModel(name, "/m", "d" * 64, Precision.FP32),),
        (HERE,),
        protocol=plan.protocol("quick"),
        seed=0,
        name="n",
    ).cases
    assert len(case.case_id) < 100
    assert all(c.isascii() and (c.isalnum() or c in "._+-@") for c in case.case_id)
    assert case.case_id[0].isalnum()


def test_the_precision_leaves_a_models_name_only_when_it_is_the_files_own() -> None:
    assert plan.model_name(Path("a/resnet34-int8.tflite"), Precision.INT8) == "resnet34"
    assert plan.model_name(Path("mobilenet_quant.tflite"), Precision.INT8) == "mobilenet"
    assert plan.model_name(Path("resnet34-int8.tflite"), Precision.FP32) == "resnet34-int8"
    assert plan.model_name(Path("int8.tflite"), Precision.INT8) == "int8"


def test_a_plan_file_is_read_and_its_model_paths_are_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("models: [smallcnn, sub/x.tflite]\ndelegates: [gpu]\nthreads: 2\n")
    spec = plan.load(file)
    assert spec.models == ("smallcnn", str(tmp_path / "sub/x.tflite"))
    assert (spec.delegates, spec.threads) == ((Delegate.GPU,), 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("thread: 4", "thread"),
        ("threads: many", "$.threads"),
        ("delegates: [warp]", "$.delegates[0]"),
        ("- 1", "object"),
        ("a: [", "YAML"),
        ("!!python/object/apply:os.system ['true']", "YAML"),
        ("schema_version: 9", "schema_version"),
    ],
)
def test_a_wrong_plan_file_is_refused_with_file_and_key(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(PlanError) as caught:
        plan.load(file)
    assert str(file) in str(caught.value)
    assert told in str(caught.value)


def test_a_missing_plan_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"gone\.yaml"):
        plan.load(tmp_path / "gone.yaml")


def test_an_unknown_protocol_and_no_repetitions_are_refused() -> None:
    with pytest.raises(PlanError, match="warp"):
        plan.protocol("warp")
    with pytest.raises(PlanError, match="0"):
        plan.protocol("quick", repetitions=0)


def test_a_plan_without_cases_is_refused() -> None:
    with pytest.raises(PlanError, match="no case"):
        _expand(())
