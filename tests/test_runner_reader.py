"""The reader of android_runner/'s files, on a result that it wrote, whole and damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fakes.fake_backend import CAPTURES
from qbench import formats
from qbench.errors import QBenchError, RunnerOutputError, RunnerVersionError
from qbench.formats import runner
from qbench.records import (
    Asked,
    Delegate,
    Failure,
    InvokeAggregate,
    Measurement,
    Origin,
    OutputFormat,
    Proof,
    RawOutput,
    Taint,
)

RESULT = (CAPTURES / "android_runner" / "result").read_bytes()
WHOLE = runner.split_result(RESULT)
GPU_LOG = """STARTING!
INFO: Loaded OpenCL library with dlopen.
Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.
Replacing 18 out of 18 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 1 partitions \
for the whole graph.
The input model file size (MB): 0.1
Initialized session in 10ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding \
150 seconds.
count=50 first=1000 curr=1000 min=1000 max=1000 avg=1000 std=0

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding \
150 seconds.
count=1000 first=1000 curr=1001 min=999 max=1001 avg=1000 std=1

Inference timings in us: Init: 10000, First inference: 1000, Warmup (avg): 1000, Inference (avg): \
1000
"""


def _raw(**changes: Any) -> RawOutput:
    raw = RawOutput(
        format=OutputFormat.ANDROID_RUN,
        origin=Origin.EMULATED,
        stdout=WHOLE.stdout.decode(),
        stderr=WHOLE.stderr.decode(),
        exit_code=0,
        tool="benchmark_model",
        asked=Asked(delegate=Delegate.CPU, min_invokes=50, max_s=150.0),
        report=WHOLE.report,
        taints=(Taint.EMULATOR,),
    )
    return msgspec.structs.replace(raw, **changes)


def test_what_was_watched_is_the_telemetry_of_the_whole_report() -> None:
    report = runner.read_report(WHOLE.report)
    assert runner.read_watched(WHOLE.report) == (report.started_s, report.samples)


@given(st.integers(0, len(WHOLE.report)))
def test_watching_reads_no_report_that_is_cut_before_its_telemetry(length: int) -> None:
    cut = WHOLE.report[:length]
    try:
        started_s, samples = runner.read_watched(cut)
    except (RunnerOutputError, RunnerVersionError):
        return
    whole = runner.read_report(WHOLE.report)
    assert (started_s, samples) == (whole.started_s, whole.samples[: len(samples)])


def _measured(raw: RawOutput) -> Measurement:
    told = formats.read(raw)
    assert isinstance(told, Measurement)
    return told


def _changed(old: str, new: str) -> str:
    assert old in WHOLE.report
    return WHOLE.report.replace(old, new)


def test_a_result_is_taken_apart() -> None:
    assert WHOLE.job == "0007"
    assert WHOLE.stdout.startswith(b"INFO: STARTING!\n")
    assert WHOLE.stderr == b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    report = runner.read_report(WHOLE.report)
    assert report.status == 0
    assert 1.6 <= report.ended_s - report.started_s < 3
    assert len(report.samples) == 4
    assert [s.thermal_status for s in report.samples] == [0, None, 0, None]
    assert report.after.battery.temperature_c == 30.0
    assert report.before.boot_id == report.after.boot_id


def test_a_run_becomes_a_measurement_with_its_taints_and_waits() -> None:
    told = _measured(_raw())
    assert told.invokes == InvokeAggregate(
        count=27800, avg_us=35.5433, std_us=12.0, min_us=34, max_us=1445, p5_us=35, p50_us=35,
        p95_us=36,
    )  # fmt: skip
    assert told.taints == (Taint.EMULATOR,)
    assert told.cpu_time_us is not None
    assert told.run_queue_wait_us is not None


@pytest.mark.parametrize(
    ("old", "new", "taint"),
    [
        ("raw battery |  level: 87", "raw battery |  level: 24", Taint.LOW_BATTERY),
        ("SettingBatterySaverEnabled=false", "SettingBatterySaverEnabled=true", Taint.LOW_BATTERY),
        ("raw battery |  status: 3", "raw battery |  status: 2", Taint.CHARGING),
        ("raw thermal |Thermal Status: 0", "raw thermal |Thermal Status: 1", Taint.THERMAL),
        ("mWakefulness=Asleep", "mWakefulness=Awake", Taint.SCREEN_ON),
        ("is_cool yes", "is_cool no", Taint.THERMAL),
        (" s=0\n", " s=2\n", Taint.THERMAL),
    ],
)
def test_what_is_less_than_clean_is_a_taint_and_a_warning(old: str, new: str, taint: Taint) -> None:
    clean, told = _measured(_raw()), _measured(_raw(report=_changed(old, new)))
    assert told.taints == (Taint.EMULATOR, taint)
    assert len(told.warnings) == len(clean.warnings) + 1


def test_a_greatest_clock_that_falls_during_the_run_is_heat() -> None:
    head, _, tail = WHOLE.report.rpartition("scaling_max_freq=2840000")
    told = _measured(_raw(report=f"{head}scaling_max_freq=1800000{tail}"))
    assert told.taints == (Taint.EMULATOR, Taint.THERMAL)


def test_exactly_a_quarter_of_the_battery_is_enough() -> None:
    told = _measured(_raw(report=_changed("raw battery |  level: 87", "raw battery |  level: 25")))
    assert told.taints == (Taint.EMULATOR,)


def _gpu(**changes: Any) -> RawOutput:
    asked = Asked(delegate=Delegate.GPU, min_invokes=50, max_s=150.0)
    return _raw(asked=asked, stdout=GPU_LOG, stderr="", **changes)


def test_a_busy_counter_proves_the_gpu() -> None:
    told = _measured(_gpu(report=_changed(" g=0 ", " g=81 ")))
    assert told.placement is not None
    assert told.placement.proof is Proof.BUSY_COUNTER
    assert "kgsl: GPU busy 81% (median of 4 looks)" in told.placement.evidence


def test_a_gpu_that_stayed_idle_is_told() -> None:
    told = _measured(_gpu())
    assert told.placement is not None
    assert told.placement.proof is Proof.NODE_COUNTS
    assert "the GPU's busy counter stayed at 0 during the run" in told.warnings


def test_a_log_without_the_runners_report_is_refused() -> None:
    with pytest.raises(RunnerOutputError, match="report is missing"):
        formats.read(_raw(report=None))
    with pytest.raises(RunnerOutputError, match="report is missing"):
        formats.read(_raw(asked=None))


def test_an_accelerator_that_did_not_run_is_a_failure() -> None:
    asked = Asked(delegate=Delegate.GPU, min_invokes=50, max_s=150.0)
    told = formats.outcome(_raw(asked=asked))
    assert isinstance(told, Failure)
    assert told.error == "NotDelegatedError"


def test_fewer_invokes_than_asked_for_are_a_failure() -> None:
    asked = Asked(delegate=Delegate.CPU, min_invokes=30_000, max_s=150.0)
    assert isinstance(formats.outcome(_raw(asked=asked)), Failure)


def test_a_result_of_another_version_says_so() -> None:
    with pytest.raises(RunnerVersionError, match="protocol version 2, and this is 1"):
        runner.split_result(RESULT.replace(b"qbench-result 1", b"qbench-result 2", 1))
    with pytest.raises(RunnerVersionError, match="protocol version 2"):
        runner.read_report(_changed("qbench-result 1", "qbench-result 2"))


@pytest.mark.parametrize("size", range(0, len(RESULT), 41))
def test_a_result_that_is_cut_is_refused(size: int) -> None:
    with pytest.raises(RunnerOutputError):
        runner.split_result(RESULT[:size])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("status 0", "status none"),
        ("status 0", "status 256"),
        ("status 0", "status -1"),
        ("not_run no", "not_run hot"),
        ("timed_out no", "timed_out maybe"),
        ("job 0007", "job ../7"),
        ("sizes ", "size "),
        ("boot_id ", "boots "),
        ("memory MemTotal", "memory MemFree"),
        ("uptime ", "uptime x"),
        ("\nend\n", "\nEnd\n"),
        ("at ", "At "),
        ("core 7 online=1", "core 7 offline=1"),
        (" z0=", " y0="),
    ],
)
def test_a_report_that_no_runner_writes_is_refused(old: str, new: str) -> None:
    with pytest.raises(RunnerOutputError):
        runner.read_report(_changed(old, new))


def test_a_last_look_that_was_cut_is_left_out() -> None:
    whole = runner.read_report(WHOLE.report)
    cut = runner.read_report(WHOLE.report[:-20])
    assert cut.samples == whole.samples[:-1]


@pytest.mark.parametrize(
    ("raw", "celsius"), [(38_000, 38.0), (385, 38.5), (38, 38.0), (-5_000, -5.0), (0, 0.0)]
)
def test_kernels_print_temperatures_in_three_units(raw: int, celsius: float) -> None:
    assert runner.Zone(0, raw, "cpu").temperature_c == celsius


READERS: tuple[Callable[[str], object], ...] = (
    runner.read_report,
    runner.read_state,
    runner.read_contact,
    runner.read_waited,
    runner.read_prepared,
)
ANSWERS = (
    WHOLE.report,
    "busy abc 12\nrestored node /x\nsession abc ended restored=yes done\nfree_kb 12\n",
    "gone\nsession abc running 0001\nlog x\n",
    "taken power fixed_performance\nrefused node x: not accepted\n",
)


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(ANSWERS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(text) - 1, 0)))
        end = min(len(text), at + draw(st.integers(0, 30)))
        text = text[:at] + draw(st.text(max_size=6)) + text[end:]
    return text


@given(_mutated())
@example("")
@example("\n")
@example("session a ended restored=yes")
def test_whatever_arrives_is_read_or_refused_by_name(text: str) -> None:
    for read in READERS:
        try:
            read(text)
        except (RunnerOutputError, RunnerVersionError):
            continue


@given(st.integers(0, len(RESULT) - 1), st.binary(max_size=5), st.integers(0, 40))
def test_a_damaged_result_gives_no_untyped_error_up_to_the_record(
    at: int, piece: bytes, removed: int
) -> None:
    data = RESULT[:at] + piece + RESULT[at + removed :]
    try:
        found = runner.split_result(data)
        raw = _raw(report=found.report, stdout=found.stdout.decode("utf-8", "backslashreplace"))
    except QBenchError:
        return
    told = formats.outcome(raw)
    assert isinstance(told, Measurement | Failure)
    msgspec.json.encode(told)


def test_the_capture_is_what_this_version_writes(tmp_path: Path) -> None:
    """So that the tests above are of the program as it is."""
    from fakes.local_jobs import Bench, job, job_list, script

    bench = Bench(tmp_path)
    bench.run(job_list(job("0007", script(bench.phone, "sleep 0.1"))))
    fresh = bench.runner.result("s", "0007").report
    keys = [line.split(" ")[0] for line in WHOLE.report.split("\n") if not line.startswith("at")]
    assert [line.split(" ")[0] for line in fresh.split("\n") if not line.startswith("at")] == keys
