"""The host backend with real child processes: what is measured, and every way to fail."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fakes import tiny_models
from fakes.host_cases import case_for, limited_python, program
from qbench import formats
from qbench.clock import SystemClock
from qbench.host import HostBackend, machine
from qbench.records import (
    Case,
    Delegate,
    Failure,
    InvokeSamples,
    Measurement,
    Origin,
    OutputFormat,
    RawOutput,
)


def _run(case: Case, python: str = sys.executable) -> RawOutput:
    with HostBackend(SystemClock(), python=python) as host:
        return host.run(case)


def _measured(case: Case) -> Measurement:
    told = formats.outcome(_run(case))
    assert isinstance(told, Measurement), told
    return told


def _samples(told: Measurement) -> tuple[int, ...]:
    assert isinstance(told.invokes, InvokeSamples)
    return told.invokes.latencies_us


def _failed(case: Case, python: str = sys.executable) -> Failure:
    told = formats.outcome(_run(case, python))
    assert isinstance(told, Failure), told
    return told


@pytest.fixture
def conv(tmp_path: Path) -> Path:
    return tiny_models.conv_model(tmp_path / "conv.tflite")


# ---- what is measured


def test_a_run_measures_everything_it_promises(conv: Path) -> None:
    told = _measured(case_for(conv, warmup_invokes=3, min_invokes=30))
    assert len(_samples(told)) == 30
    assert told.warmup_invokes == 3
    assert told.init_latency_us is not None
    assert told.init_latency_us > 0
    assert told.first_invoke_latency_us is not None
    assert told.first_invoke_latency_us > 0
    assert told.cpu_time_us is not None
    assert told.cpu_time_us >= sum(_samples(told)) * 0.1
    assert told.threads == 1
    assert told.peak_rss_bytes is not None
    assert 10_000_000 < told.peak_rss_bytes < 300_000_000
    assert told.placement is not None
    assert told.placement.nodes is not None
    assert told.placement.nodes.cpu == 2
    assert told.placement.partitions == 1


def test_min_s_is_a_floor_beside_min_invokes(conv: Path) -> None:
    told = _measured(case_for(conv, min_invokes=1, min_s=0.05))
    assert len(_samples(told)) > 1
    # The last invoke ends after min_s; what is not invoke is the loop between them.
    assert sum(_samples(told)) > 20_000


def test_two_threads_are_two_threads(conv: Path) -> None:
    assert _measured(case_for(conv, threads=2)).threads == 2


def test_without_xnnpack_no_node_is_delegated(conv: Path) -> None:
    told = _measured(case_for(conv, xnnpack=False))
    assert told.placement is not None
    assert told.placement.partitions == 0
    assert told.placement.nodes is not None
    assert told.placement.nodes.cpu == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda path: tiny_models.add_model(path, "float32"),
        lambda path: tiny_models.add_model(path, "int8"),
        lambda path: tiny_models.add_model(path, "uint8"),
        lambda path: tiny_models.add_model(path, "int32"),
        lambda path: tiny_models.add_model(path, "int8", inputs=5),
        lambda path: tiny_models.unary_model(path, "LOGICAL_NOT", "bool"),
        lambda path: tiny_models.unary_model(path, "ABS", "int16"),
        lambda path: tiny_models.unary_model(path, "ABS", "float16"),
        lambda path: tiny_models.gather_model(path, rows=100),
    ],
    ids=["float32", "int8", "uint8", "int32", "5-inputs", "bool", "int16", "float16", "ids"],
)
def test_every_type_of_input_gets_random_values_that_the_model_takes(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    assert len(_samples(_measured(case_for(make(tmp_path / "m.tflite"))))) == 5


def test_a_dynamic_shape_is_measured_as_something_and_the_record_says_as_what(
    tmp_path: Path,
) -> None:
    told = _measured(case_for(tiny_models.dynamic_model(tmp_path / "dynamic.tflite")))
    assert "input 't0': dynamic shape [-1, 32] was measured as [1, 32]" in told.warnings


def test_a_node_without_results_is_placed_too() -> None:
    told = _measured(case_for(Path(__file__).parent / "models" / "state.tflite"))
    assert told.placement is not None
    assert told.placement.nodes is not None
    assert told.placement.nodes.cpu == 4
    assert told.placement.partitions == 1
    assert told.placement.refused == ()


def test_what_max_s_cuts_short_is_told(conv: Path) -> None:
    told = _measured(case_for(conv, min_invokes=900_000, max_s=0.05))
    assert len(_samples(told)) < 900_000
    assert any("less than asked for" in warning for warning in told.warnings)


def test_peak_memory_is_the_childs_and_not_what_the_parent_holds(conv: Path) -> None:
    held = bytearray(400_000_000)
    held[::4096] = b"x" * len(held[::4096])
    told = _measured(case_for(conv))
    assert told.peak_rss_bytes is not None
    assert told.peak_rss_bytes < len(held) / 2


def test_raw_output_is_one_json_object_and_names_the_tool(conv: Path) -> None:
    raw = _run(case_for(conv))
    assert set(json.loads(raw.stdout)) == {"host_run", "measurement"}
    assert raw.format is OutputFormat.HOST_RUN
    assert raw.origin is Origin.HOST
    assert raw.exit_code == 0
    assert raw.tool.startswith("ai-edge-litert ")
    assert raw.tool_sha256 is not None
    assert len(raw.tool_sha256) == 64


def test_the_environment_and_the_working_folder_do_not_reach_the_child(
    conv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert _measured(case_for(conv)).threads == 1


def test_describe_names_this_machine_and_the_runtime() -> None:
    info = HostBackend(SystemClock()).describe()
    assert info.name == "host"
    assert info.origin is Origin.HOST
    assert info.cpu
    assert info.os
    assert info.runtime is not None
    assert info.runtime.startswith("ai-edge-litert ")


# ---- every way to fail


def test_an_unresolved_custom_op_is_named(tmp_path: Path) -> None:
    told = _failed(case_for(tiny_models.custom_op_model(tmp_path / "custom.tflite")))
    assert told.error == "RunnerError"
    assert "unresolved custom op: NobodyKnowsThis" in told.message


def test_string_input_is_refused_in_words(tmp_path: Path) -> None:
    told = _failed(case_for(tiny_models.string_model(tmp_path / "strings.tflite")))
    assert "input 't0' holds strings" in told.message


def test_a_model_that_fails_in_its_first_invoke_is_a_failure(tmp_path: Path) -> None:
    told = _failed(case_for(tiny_models.gather_model(tmp_path / "gather.tflite", rows=3)))
    assert "failed to run it" in told.message


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x1c\0\0\0TFL3" + b"\xff" * 64])
def test_a_file_that_is_no_model_is_a_failure(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    assert _failed(case_for(path)).error in ("RunnerError", "RunnerCrashedError")


def test_too_little_address_space_is_out_of_memory(tmp_path: Path) -> None:
    model = tiny_models.matrix_model(tmp_path / "matrix.tflite", size=4000)
    told = _failed(case_for(model), limited_python(tmp_path, "-v 98304"))
    assert told.error == "RunnerCrashedError"
    assert "ran out of memory" in told.message


def test_a_child_that_the_system_kills_is_named_by_its_signal(conv: Path, tmp_path: Path) -> None:
    endless = case_for(conv, min_s=60.0, max_s=60.0)
    told = _failed(endless, limited_python(tmp_path, "-t 1"))
    assert told.error == "RunnerCrashedError"
    assert "killed by SIGKILL" in told.message


@pytest.mark.parametrize("name", ["SEGV", "ABRT", "BUS", "KILL"])
def test_a_crash_is_named_by_its_signal(conv: Path, tmp_path: Path, name: str) -> None:
    crashing = program(tmp_path, f"ulimit -c 0; echo dying >&2; kill -{name} $$")
    raw = _run(case_for(conv), crashing)
    assert raw.exit_code == -signal.Signals[f"SIG{name}"]
    told = formats.outcome(raw)
    assert isinstance(told, Failure)
    assert told.error == "RunnerCrashedError"
    assert f"killed by SIG{name}: dying" in told.message


def test_a_run_that_hangs_is_killed_at_its_deadline(conv: Path, tmp_path: Path) -> None:
    hanging = program(tmp_path, "exec sleep 600")
    told = _failed(case_for(conv, timeout_s=0.3), hanging)
    assert told.error == "CommandTimeoutError"
    assert told.retryable
    assert "did not end within 0.3 s" in told.message


def test_a_run_that_measures_too_long_meets_its_deadline_too(conv: Path) -> None:
    told = _failed(case_for(conv, min_s=60.0, max_s=60.0, timeout_s=0.5))
    assert told.error == "CommandTimeoutError"


def test_garbage_on_stdout_is_refused_and_can_be_stored(conv: Path, tmp_path: Path) -> None:
    raw = _run(case_for(conv), program(tmp_path, r"printf '\377\000{]'"))
    assert raw.stdout == "\\xff\0{]"
    assert msgspec.json.decode(msgspec.json.encode(raw), type=RawOutput) == raw
    told = formats.outcome(raw)
    assert isinstance(told, Failure)
    assert told.error == "RunnerOutputError"


def test_gigabytes_on_stdout_are_stopped_at_the_limit(conv: Path, tmp_path: Path) -> None:
    raw = _run(case_for(conv), program(tmp_path, "exec yes"))
    assert raw.error is not None
    assert raw.error.error == "RunnerOutputError"
    assert len(raw.stdout) == 64 << 20


def test_a_python_that_cannot_be_started_is_a_failure(conv: Path, tmp_path: Path) -> None:
    told = _failed(case_for(conv), str(tmp_path / "no-python"))
    assert told.error == "CommandError"
    assert "no-python" in told.message


def test_a_python_without_the_runtime_is_a_version_error(
    conv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = HostBackend(SystemClock())
    with host:
        monkeypatch.setattr(sys, "path", ["/nowhere"])
        told = formats.outcome(host.run(case_for(conv)))
    assert isinstance(told, Failure)
    assert told.error == "RunnerVersionError"
    assert "ModuleNotFoundError" in told.message


@pytest.mark.parametrize("delegate", [d for d in Delegate if d is not Delegate.CPU])
def test_another_delegate_is_never_answered_with_the_cpu(conv: Path, delegate: Delegate) -> None:
    told = _failed(case_for(conv, delegate=delegate))
    assert told.error == "NotDelegatedError"
    assert f"no delegate {delegate.value}" in told.message


def test_a_mask_keeps_the_run_to_its_cores_and_an_impossible_one_is_a_failure(conv: Path) -> None:
    first = machine.mask()
    assert first is not None
    one_core = f"{int(first, 16) & -int(first, 16):x}"
    case = msgspec.structs.replace(case_for(conv), mask=one_core)
    assert _measured(case).threads is not None
    refused = _failed(msgspec.structs.replace(case, mask="8000000000000000"))
    assert refused.error == "PlanError"
    assert "mask 8000000000000000" in refused.message
