"""qbench simulate: what it answers, what it refuses, and what a supposition changes."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from fakes.public_networks import ROOT, build
from qbench import placement, profiles
from qbench.cli import group as qbench
from qbench.cli.simulating import thread_counts
from qbench.errors import InputError
from qbench.placement import Assumption
from qbench.records import ComputeUnit, Delegate, Precision, Tier
from qbench.report.simulation import Piece, partition_map
from qbench.simulator import Oracle, requantize, whatif

MODELS = ROOT / "harness" / "qbench" / "models"
INT8 = str(MODELS / "smallcnn-int8.tflite")
FP32 = str(MODELS / "smallcnn-fp32.tflite")
SD865 = profiles.load("sd865")


def ran(*arguments: str) -> Result:
    """`return_value` is the exit code of what was not refused."""
    arguments = ("simulate", *arguments, "--device", "sd865")
    return CliRunner().invoke(qbench, arguments, standalone_mode=False)


def results(*arguments: str) -> list[dict[str, Any]]:
    done = ran(*arguments, "--json")
    assert done.return_value == 0, done.output
    body = json.loads(done.stdout)
    assert body["device"] == "sd865"
    found: list[dict[str, Any]] = body["results"]
    return found


# -- answers


def test_one_model_is_told_operator_by_operator_and_the_times_add_up() -> None:
    told = results(INT8)
    assert [r["delegate"] for r in told] == ["nnapi", "gpu", "cpu"]
    for r in told:
        assert sum(k["time_us"] for k in r["kernels"]) == pytest.approx(r["p50_us"], abs=1)
        by_bound = sum(
            r[f"{b}_us"] for b in ("compute", "memory", "overhead", "segment", "transfer")
        )
        assert by_bound == pytest.approx(r["p50_us"], abs=1)
        assert 0 < r["low_us"] < r["p50_us"] < r["high_us"]
        assert (r["origin"], r["tier"]) == ("simulated", "S1")
        assert sorted(i for piece in r["pieces"] for i in piece["ops"]) == list(range(21))
    assert told[0]["nodes_npu"] == 21
    assert told[1]["nodes_gpu"] == 21


def test_a_folder_is_told_file_by_file_without_the_operators() -> None:
    told = results(str(MODELS), "--delegate", "cpu")
    assert [Path(r["path"]).name for r in told] == sorted(p.name for p in MODELS.glob("*.tflite"))
    assert all("kernels" not in r for r in told)
    assert all("kernels" in r for r in results(str(MODELS), "--ops"))


def test_the_csv_says_the_same_as_the_json() -> None:
    done = ran(str(MODELS), "--csv", "--threads", "1..2")
    lines = list(csv.DictReader(io.StringIO(done.stdout)))
    told = results(str(MODELS), "--threads", "1,2")
    assert len(lines) == len(told) == 4 * 3 * 2
    for line, r in zip(lines, told, strict=True):
        assert {k: line[k] for k in ("model", "delegate", "tier")} == {
            k: r[k] for k in ("model", "delegate", "tier")
        }
        assert (int(line["p50_us"]), int(line["threads"])) == (r["p50_us"], r["threads"])


def test_the_same_question_gets_the_same_bytes() -> None:
    assert ran(INT8, "--json").stdout == ran(INT8, "--json").stdout


def test_the_table_shows_band_tier_and_map_and_says_that_nothing_was_measured() -> None:
    done = ran(INT8, "--delegate", "nnapi", "--what-if", "MEAN refused by nnapi")
    assert done.return_value == 0
    assert "SIMULATED: computed for sd865" in done.stdout
    assert "supposed: MEAN refused by nnapi" in done.stdout
    assert "| CPU(xnnpack) 19 |" in done.stdout
    assert "S0" in done.stdout


def test_more_threads_within_a_cluster_are_never_slower_for_a_large_network() -> None:
    oracle = Oracle(SD865)
    model = build("resnet50", "float32")
    times = [oracle.foresee(model, Delegate.CPU, n).prediction.p50_us for n in range(1, 5)]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("text", "counts"), [("4", [4]), ("1,2,4", [1, 2, 4]), ("1..3", [1, 2, 3]), ("2,1..2", [2, 1])]
)
def test_numbers_of_threads(text: str, counts: list[int]) -> None:
    assert thread_counts(text) == counts


@pytest.mark.parametrize("text", ["0", "4..1", "x", "1,,2", "-1", "1..999"])
def test_a_number_of_threads_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="threads: "):
        thread_counts(text)


def test_a_map_of_pieces_joins_neighbours() -> None:
    pieces = [
        Piece(unit="npu", executor="nnapi", ops=(0, 1, 2, 5)),
        Piece(unit="cpu", executor="builtin", ops=(3,)),
    ]
    assert partition_map(pieces) == "NPU(nnapi) 0-2,5 | CPU(builtin) 3"


# -- failures


def test_a_damaged_file_of_a_folder_is_a_failure_beside_the_others(tmp_path: Path) -> None:
    shutil.copy(INT8, tmp_path / "a.tflite")
    (tmp_path / "b.tflite").write_bytes(b"not a model")
    done = ran(str(tmp_path), "--delegate", "cpu", "--json")
    assert done.return_value == 4
    good, bad = json.loads(done.stdout)["results"]
    assert good["p50_us"] > 0
    assert bad["p50_us"] is None
    assert bad["failure"].startswith("ModelFileError: ")
    table = ran(str(tmp_path), "--delegate", "cpu")
    assert table.return_value == 4
    assert "failed: ModelFileError" in table.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/nowhere/x.tflite"], "/nowhere/x.tflite"),
        (["smallcn"], "there is no such file, and no model of that name"),
        ([INT8, "--what-if", "please be fast"], "what-if: 'please be fast' is not understood"),
        ([INT8, "--what-if", "ADD supported by cuda"], "is not understood"),
        ([INT8, "--clock", "prime=fast"], "clock: 'prime=fast' is not understood for sd865"),
        ([INT8, "--clock", "huge=1GHz"], "clock: 'huge=1GHz' is not understood"),
        ([INT8, "--clock", "prime=0GHz"], "clock: 'prime=0GHz' is not understood"),
        ([INT8, "--threads", "many"], "threads: 'many' is not understood"),
        ([FP32, "--what-if", "precision=int4"], "precision=int4 is not understood"),
        ([INT8, "--what-if", "precision=dynamic"], "only an fp32 model can be supposed dynamic"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(arguments: list[str], said: str) -> None:
    done = ran(*arguments)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    done = ran(str(tmp_path))
    assert isinstance(done.exception, InputError)
    assert "there is no .tflite file in this folder" in str(done.exception)


def test_a_delegate_without_known_rules_is_a_failure_of_that_delegate_alone() -> None:
    done = ran(INT8, "--delegate", "qnn", "--delegate", "cpu", "--json")
    assert done.return_value == 4
    qnn, cpu = json.loads(done.stdout)["results"]
    assert qnn["failure"].startswith("PlanError: delegate qnn")
    assert cpu["failure"] is None


# -- suppositions


def test_support_that_is_supposed_joins_the_pieces_and_that_which_is_denied_cuts_them() -> None:
    model = build("mobilenet_v3_large", "int8")
    usual = placement.place(model, Delegate.CPU, SD865)
    joined = placement.place(
        model, Delegate.CPU, SD865, assumptions=[Assumption("xnnpack", "HARD_SWISH", True)]
    )
    cut = placement.place(
        model, Delegate.NNAPI, SD865, assumptions=[Assumption("nnapi", "HARD_SWISH", False)]
    )
    assert usual.partitions == 22
    assert joined.partitions == 1
    assert joined.refused == ()
    assert cut.partitions > 1
    assert {n.reason for n in cut.refused if n.op == "HARD_SWISH"} == {
        "NNAPI is assumed to refuse it"
    }


@pytest.mark.parametrize(
    "network", ["mobilenet_v1", "mobilenet_v3_large", "densenet_121", "deeplab_v3_plus_mobilenet"]
)
def test_a_model_that_is_supposed_int8_is_predicted_as_the_int8_model_is(network: str) -> None:
    oracle = Oracle(SD865)
    real = build(network, "int8")
    supposed = requantize.quantized(build(network, "float32"), Precision.INT8)
    for delegate in (Delegate.CPU, Delegate.GPU, Delegate.NNAPI, Delegate.HEXAGON):
        of_real, of_supposed = (
            oracle.foresee(model, delegate, 4).prediction for model in (real, supposed)
        )
        assert of_supposed == of_real


def test_another_precision_is_a_supposition_that_is_told() -> None:
    usual = {r["delegate"]: r for r in results(FP32)}
    for precision in ("int8", "dynamic"):
        for r in results(FP32, "--what-if", f"precision={precision}"):
            assert (r["precision"], r["tier"]) == (precision, "S0")
            assert r["supposed"] == f"precision={precision}"
            assert f"supposed: precision={precision}" in r["warnings"]
            if r["delegate"] == "cpu":
                assert r["p50_us"] < usual["cpu"]["p50_us"]
    (npu,) = results(FP32, "--what-if", "precision=int8", "--delegate", "nnapi")
    assert usual["nnapi"]["nodes_npu"] == 0  # this driver takes no floats
    assert npu["nodes_npu"] == 21


def test_an_assumption_about_one_executor_leaves_the_others_alone() -> None:
    model = build("mobilenet_v3_large", "int8")
    for delegate in (Delegate.CPU, Delegate.GPU, Delegate.NNAPI):
        asked = placement.place(
            model, delegate, SD865, assumptions=[Assumption("hexagon", "ADD", False)]
        )
        assert asked == placement.place(model, delegate, SD865)


def test_supposed_support_makes_hard_swish_networks_faster() -> None:
    model = build("mobilenet_v3_large", "int8")
    question = "HARD_SWISH supported by xnnpack"
    usual = Oracle(SD865).foresee(model, Delegate.CPU, 4).prediction
    asked = Oracle(SD865, [whatif.assumption(question)], [question])
    told = asked.foresee(model, Delegate.CPU, 4).prediction
    assert told.p50_us < usual.p50_us
    assert told.warnings[-1] == f"supposed: {question}"


def test_a_supposition_is_never_called_fitted_and_its_band_never_narrows() -> None:
    model = build("resnet18", "int8")
    plain = Oracle(SD865).foresee(model, Delegate.NNAPI, 4).prediction
    told = whatif.supposed(plain, ["prime=1GHz"])
    assert (plain.tier, told.tier) == (Tier.S1, Tier.S0)
    assert told.low_us <= plain.low_us
    assert told.high_us >= plain.high_us
    assert told.high_us >= 2.9 * told.p50_us  # an NPU's prior
    assert whatif.supposed(plain, []) is plain


def test_clocks_are_those_that_were_asked_for() -> None:
    changed = whatif.clocked(SD865, ["prime=1.8GHz", "little = 900 MHz", "gpu=293.5MHz"])
    assert [c.max_khz for c in changed.cpu.clusters] == [1_800_000, 2_420_000, 900_000]
    assert changed.gpu is not None
    assert SD865.gpu is not None
    assert changed.gpu.fp16_macs_per_s == pytest.approx((SD865.gpu.fp16_macs_per_s or 0) / 2)
    assert msgspec.structs.replace(changed, cpu=SD865.cpu, gpu=SD865.gpu) == SD865


@pytest.mark.parametrize(
    ("unit", "clock"), [(ComputeUnit.CPU, "prime=1GHz"), (ComputeUnit.GPU, "gpu=200MHz")]
)
def test_a_lower_clock_is_slower(unit: ComputeUnit, clock: str) -> None:
    model = build("resnet18", "float32")
    delegate = Delegate.CPU if unit is ComputeUnit.CPU else Delegate.GPU
    slow = Oracle(whatif.clocked(SD865, [clock])).foresee(model, delegate, 1).prediction
    assert slow.p50_us > Oracle(SD865).foresee(model, delegate, 1).prediction.p50_us
