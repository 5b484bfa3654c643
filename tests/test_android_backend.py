"""The backend of an Android device, on a phone made of files: order, losses, deaths, resumption."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes import tiny_models
from fakes.host_cases import case_for
from fakes.local_phone import LocalPhone, processes_of
from fakes.local_tool import local_tool
from fakes.local_transport import LocalCache, LocalTransport
from qbench import formats
from qbench.android.backend import AndroidBackend
from qbench.android.options import Options
from qbench.android.restore import restore
from qbench.android.runner import Runner
from qbench.clock import SystemClock
from qbench.errors import CommandTimeoutError, DeviceError, DisconnectedError, InputError
from qbench.records import (
    Case,
    Delegate,
    Failure,
    InvokeAggregate,
    Measurement,
    Origin,
    PlannedRun,
    RawOutput,
    Taint,
    UnitNodes,
)

CPU, GPU, NNAPI = Delegate.CPU, Delegate.GPU, Delegate.NNAPI


class Lab:
    """A phone, a tool, a model, and backends that use them."""

    def __init__(self, folder: Path, *, run_s: float = 0.1) -> None:
        self.folder = folder
        self.phone = LocalPhone(folder)
        self.transport = LocalTransport(self.phone)
        self.tool = local_tool(folder, self.phone, run_s=run_s)
        self.model = tiny_models.conv_model(folder / "conv.tflite")
        self.notes: list[str] = []
        self.before = self.phone.settings_of_device()

    def case(self, delegate: Delegate = CPU, *, timeout_s: float = 20.0) -> Case:
        case = case_for(self.model, threads=4, delegate=delegate, timeout_s=timeout_s)
        return msgspec.structs.replace(
            case, case_id=f"conv-fp32-{delegate}-t4@sd865", device="sd865", origin=Origin.EMULATED
        )

    def runs(
        self, *delegates: Delegate, repetitions: int = 1, timeout_s: float = 20.0
    ) -> list[tuple[PlannedRun, Case]]:
        found: list[tuple[PlannedRun, Case]] = []
        for repetition in range(repetitions):
            for delegate in delegates:
                case = self.case(delegate, timeout_s=timeout_s)
                found.append((PlannedRun(len(found), case.case_id, repetition), case))
        return found

    def backend(
        self,
        runs: Sequence[tuple[PlannedRun, Case]] = (),
        *,
        session: str = "a session",
        **options: Any,
    ) -> AndroidBackend:
        chosen = {"benchmark_binary": self.tool, "cool_least_s": 0.0, "patience_s": 5.0} | options
        return AndroidBackend(
            self.transport,
            LocalCache(self.phone, self.transport),
            clock=SystemClock(),
            reconnect=self.transport.reconnect,
            session=session,
            runs=runs,
            options=msgspec.convert(chosen, Options),
            notify=self.notes.append,
            base=str(self.phone.base),
            lock_folder=self.folder,
        )

    def perform(self, runs: Sequence[tuple[PlannedRun, Case]], **options: Any) -> list[RawOutput]:
        with self.backend(runs, **options) as backend:
            found = []
            for _, case in runs:
                backend.settle()
                found.append(backend.run(case))
                backend.state()
            return found

    def calls(self) -> int:
        """How often the tool was started."""
        return len((self.folder / "calls").read_text().splitlines())

    def assert_as_before(self) -> None:
        assert self.phone.settings_of_device() == self.before
        assert not (self.phone.base / "active").exists()
        assert not (self.phone.base / "journal").exists()
        assert sorted(self.phone.base.glob("sessions/*")) == []


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def _numbers(outputs: Sequence[RawOutput]) -> list[int | None]:
    told = [formats.outcome(output) for output in outputs]
    assert all(isinstance(each, Measurement) for each in told), told
    aggregates = [each.invokes for each in told if isinstance(each, Measurement)]
    return [each.p50_us for each in aggregates if isinstance(each, InvokeAggregate)]


FIRST_SESSION = """\
getprop
runner contact
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
    assert _numbers(outputs) == [1035, 1035]
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


def test_a_delegate_that_the_device_lacks_is_a_failed_run_with_the_way_to_get_it(
    lab: Lab,
) -> None:
    qnn, cpu = lab.perform(lab.runs(Delegate.QNN, CPU))
    told = formats.outcome(qnn)
    assert isinstance(told, Failure)
    assert told.error == "NotDelegatedError"
    assert "QBENCH_QNN_LIBRARIES" in told.message
    assert isinstance(formats.outcome(cpu), Measurement)


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
    assert _numbers(lab.perform(lab.runs(CPU))) == [1035]


def test_a_hostile_model_name_never_reaches_the_device(lab: Lab) -> None:
    hostile = lab.folder / "-rf $(touch owned);'\"\n\u4e2d.tflite"
    hostile.write_bytes(lab.model.read_bytes())
    lab.model = hostile
    assert _numbers(lab.perform(lab.runs(CPU))) == [1035]
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


# Losses: the link breaks before an operation, and what the device does goes on.


@pytest.mark.parametrize("number", [0, 10, 13, 16, 17, 20])
def test_where_the_link_breaks_no_run_is_lost_and_none_is_run_twice(lab: Lab, number: int) -> None:
    _lose_at(lab, number)


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(24))
def test_wherever_the_link_breaks_no_run_is_lost_and_none_is_run_twice(
    lab: Lab, number: int
) -> None:
    _lose_at(lab, number)


def _lose_at(lab: Lab, number: int) -> None:
    lab.transport.losses = {number, number + 1}
    outputs = lab.perform(lab.runs(CPU, GPU, repetitions=2))
    assert _numbers(outputs) == [1035] * 4
    assert lab.calls() == 4
    lab.assert_as_before()


