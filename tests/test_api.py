"""`import qbench`: the commands as functions, and what they may not lose."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import qbench
from fakes import tiny_models
from fakes.sessions import FAILED, a_named_case, a_session, latencies
from fakes.summaries import ON_NPU, measured, predicted
from qbench.cli import main
from qbench.cli.retyped import command_line
from qbench.cli.run import run as run_command
from qbench.errors import (
    InputError,
    ModelFileError,
    NoDeviceError,
    PlanError,
    ProfileError,
    QBenchError,
    StoreError,
)
from qbench.records import Delegate, Failure, Origin, Stability, Summary, Taint, UnitNodes

INT8: dict[str, object] = {"precision": "int8"}


@pytest.fixture(autouse=True)
def _nothing_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")  # where no server listens


def a_result(summary: Summary) -> qbench.Result:
    return qbench.Result(session=Path("results/x"), summary=summary)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions of a phone: one with a case that fails, and a later one, 10 % slower."""
    root = tmp_path_factory.mktemp("results")
    quick, broken = a_named_case(threads=1), a_named_case(delegate=Delegate.GPU)
    a_session(root, "before", {quick: latencies(10_000), broken: FAILED})
    a_session(root, "later", {quick: latencies(11_000, seed=1)})
    return root


# -- cost and shape of the package


def test_importing_the_package_imports_nothing_else() -> None:
    code = "old = set(sys.modules); import qbench; print(sorted(set(sys.modules) - old))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['qbench']"


def test_the_functions_come_when_they_are_used_and_without_what_only_some_need() -> None:
    heavy = {"numpy", "pandas", "plotly", "duckdb", "scipy", "ai_edge_litert", "rich"}
    code = f"import sys, qbench; qbench.run; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_that_is_offered_is_there_and_others_are_not() -> None:
    assert {"run", "measure", "simulate", "compare", "load"} <= set(dir(qbench))
    assert all(getattr(qbench, name) is not None for name in qbench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        qbench.rum  # type: ignore[attr-defined]  # noqa: B018


# -- measuring and simulating


def test_a_device_that_is_not_attached_is_simulated_and_says_so_in_every_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = qbench.measure(
        "smallcnn", delegate="nnapi", device="sd865", out=tmp_path, precision="int8"
    )
    assert "no device is attached, so it is simulated" in capsys.readouterr().err
    assert (result.origin, result.tier is not None) == (Origin.SIMULATED, True)
    assert result.p50_us is not None
    assert result.interval is not None
    assert result.interval.low < result.p50_us < result.interval.high
    assert "SIMULATED S" in str(result)
    assert "90 % band" in repr(result)
    (row,) = qbench.load(result).to_dict("records")
    assert (row["origin"], row["tier"], row["interval_level"]) == ("simulated", result.tier, 0.9)


def test_one_case_is_performed_and_nothing_beside_it(tmp_path: Path) -> None:
    result = qbench.measure(
        "smallcnn", threads=1, repetitions=2, name="mine", out=tmp_path, precision="int8"
    )
    assert result.case_id == "smallcnn-int8-cpu-t1@host"
    assert (result.origin, result.summary.runs, result.failure) == (Origin.HOST, 2, None)
    assert Taint.FEW_RUNS in result.taints
    assert result.session.parent == tmp_path
    assert result.session.name.endswith("-mine")
    assert len(qbench.Results.of(result.session)) == 1


def test_run_gives_what_the_command_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = qbench.run(
        "smallcnn",
        precisions="int8",
        device="sd865",
        delegates=["gpu", "cpu"],
        repetitions=1,
        budgets=["p50 <= 1 us"],
        out=tmp_path,
    )
    assert len(results) == 3
    assert {check.status.value for check in results.checks} == {"broken"}
    gpu = results["*-gpu-*"]
    assert gpu.vs_cpu is not None
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["show", str(results.session), "--json"])
    assert ended.value.code == 1
    printed = json.loads(capsys.readouterr().out)["results"]
    assert [row["case_id"] for row in printed] == [case.case_id for case in results]
    assert [row["p50_us"] for row in printed] == [case.p50_us for case in results]


