"""The backend of an Android device: what it asks in which order, and what it makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.local_lab import CPU, GPU, NNAPI, Lab, numbers_of
from fakes.local_tool import local_tool
from qbench import formats
from qbench.errors import DeviceError, InputError
from qbench.records import (
    ComputeUnit,
    Delegate,
    Failure,
    Measurement,
    Origin,
    Taint,
    UnitNodes,
)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


FIRST_SESSION = """\
getprop
runner contact
push B/runner-#/answers.sh
push B/runner-#/apk.sh
push B/runner-#/common.sh
push B/runner-#/jobs.sh
push B/runner-#/journal.sh
push B/runner-#/snapshot.sh
push B/runner-#/runner.sh
runner contact
runner state
push B/#
push B/#
run B/# --graph=B/# --num_runs=1 --min_secs=0 --warmup_runs=1 --warmup_min_secs=0 \
--use_nnapi=true --disable_nnapi_cpu=true
runner contact
push B/sessions/#/note
push B/sessions/#/list
runner start #
runner wait # 0000 5
pull B/sessions/#/results/0000
pull B/sessions/#/prepared
runner wait # 0001 5
pull B/sessions/#/results/0001
runner wait # none 5
runner forget #"""


def test_what_a_first_session_asks_of_a_device_in_this_order(lab: Lab) -> None:
    model = lab.model
    lab.model = Path(formats.__file__).parents[1] / "models" / "smallcnn-int8.tflite"
    outputs = lab.perform(lab.runs(CPU, NNAPI))
    lab.model = model
    assert numbers_of(outputs) == [1035, 1035]
    assert "\n".join(lab.transport.log) == FIRST_SESSION
    lab.assert_as_before()


SECOND_SESSION = """\
getprop
runner contact
runner state
runner contact
push B/sessions/#/note
push B/sessions/#/list
runner start #
runner wait # 0000 5
pull B/sessions/#/results/0000
pull B/sessions/#/prepared
runner wait # none 5
runner forget #"""


def test_a_second_session_sends_nothing_that_is_there(lab: Lab) -> None:
    lab.perform(lab.runs(CPU))
    lab.transport.log.clear()
    lab.perform(lab.runs(CPU), session="another")
    assert "\n".join(lab.transport.log) == SECOND_SESSION
    lab.assert_as_before()


def test_each_run_knows_what_was_asked_and_what_it_ran_with(lab: Lab) -> None:
    cpu, gpu, nnapi, npu = lab.perform(lab.runs(CPU, GPU, NNAPI, Delegate.NPU))
    assert cpu.asked is not None
    assert gpu.asked is not None
    assert nnapi.asked is not None
    assert npu.asked is not None
    assert [o.asked.delegate for o in (cpu, gpu, nnapi) if o.asked] == [CPU, GPU, NNAPI]
    assert (nnapi.asked.accelerator, npu.asked.accelerator) == ("qti-dsp", "qti-dsp")
    assert npu.asked.delegate is NNAPI
    assert cpu.tool_sha256 is not None
    assert cpu.tool_sha256[:12] in cpu.tool
    assert cpu.origin is Origin.EMULATED
    assert cpu.taints == (Taint.EMULATOR,)
    told = formats.outcome(npu)
    assert isinstance(told, Measurement)
    assert told.placement is not None
    assert told.placement.nodes is not None
    assert told.placement.nodes == UnitNodes(cpu=0, gpu=0, npu=18)
    assert told.warnings[0].startswith("npu was asked for and run by way of nnapi: qti-dsp, of ")


def test_a_delegate_that_the_device_lacks_is_a_failed_run_with_the_way_to_get_it(
    lab: Lab,
) -> None:
    qnn, cpu = lab.perform(lab.runs(Delegate.QNN, CPU))
    told = formats.outcome(qnn)
    assert isinstance(told, Failure)
    assert told.error == "NotDelegatedError"
    assert "no way to qnn: missing: libQnnTFLiteDelegate.so, " in told.message
    assert "QBENCH_QNN_LIBRARIES" in told.message
    assert isinstance(formats.outcome(cpu), Measurement)


def test_where_falling_back_is_allowed_a_missing_delegate_is_the_cpus_run_and_says_so(
    lab: Lab,
) -> None:
    (output,) = lab.perform(lab.runs(Delegate.HEXAGON), is_fallback_allowed=True)
    told = formats.outcome(output)
    assert isinstance(told, Measurement)
    assert told.placement is not None
    assert told.placement.executed_by == (ComputeUnit.CPU,)
    assert told.warnings[0].startswith("no way to hexagon: missing: libhexagon_interface.so, ")
    assert told.warnings[0].endswith(": the CPU's number")
    assert "hexagon" not in (lab.folder / "calls").read_text()