def test_a_device_that_does_not_come_back_finishes_alone_and_is_collected_later(
    lab: Lab,
) -> None:
    runs = lab.runs(CPU, GPU, repetitions=2)
    lab.transport.is_back_after = False
    backend = lab.backend(runs, patience_s=1.0)
    backend.__enter__()
    assert _numbers([backend.run(runs[0][1])]) == [1035]
    lab.transport.losses = {lab.transport.count}
    with pytest.raises(DisconnectedError, match="not back in 1 s") as caught:
        backend.run(runs[1][1])
    backend.__exit__(DisconnectedError, caught.value, None)
    lab.transport.is_lost = False
    assert _numbers(lab.perform(runs[1:])) == [1035] * 3
    assert lab.calls() == 4
    lab.assert_as_before()


def test_a_host_that_dies_loses_nothing_that_the_device_can_do(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=0.3)
    runs = lab.runs(CPU, GPU, repetitions=2)
    dead = lab.backend(runs)
    dead.__enter__()  # and never leaves, as after kill -9
    assert _numbers([dead.run(runs[0][1])]) == [1035]
    assert dead._turn is not None
    dead._turn.release()  # the kernel does this
    lab.transport.log.clear()
    assert _numbers(lab.perform(runs[1:])) == [1035] * 3
    assert lab.calls() == 4
    assert "device local: it is still at work; joining" in lab.notes
    assert not [line for line in lab.transport.log if line.startswith("push")]
    lab.assert_as_before()


def test_what_was_done_is_collected_without_tool_model_or_another_run(lab: Lab) -> None:
    runs = lab.runs(CPU, repetitions=2)
    dead = lab.backend(runs)
    dead.__enter__()
    assert dead._session is not None
    dead._session.result("0001")
    assert dead._turn is not None
    dead._turn.release()
    lab.tool.unlink()
    lab.model.unlink()
    assert _numbers(lab.perform(runs)) == [1035] * 2
    lab.assert_as_before()


# Deaths of the runner and of the device.


def _kill_all(lab: Lab) -> None:
    for pid in processes_of(lab.phone):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_reboot_in_the_middle_costs_one_run_that_is_run_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=0.3)
    runs = lab.runs(CPU, GPU, repetitions=2)
    with lab.backend(runs) as backend:
        outputs = [backend.run(runs[0][1])]
        _kill_all(lab)
        lab.phone.write("proc/sys/kernel/random/boot_id", "another\n")
        outputs += [backend.run(case) for _, case in runs[1:]]
    assert _numbers(outputs) == [1035] * 4
    assert any("its runner died" in note for note in lab.notes)
    lab.assert_as_before()


def test_a_device_that_dies_with_the_same_run_again_and_again_is_given_up(
    tmp_path: Path,
) -> None:
    lab = Lab(tmp_path)
    killer = tmp_path / "killer"
    killer.write_text(f"#!{lab.phone.bin / 'sh'}\nkill -9 $PPID\n")
    killer.chmod(0o755)
    lab.tool = killer
    runs = lab.runs(CPU)
    with pytest.raises(DeviceError, match="its runner died 2 times in job 0000"):
        print(lab.perform(runs), lab.notes)
    restore(lab.transport, base=str(lab.phone.base))
    assert lab.phone.settings_of_device() == lab.before


def test_ctrl_c_ends_the_tool_and_puts_the_device_back_and_keeps_what_was_done(
    tmp_path: Path,
) -> None:
    lab = Lab(tmp_path, run_s=0.3)
    runs = lab.runs(CPU, repetitions=3)
    backend = lab.backend(runs)
    backend.__enter__()
    backend.run(runs[0][1])
    backend.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert lab.phone.settings_of_device() == lab.before
    assert not (lab.phone.base / "active").exists()
    calls = lab.calls()
    assert _numbers(lab.perform(runs[1:])) == [1035] * 2
    assert lab.calls() <= calls + 2
    lab.assert_as_before()


def test_a_session_of_another_host_is_not_disturbed(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=3)
    other = lab.backend(lab.runs(CPU), session="theirs")
    other.__enter__()
    assert other._turn is not None
    other._turn.release()  # another machine knows nothing of our lock
    with (
        pytest.raises(CommandTimeoutError, match="of another qbench runs on it"),
        lab.backend(lab.runs(CPU), session="ours"),
    ):
        raise AssertionError("not reached")
    restore(lab.transport, base=str(lab.phone.base))
    assert lab.phone.settings_of_device() == lab.before


def test_two_sessions_take_turns_on_one_device(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=0.2)
    outputs: dict[str, list[RawOutput]] = {}

    def work(name: str) -> None:
        outputs[name] = lab.perform(lab.runs(CPU, repetitions=3), session=name, hold_s=0.0)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [_numbers(outputs[name]) for name in ("one", "two")] == [[1035] * 3] * 2
    assert lab.calls() == 6
    assert "device local: letting another qbench have it for a while" in lab.notes
    lab.assert_as_before()


def test_restoring_ends_what_runs_and_leaves_the_results(tmp_path: Path) -> None:
    lab = Lab(tmp_path, run_s=0.2)
    runs = lab.runs(CPU, repetitions=20)
    lost = lab.backend(runs)
    lost.__enter__()
    lost.run(runs[0][1])
    contact = restore(lab.transport, base=str(lab.phone.base))
    assert contact.busy is None
    assert [s.reason for s in contact.sessions] == ["stopped"]
    assert lab.phone.settings_of_device() == lab.before
    done = Runner(lab.transport, base=str(lab.phone.base)).done(contact.sessions[0].name)
    assert "0000" in done
    with pytest.raises(DeviceError, match="the session was stopped"):
        lost.run(runs[15][1])