def test_a_model_that_cannot_run_is_a_result_with_its_reason_and_no_number(tmp_path: Path) -> None:
    model = tiny_models.custom_op_model(tmp_path / "custom.tflite")
    result = qbench.measure(model, repetitions=1, out=tmp_path)
    assert (result.p50_us, result.interval, result.summary.failed_runs) == (None, None, 1)
    assert result.failure is not None
    assert "unresolved custom op: NobodyKnowsThis" in result.failure.message
    assert "no number" in str(result)
    assert "NobodyKnowsThis" in str(result)
    with pytest.raises(qbench.BudgetBrokenError, match="1 of 1 run failed"):
        qbench.assert_budget(result, "p50 <= 1 s")


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ({}, InputError, "4 cases, and one is meant"),
        ({"precision": "int9"}, InputError, "precision: 'int9' is not known"),
        ({"delegate": "tpu"}, InputError, "delegate: 'tpu' is not known"),
        ({"threads": 0, **INT8}, InputError, "threads: 0 is not from 1 to 64"),
        ({"protocol": "fast", **INT8}, PlanError, "'fast' is not known"),
        ({"device": "sd1", **INT8}, ProfileError, "sd1"),
        ({"delegate": "gpu", **INT8}, PlanError, "it has no delegate gpu"),
        ({"device": "sd865", "require_hardware": True, **INT8}, NoDeviceError, "no device"),
        ({"is_strickt": True, **INT8}, InputError, "option 'is_strickt' is not known"),
        ({"accepted": "HOT", **INT8}, InputError, "HOT"),
        (
            {"is_app": True, "benchmark_binary": "benchmark_model", **INT8},
            InputError,
            "the app was asked for",
        ),
    ],
)
def test_what_cannot_be_measured_raises_the_error_of_the_command_with_a_hint(
    tmp_path: Path, asked: dict[str, object], kind: type[QBenchError], told: str
) -> None:
    with pytest.raises(kind, match=told):
        qbench.measure("smallcnn", out=tmp_path, **asked)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == [], "nothing may have been written"


def test_a_missing_model_raises_the_error_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"gone\.tflite"):
        qbench.measure(tmp_path / "gone.tflite", out=tmp_path)


def test_a_simulation_answers_for_every_delegate_and_number_of_threads() -> None:
    told = qbench.simulate(
        "smallcnn", precisions="int8", device="sd865", delegates=["cpu", "nnapi"], threads=[1, 4]
    )
    assert [(a.delegate.value, a.threads) for a in told] == [
        ("cpu", 1),
        ("cpu", 4),
        ("nnapi", 1),
        ("nnapi", 4),
    ]
    frame = told.frame()
    assert frame.shape[0] == len(told) == 4
    assert (frame["low_us"] <= frame["p50_us"]).all()
    assert (frame["p50_us"] <= frame["high_us"]).all()
    assert set(frame["tier"]) <= {"S0", "S1", "S2", "S3"}


def test_a_supposition_stays_with_the_answers() -> None:
    told = qbench.simulate(
        "smallcnn", precisions="int8", device="sd865", delegates="gpu", what_if="ADD refused by gpu"
    )
    assert set(told.frame()["supposed"]) == {"ADD refused by gpu"}
    assert set(told.frame()["tier"]) == {"S0"}


