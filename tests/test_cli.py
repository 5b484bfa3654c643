"""The command line as a user meets it: real processes, real exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RESULT_KEYS = {
    "case_id",
    "model",
    "precision",
    "delegate",
    "threads",
    "origin",
    "tier",
    "p50_us",
    "low_us",
    "high_us",
    "p90_us",
    "init_us",
    "first_invoke_us",
    "nodes",
    "partitions",
    "proof",
    "verdict",
    "taints",
    "warnings",
    "failure",
}


def qbench(
    *args: str | Path, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    # A port where no adb server listens: what is attached to this machine is not our business.
    environment = {**os.environ, "ANDROID_ADB_SERVER_PORT": "1", **env}
    command = [sys.executable, "-m", "qbench", *map(str, args)]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def main_job(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path]:
    """The main job, two repetitions: its JSON object, its stderr, its folder."""
    out = tmp_path_factory.mktemp("main") / "results"
    done = qbench(
        "run",
        "--device",
        "sd865",
        "--delegate",
        "nnapi",
        "--repetitions",
        "2",
        "--json",
        "--out",
        out,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr, out


def _row(body: dict[str, Any], precision: str, delegate: str, device: str) -> dict[str, Any]:
    (found,) = (
        r
        for r in body["results"]
        if (r["precision"], r["delegate"], r["device"]) == (precision, delegate, device)
    )
    return dict(found)


def test_the_main_job_says_in_one_line_that_no_device_matches_and_how_to_attach_one(
    main_job: tuple[dict[str, Any], str, Path],
) -> None:
    lines = [line for line in main_job[1].splitlines() if line.startswith("sd865:")]
    assert len(lines) == 1
    assert "simulated" in lines[0]
    assert "adb devices" in lines[0]
    assert "--require-hardware" in lines[0]


def test_json_has_every_promised_key_for_every_case(
    main_job: tuple[dict[str, Any], str, Path],
) -> None:
    body = main_job[0]
    assert {"schema_version", "session_dir", "device", "results"} <= set(body)
    assert Path(body["session_dir"]).is_dir()
    assert len(body["results"]) == 4 * 3
    for result in body["results"]:
        assert set(result) >= RESULT_KEYS


def test_only_the_int8_model_gets_an_npu_number(main_job: tuple[dict[str, Any], str, Path]) -> None:
    body = main_job[0]
    int8 = _row(body, "int8", "nnapi", "sd865")
    assert int8["nodes"]["npu"] > 0
    assert int8["partitions"] >= 1
    assert int8["cpu_fallback"] is False
    for precision in ("fp32", "fp16", "dynamic"):
        asked = _row(body, precision, "nnapi", "sd865")
        own_cpu = _row(body, precision, "cpu", "sd865")
        assert (asked["nodes"]["npu"], asked["partitions"]) == (0, 0)
        assert asked["cpu_fallback"] is True
        assert asked["p50_us"] == own_cpu["p50_us"]
        assert (asked["vs_cpu_ratio"], asked["vs_cpu_low_ratio"]) == (1.0, None)
        assert any("int8" in warning for warning in asked["warnings"])


def test_a_simulated_number_has_band_and_tier_and_a_measured_one_has_runs_and_interval(
    main_job: tuple[dict[str, Any], str, Path],
) -> None:
    for result in main_job[0]["results"]:
        assert result["low_us"] <= result["p50_us"] <= result["high_us"]
        if result["device"] == "sd865":
            assert (result["origin"], result["proof"]) == ("simulated", "predicted")
            assert result["tier"] in ("S0", "S1")
            assert result["interval_level"] == 0.9
            assert result["low_us"] < result["high_us"]
            assert result["first_invoke_us"] is None
        else:
            assert (result["origin"], result["proof"]) == ("host", "node_counts")
            assert result["tier"] is None
            assert (result["runs"], result["failed_runs"]) == (2, 0)
            assert result["interval_level"] == 0.95
            assert result["init_us"] > 0


def test_show_prints_the_same_object_from_the_records_alone(
    main_job: tuple[dict[str, Any], str, Path],
) -> None:
    body, _, out = main_job
    shown = qbench("show", body["session_dir"], "--json")
    assert json.loads(shown.stdout) == body
    assert json.loads(qbench("show", out, "--json").stdout)["results"] == body["results"]


def test_the_table_says_on_every_simulated_row_that_it_is_simulated_and_fits_100_columns(
    main_job: tuple[dict[str, Any], str, Path],
) -> None:
    text = qbench("show", main_job[0]["session_dir"]).stdout
    rows = [line for line in text.splitlines() if " sd865 " in line and "t4" not in line]
    assert len([r for r in rows if "SIMULATED" in r]) >= 8
    assert all("SIMULATED" in row for row in rows if row.startswith("  "))
    assert "90 % band" in text
    assert "95 % interval" in text
    assert "nnapi -> CPU" in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_rereading_changes_no_byte_and_resuming_a_whole_session_runs_nothing(
    main_job: tuple[dict[str, Any], str, Path],
) -> None:
    folder = Path(main_job[0]["session_dir"])
    before = (folder / "runs.jsonl").read_bytes()
    reread = qbench("reread", folder)
    assert reread.returncode == 0, reread.stderr
    assert "unchanged, byte for byte" in reread.stdout
    (folder / "runs.jsonl").write_bytes(b"")
    assert "changed" in qbench("reread", folder).stdout
    assert (folder / "runs.jsonl").read_bytes() == before
    resumed = qbench("resume", folder, "--json")
    assert "0 of" in resumed.stderr
    assert (folder / "runs.jsonl").read_bytes() == before


def test_every_delegate_works_on_a_users_own_file_with_a_hostile_name(
    tmp_path: Path, a_model: Path
) -> None:
    odd = tmp_path / "my model; $(touch owned) ü\n.tflite"
    odd.write_bytes(a_model.read_bytes())
    delegates = [x for d in ("gpu", "nnapi", "hexagon", "cpu", "npu") for x in ("--delegate", d)]
    done = qbench(
        "run", odd, "--device", "sd865", *delegates, "--threads", "4",
        "--repetitions", "1", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [r["delegate"] for r in results] == ["gpu", "nnapi", "hexagon", "cpu", "npu", "cpu"]
    assert not (tmp_path / "owned").exists()
    assert (tmp_path / "results").is_dir()


@pytest.fixture
def a_model() -> Path:
    import qbench

    return Path(qbench.__file__).parent / "models" / "smallcnn-int8.tflite"


def test_the_host_alone_is_measured_and_is_named(tmp_path: Path) -> None:
    done = qbench(
        "run", "smallcnn", "--precision", "int8", "--device", "host", "--repetitions", "2",
        "--seed", "3", "--json", "--out", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    (result,) = body["results"]
    assert (body["device"]["name"], result["origin"], result["runs"]) == ("host", "host", 2)
    plan = json.loads((Path(body["session_dir"]) / "plan.json").read_text())
    assert plan["seed"] == 3


def test_a_missing_device_can_be_an_error_of_its_own(tmp_path: Path) -> None:
    done = qbench("run", "--device", "sd865", "--require-hardware", "--out", tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "no device" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("run", "gone.tflite"), "gone.tflite"),
        (("run", "README"), "README"),
        (("run", "text.tflite"), "text.tflite"),
        (("run", "--device", "sd856"), "sd856"),
        (("run", "--device", "wrong.yaml"), "coers"),
        (("run", "--delegate", "warp"), "warp"),
        (("run", "--device", "host", "--delegate", "gpu"), "gpu"),
        (("run", "bad-plan.yaml"), "thread"),
        (("run", "--threads", "0"), "0"),
        (("rnu",), "Meant 'run'?"),
        (("show", "nowhere"), "nowhere"),
        (("inspect", "gone.tflite"), "gone.tflite"),
    ],
)
def test_wrong_input_is_one_clear_line_and_exit_code_2(
    tmp_path: Path, args: tuple[str, ...], told: str
) -> None:
    (tmp_path / "README").write_text("words")
    (tmp_path / "text.tflite").write_text("words, words")
    (tmp_path / "bad-plan.yaml").write_text("thread: 4")
    (tmp_path / "wrong.yaml").write_text("schema_version: 1\nname: wrong\ncoers: 8\n")
    done = qbench(*args, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.lower().startswith("error:")]
    assert len(errors) == 1
    assert told in errors[0]


def test_a_results_folder_that_cannot_be_written_is_refused_before_anything_runs(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    done = qbench("run", "--device", "sd865", "--out", tmp_path / "file" / "results")
    assert done.returncode == 2
    assert "file" in done.stderr
    assert "--out" in done.stderr


def test_help_imports_neither_numpy_nor_the_runtime_nor_rich() -> None:
    program = (
        "import sys\nfrom qbench.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'numpy', 'ai_edge_litert', 'rich', 'yaml', 'scipy', 'msgspec', 'adbutils'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_plan_is_printed_and_nothing_is_touched(tmp_path: Path) -> None:
    done = qbench("plan", "smallcnn", "--device", "sd865", "--delegate", "gpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "int8-gpu-t4@sd865-sim" in line)
    assert row.split() == ["smallcnn-int8-gpu-t4@sd865-sim", "SIMULATED", "1", "-"]
    assert "protocol quick" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_inspect_names_every_operator_and_why_a_delegate_refuses_it() -> None:
    done = qbench("inspect", Path("harness/qbench/models/smallcnn-fp32.tflite").absolute())
    assert done.returncode == 0, done.stderr
    assert "CONV_2D" in done.stdout
    assert "qti-dsp" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


def test_the_devices_command_lists_profiles_without_an_adb_server() -> None:
    done = qbench("devices", "--json")
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert body["attached"] == []
    assert "sd865" in [p["name"] for p in body["profiles"]]


def test_the_adb_server_can_be_named_as_adb_does_it() -> None:
    done = qbench("-H", "127.0.0.1", "-P", "2", "doctor", ADB_SERVER_SOCKET="tcp:127.0.0.1:3")
    assert "none runs at 127.0.0.1:2" in done.stdout
    assert done.returncode == 3
