"""benchmark_model as an app: installed once, started by its activity, read from the log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes.local_lab import CPU, NNAPI, Lab, numbers_of
from qbench import formats
from qbench.android import options, tools
from qbench.android.backend import AndroidBackend
from qbench.errors import CommandError, InputError
from qbench.records import Case, Delegate, Failure, Measurement, PlannedRun

ACTIVITY = "org.tensorflow.lite.benchmark/.BenchmarkModelActivity"


class AppLab(Lab):
    """Android's `pm`, `am`, `logcat` and `pidof`, as far as the app needs them: `am start` runs the
    tool's script and puts its lines into the log with a threadtime prefix."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = self.tool
        self.tool = folder / "benchmark_model.apk"
        self.tool.write_bytes(b"PK\x03\x04 an app")
        state = folder / "app"
        state.mkdir()
        prefix = "11-24 05:00:00.000  4711  4711 I tflite  : "
        self._program(
            "pm",
            f"""
case $1 in
path) [ -f {state}/base.apk ] && print package:{state}/base.apk ;;
install) print -r -- "$*" >>{state}/installs; cat >{state}/base.apk; print Success ;;
esac""",
        )
        self._program(
            "am",
            f"""
case $1 in
force-stop) [ -f {state}/pid ] && kill $(cat {state}/pid) 2>/dev/null; rm -f {state}/pid ;;
start) [ -f {state}/base.apk ] || {{ print "Error: Activity does not exist."; exit 1; }}
	print -r -- "$*" >>{state}/starts
	while [ "$1" != args ]; do shift; done
	sleep 60 & print $! >{state}/pid
	: >{state}/log
	{self.program} $2 2>&1 | while IFS= read -r line; do
		print -r -- "{prefix}$line" >>{state}/log; done ;;
esac""",
        )
        self._program("pidof", f"cat {state}/pid 2>/dev/null")
        self._program("logcat", f"cat {state}/log")
        self.state = state

    def backend(
        self, runs: Sequence[tuple[PlannedRun, Case]] = (), **options: Any
    ) -> AndroidBackend:
        app = {"is_app": True, "benchmark_binary": None, "benchmark_apk": self.tool}
        return super().backend(runs, **app | options)

    def _program(self, name: str, body: str) -> None:
        path = self.phone.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!{self.phone.bin / 'sh'}\n{body}\n")
        path.chmod(0o755)


@pytest.fixture
def lab(tmp_path: Path) -> AppLab:
    return AppLab(tmp_path)


def test_the_app_is_installed_once_and_its_log_is_the_runs_output(lab: AppLab) -> None:
    outputs = lab.perform(lab.runs(CPU, repetitions=2))
    assert numbers_of(outputs) == [1035, 1035]
    assert (lab.state / "installs").read_text() == "install -r -d -g -S 11\n"
    assert (lab.state / "base.apk").read_bytes() == lab.tool.read_bytes()
    start = (lab.state / "starts").read_text().splitlines()[0]
    assert start.startswith(f"start -S -n {ACTIVITY} --es args --graph=")
    assert outputs[0].asked is not None
    assert outputs[0].asked.is_app
    told = formats.outcome(outputs[0])
    assert isinstance(told, Measurement)
    assert told.cpu_time_us is None, "what was seen of the starter says nothing of the app"
    lab.assert_as_before()
    lab.perform(lab.runs(CPU), session="again")
    assert len((lab.state / "installs").read_text().splitlines()) == 1


def test_the_app_lists_the_accelerators_too(lab: AppLab) -> None:
    (output,) = lab.perform(lab.runs(NNAPI))
    assert output.asked is not None
    assert output.asked.accelerator == "qti-dsp"
    assert isinstance(formats.outcome(output), Measurement)


def test_an_app_that_fails_is_a_failed_run(lab: AppLab) -> None:
    lab.program.write_text(f"#!{lab.phone.bin / 'sh'}\nprint 'ERROR: Benchmarking failed.'\n")
    told = formats.outcome(lab.perform(lab.runs(CPU))[0])
    assert isinstance(told, Failure)
    assert told.error == "RunnerCrashedError"


def test_an_app_that_hangs_is_stopped(lab: AppLab) -> None:
    lab.program.write_text(f"#!{lab.phone.bin / 'sh'}\nprint STARTING!\n")
    told = formats.outcome(lab.perform(lab.runs(CPU, timeout_s=1))[0])
    assert isinstance(told, Failure)
    assert told.error == "CommandTimeoutError"
    assert not (lab.state / "pid").exists()


def test_a_device_that_refuses_the_app_says_why(lab: AppLab) -> None:
    lab._program("pm", "[ $1 = install ] && print 'Failure [INSTALL_FAILED_USER_RESTRICTED]'")
    with pytest.raises(CommandError, match="INSTALL_FAILED_USER_RESTRICTED"):
        lab.perform(lab.runs(CPU))


def test_the_app_cannot_be_given_libraries(lab: AppLab) -> None:
    folder = lab.folder / "qnn"
    folder.mkdir()
    for name in ("TFLiteDelegate", "Dsp", "DspV66Stub", "DspV66Skel", "System"):
        (folder / f"libQnn{name}.so").write_bytes(b"x")
    (output,) = lab.perform(lab.runs(Delegate.QNN), qnn_libraries=folder)
    assert output.error is not None
    assert output.error.error == "NotDelegatedError"


def test_what_is_no_apk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.apk"
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="it is no APK"):
        tools.find("arm64-v8a", explicit=path, is_app=True)
    assert tools.variable_of("arm64-v8a", is_app=True) == "QBENCH_BENCHMARK_APK_ARM64_V8A"
    address = tools.address("arm64-v8a", is_app=True)
    assert address is not None
    assert address.endswith("android_aarch64_benchmark_model.apk")


def test_an_apk_that_is_named_is_the_app_and_a_program_beside_it_a_contradiction() -> None:
    told = options.load({"benchmark_apk": "/x/y.apk"})
    assert (told.is_app, told.benchmark_apk) == (True, Path("/x/y.apk"))
    assert not options.load({"benchmark_binary": "/x/y"}).is_app
    with pytest.raises(InputError, match="is a program, and the app was asked for") as caught:
        options.load({"benchmark_binary": "/x/y", "is_app": True})
    assert "--benchmark-apk" in (caught.value.hint or "")


def test_without_an_app_the_hint_says_what_to_fetch_and_where_to_put_it(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(InputError, match=r"benchmark_model\.apk for arm64-v8a") as caught:
        tools.find("arm64-v8a", environ=environ, is_app=True)
    hint = caught.value.hint or ""
    assert "qbench tools fetch --app" in hint
    assert "android_aarch64_benchmark_model.apk and put it at" in hint
    assert str(tools.cache_path("arm64-v8a", environ, is_app=True)) in hint
    assert "--benchmark-apk FILE or QBENCH_BENCHMARK_APK_ARM64_V8A" in hint


def test_the_app_cannot_be_kept_to_cores(lab: AppLab) -> None:
    ((run, case),) = lab.runs(CPU)
    (output,) = lab.perform([(run, msgspec.structs.replace(case, mask="f0"))])
    assert output.error is not None
    assert output.error.error == "PlanError"
    assert "mask f0" in output.error.message