def test_a_load_that_goes_on_is_told_minute_by_minute() -> None:
    told = qbench.sustain(
        "smallcnn", precisions="int8", device="sd865", delegates=["cpu", "gpu"], duration_s=180
    )
    frame = told.frame()
    assert len(told) == 2
    assert list(frame["minute"]) == [1, 2, 3, 1, 2, 3]
    assert set(frame["origin"]) == {"simulated"}
    assert set(frame["tier"]) == {"S0"}
    assert (frame["low_us"] <= frame["undisturbed_us"]).all()
    assert str(frame["p90_us"].dtype) == "Int64"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"duration_s": 0.0}, "duration"),
        ({"duration_s": 1e6}, "duration"),
        ({"ambient_c": 90.0}, "ambient"),
        ({"threads": 0}, "threads: '0' is not understood"),
        ({"delegates": "tpu"}, "delegate: 'tpu' is not known"),
    ],
)
def test_a_prediction_of_nonsense_is_refused(asked: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        qbench.sustain("smallcnn", device="sd865", precisions="int8", **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "typed"),
    [
        ({"models": "smallcnn"}, "qbench run smallcnn"),
        (
            {"models": ["a.tflite", "b.tflite"], "threads": [1, 4], "xnnpack": False, "seed": 3},
            "qbench run a.tflite b.tflite --threads 1 --threads 4 --no-xnnpack --seed 3",
        ),
        (
            {"device": "sd865", "require_hardware": True, "is_gpu_fp16_allowed": False},
            "qbench run --device sd865 --gpu-fp32 --require-hardware",
        ),
        (
            {"models": "m", "accepted": ["CHARGING"], "budgets": ["p50 <= 8 ms"], "aa": True},
            "qbench run m --aa --budget 'p50 <= 8 ms' --accept CHARGING",
        ),
    ],
)
def test_what_was_asked_is_also_a_command_line(asked: dict[str, object], typed: str) -> None:
    assert sorted(command_line(run_command, asked)) == sorted(shlex.split(typed))
    with run_command.make_context("run", shlex.split(typed)[2:]) as context:
        for name, value in asked.items():
            told = context.params[name]
            assert told == (value if not isinstance(value, str | list) else told)


def test_a_session_remembers_the_command_that_makes_it_again(tmp_path: Path) -> None:
    result = qbench.measure(
        "smallcnn", precision="int8", delegate="gpu", device="sd865", threads=2, out=tmp_path
    )
    command = qbench.Results.of(result.session).info.command
    assert shlex.join(command) == (
        "qbench run smallcnn --device sd865 --delegate gpu --precision int8 --threads 2"
    )


# -- loading


def test_a_failure_is_a_row_without_a_number(stored: Path) -> None:
    frame = qbench.load(stored / "2026-01-01T0000Z-before").set_index("delegate")
    assert frame.loc["gpu", "failure"] == "RunnerCrashedError: signal 11"
    assert frame["p50_us"].isna().to_dict() == {"cpu": False, "gpu": True}
    assert str(frame["p50_us"].dtype) == "Int64"


def test_runs_are_rows_and_patterns_choose_sessions_and_cases(stored: Path) -> None:
    assert qbench.load(f"{stored}/*", per="run").shape[0] == 25
    assert qbench.load(f"{stored}/*:*-cpu-*", per="run").shape[0] == 20
    both = qbench.load(stored / "2026-01-01T0000Z-before", stored / "2026-01-01T0000Z-later")
    assert list(both["session"].unique()) == ["2026-01-01T0000Z-before", "2026-01-01T0000Z-later"]
    assert qbench.load(stored)["session"].nunique() == 1, "of a folder the newest session"


def test_the_columns_of_a_table_are_those_of_the_command(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["report", str(stored), "--format", "csv"])
    assert capsys.readouterr().out.splitlines()[0].split(",") == list(qbench.load(stored).columns)