def test_the_npu_ladder_goes_on_to_the_vendors_libraries(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.tool = local_tool(tmp_path, lab.phone, accelerators="nnapi-reference")
    folder = tmp_path / "qnn libraries"
    folder.mkdir()
    for name in ("TFLiteDelegate", "Dsp", "DspV66Stub", "DspV66Skel", "System"):
        (folder / f"libQnn{name}.so").write_bytes(name.encode())
    (output,) = lab.perform(lab.runs(Delegate.NPU), qnn_libraries=folder)
    assert output.asked is not None
    assert output.asked.delegate is Delegate.QNN
    assert isinstance(formats.outcome(output), Measurement)
    (there,) = lab.phone.base.glob("libraries-*")
    assert len(list(there.iterdir())) == 5
    call = (tmp_path / "calls").read_text().splitlines()[-1]
    assert call.startswith(f"{there} --graph=")
    assert f"--external_delegate_path={there}/libQnnTFLiteDelegate.so" in call


def test_without_a_tool_nothing_is_touched_and_the_device_is_let_go(lab: Lab) -> None:
    backend = lab.backend(lab.runs(CPU), benchmark_binary=lab.folder / "none")
    with pytest.raises(InputError, match="cannot be read"), backend:
        raise AssertionError("not reached")
    lab.assert_as_before()
    assert numbers_of(lab.perform(lab.runs(CPU))) == [1035]


def test_a_hostile_model_name_never_reaches_the_device(lab: Lab) -> None:
    hostile = lab.folder / "-rf $(touch owned);'\"\n\u4e2d.tflite"
    hostile.write_bytes(lab.model.read_bytes())
    lab.model = hostile
    assert numbers_of(lab.perform(lab.runs(CPU))) == [1035]
    assert "owned" not in (lab.folder / "calls").read_text()


def test_a_run_over_its_deadline_is_a_failure_and_the_next_one_runs(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=30)
    runs = lab.runs(CPU, timeout_s=1)
    told = formats.outcome(lab.perform(runs)[0])
    assert isinstance(told, Failure)
    assert told.error == "CommandTimeoutError"
    assert "within 1 s, and was killed" in told.message
    lab.assert_as_before()


# Strict.


def test_strict_refuses_by_name_before_anything_runs(lab: Lab) -> None:
    lab.phone.write("sys/class/power_supply/battery/status", "Charging\n")
    lab.before = lab.phone.settings_of_device()
    backend = lab.backend(lab.runs(CPU), is_strict=True, accepted=["EMULATOR"])
    with pytest.raises(DeviceError, match="CHARGING") as caught, backend:
        raise AssertionError("not reached")
    assert "EMULATOR" not in str(caught.value)
    assert "--accept CHARGING" in (caught.value.hint or "")
    assert not (lab.folder / "calls").exists()
    assert lab.phone.settings_of_device() == lab.before


def test_what_was_accepted_by_name_is_in_every_result(lab: Lab) -> None:
    lab.phone.write("sys/class/power_supply/battery/status", "Charging\n")
    (output,) = lab.perform(lab.runs(CPU), is_strict=True, accepted=["EMULATOR", "CHARGING"])
    told = formats.outcome(output)
    assert isinstance(told, Measurement)
    assert told.taints == (Taint.EMULATOR, Taint.CHARGING)


def test_a_device_that_stays_hot_is_refused_when_strict_and_measured_with_a_taint_when_not(
    lab: Lab,
) -> None:
    lab.phone.write("sys/devices/virtual/thermal/thermal_zone4/temp", "60000\n")
    options = {"cool_to_c": 40.0, "cool_most_s": 0.1}
    strict = {"is_strict": True, "accepted": ["EMULATOR"]}
    (refused,) = lab.perform(lab.runs(CPU), **options, **strict)
    assert refused.error is not None
    assert refused.error.error == "TooHotError"
    (measured,) = lab.perform(lab.runs(CPU), **options, session="not strict")
    told = formats.outcome(measured)
    assert isinstance(told, Measurement)
    assert Taint.THERMAL in told.taints


def test_a_result_that_cannot_be_understood_is_a_failed_run(lab: Lab) -> None:
    runs = lab.runs(CPU, repetitions=2)
    with lab.backend(runs) as backend:
        assert backend._session is not None
        while "0001" not in backend._runner.done(backend._session.name):
            pass
        path = lab.phone.base / "sessions" / backend._session.name / "results" / "0000"
        path.write_bytes(path.read_bytes().replace(b"status 0", b"status x"))
        outcomes = [formats.outcome(backend.run(case)) for _, case in runs]
    assert isinstance(outcomes[0], Failure)
    assert outcomes[0].error == "RunnerOutputError"
    assert isinstance(outcomes[1], Measurement)
    lab.assert_as_before()