def test_what_is_no_session_or_no_case_of_it_is_refused(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no session here"):
        qbench.load(tmp_path)
    with pytest.raises(StoreError, match="no case fits"):
        qbench.load(f"{stored}:nothing*")
    with pytest.raises(InputError, match="no session is given"):
        qbench.load()
    with pytest.raises(InputError, match="per='invoke'"):
        qbench.load(stored, per="invoke")  # type: ignore[arg-type]


def test_a_case_is_found_by_its_id_or_a_pattern_and_never_guessed(stored: Path) -> None:
    results = qbench.Results.of(stored / "2026-01-01T0000Z-before")
    assert results["*-cpu-*"].p50_us == pytest.approx(10_000, rel=0.02)
    assert [result.case_id for result in results.failures] == ["m-int8-gpu-t4@d"]
    assert "5 of 5 runs failed: RunnerCrashedError" in str(results)
    for pattern in ("*", "*-nnapi-*"):
        with pytest.raises(InputError, match="cases fit"):
            results[pattern]


# -- comparing


def test_two_sessions_are_compared_as_by_the_command(stored: Path) -> None:
    before, later = stored / "2026-01-01T0000Z-before", stored / "2026-01-01T0000Z-later"
    found = qbench.compare(before, qbench.Results.of(later))
    assert found.counts == {"slower": 1}
    assert found.has_regression
    assert qbench.compare(before, later, margin_ratio=0.2).counts == {"same": 1}


def test_other_origins_are_refused_unless_it_is_said(stored: Path, tmp_path: Path) -> None:
    device = stored / "2026-01-01T0000Z-later"
    case = a_named_case(threads=1, origin=Origin.HOST)
    host = a_session(tmp_path, "host", {case: latencies(9_000)}).folder
    assert qbench.compare(device, host).counts == {"refused": 1}
    across = qbench.compare(device, host, across=["origin", "device", "tool", "taints"])
    assert "refused" not in across.counts
    assert set(across.across) == {"origin", "device", "tool", "taints"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"metric": "p95"}, "metric: 'p95' is not known"),
        ({"across": "everything"}, "across: 'everything' is not known"),
        ({"margin_ratio": 0.0}, "margin_ratio 0.0 is not above 0"),
    ],
)
def test_a_comparison_of_unknown_words_is_refused(
    stored: Path, asked: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        qbench.compare(stored, stored, **asked)  # type: ignore[arg-type]


# -- budgets

CLOSE = (7_000, 7_500, 8_200, 7_100, 8_300)
FAR = (7_000, 7_010, 6_990, 7_020, 7_000)


def judged(summary: Summary, limit: str, **allow: str) -> tuple[str, str]:
    (one,) = qbench.judge(a_result(summary), limit, **allow)  # type: ignore[arg-type]
    return one.standing.value, one.text


def test_a_kept_budget_says_by_how_much_and_how_surely() -> None:
    assert judged(measured(FAR), "p50 <= 8 ms") == (
        "kept",
        "p50 <= 8 ms: kept: 7.00 ms is 12 % below, and so is all of the 95 % interval 6.99-7.02 ms",
    )


def test_a_broken_budget_says_by_how_much() -> None:
    standing, text = judged(measured(FAR), "p50 <= 5 ms")
    assert standing == "broken"
    assert text.startswith("p50 <= 5 ms: BROKEN: 7.00 ms is 40 % above")


def test_noise_that_reaches_over_the_limit_is_inconclusive_and_no_pass() -> None:
    summary = measured(CLOSE, verdict=Stability.NOISY)
    standing, text = judged(summary, "p50 <= 8 ms")
    assert standing == "inconclusive"
    assert "reaches above: measure again with more runs" in text
    with pytest.raises(qbench.BudgetInconclusiveError, match="INCONCLUSIVE"):
        qbench.assert_budget(a_result(summary), "p50 <= 8 ms")


@pytest.mark.parametrize("runs", [1, 2, 4])
def test_too_few_runs_are_inconclusive_however_far_the_limit(runs: int) -> None:
    few = msgspec.structs.replace(measured(FAR[:runs]), taints=(Taint.FEW_RUNS,))
    assert judged(few, "p50 <= 800 ms")[0] == "inconclusive"


def test_a_metric_that_nobody_told_is_inconclusive() -> None:
    for limit in ("p90 <= 8 ms", "memory <= 1 GB", "partitions <= 1"):
        assert judged(measured(FAR), limit)[0] == "inconclusive"


def test_a_simulated_result_keeps_a_budget_only_when_told() -> None:
    summary = predicted(5_000, 4_000, 7_000)
    assert judged(summary, "p50 <= 8 ms") == (
        "refused",
        "p50 <= 8 ms: REFUSED: 5.00 ms is 38 % below, but it is SIMULATED S1, not measured on a "
        'device: allow="simulated" lets it keep a budget',
    )
    with pytest.raises(qbench.BudgetBrokenError, match="REFUSED"):
        qbench.assert_budget(a_result(summary), "p50 <= 8 ms", allow="emulated")
    assert judged(summary, "p50 <= 8 ms", allow="simulated")[0] == "kept"


def test_a_simulated_band_that_reaches_over_the_limit_is_inconclusive() -> None:
    summary = predicted(7_500, 6_000, 9_000)
    assert judged(summary, "p50 <= 8 ms", allow="simulated")[0] == "inconclusive"


def test_an_emulated_result_keeps_a_budget_only_when_told() -> None:
    summary = measured(FAR, origin=Origin.EMULATED)
    assert judged(summary, "p50 <= 8 ms")[0] == "refused"
    assert judged(summary, "p50 <= 8 ms", allow="simulated")[0] == "refused"
    assert judged(summary, "p50 <= 8 ms", allow="emulated")[0] == "kept"


def test_what_the_cpu_ran_instead_keeps_no_budget_of_the_delegate() -> None:
    fallback = predicted(5_000, 4_000, 7_000, nodes=UnitNodes(10, 0, 0))
    assert judged(fallback, "p50 <= 8 ms", allow="simulated")[0] == "refused"
    (one, two) = qbench.judge(
        a_result(fallback),
        "p50 <= 8 ms",
        "not delegated -> fail",
        allow=("simulated", "fallback"),
    )
    assert (one.standing, two.standing) == ("kept", "broken")
    assert two.text == "not delegated -> fail: BROKEN: no node ran on nnapi"
    on_npu = predicted(5_000, 4_000, 7_000, nodes=ON_NPU)
    assert judged(on_npu, "not delegated -> fail", allow="simulated")[0] == "kept"


def test_a_failed_run_keeps_nothing_though_others_are_quick() -> None:
    crash = Failure("RunnerCrashedError", "signal 11")
    summary = msgspec.structs.replace(measured(FAR, failure=crash), runs=6, failed_runs=1)
    with pytest.raises(qbench.BudgetBrokenError, match="1 of 6 runs failed") as raised:
        qbench.assert_budget(a_result(summary), "p50 <= 80 ms")
    assert "signal 11" in str(raised.value)


def test_every_limit_is_told_and_the_result_with_its_origin() -> None:
    with pytest.raises(qbench.BudgetBrokenError) as raised:
        qbench.assert_budget(a_result(measured(FAR)), "p50 <= 8 ms", "p50 <= 5 ms")
    kept, broken, result = str(raised.value).splitlines()
    assert (kept[:17], broken[:19]) == ("p50 <= 8 ms: kept", "p50 <= 5 ms: BROKEN")
    assert "measured on the device" in result


def test_limits_that_cannot_be_read_are_the_callers_mistake() -> None:
    result = a_result(measured(FAR))
    with pytest.raises(PlanError, match="is not a limit"):
        qbench.judge(result, "p50 < 8 ms")
    with pytest.raises(InputError, match="no limit is given"):
        qbench.judge(result)
    with pytest.raises(InputError, match="allow: 'guesses' is not known"):
        qbench.judge(result, "p50 <= 8 ms", allow="guesses")  # type: ignore[arg-type]


def test_a_name_that_would_drive_a_terminal_is_harmless_in_every_message() -> None:
    summary = measured(FAR, case_id="\x1b[31mevil\nname")
    assert "\x1b" not in str(a_result(summary))
    assert "\n" not in str(a_result(summary))
