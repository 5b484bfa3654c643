"""When a log is not that of a run that measured what was asked. SYNTHETIC logs unless captured."""

from __future__ import annotations

import pytest

from fakes import benchmark_logs
from fakes.benchmark_logs import synthetic
from qbench.errors import (
    NotDelegatedError,
    RunnerCrashedError,
    RunnerError,
    RunnerOutputError,
    RunnerVersionError,
)
from qbench.formats.benchmark_model import LogReport, read, read_raw, to_measurement
from qbench.records import (
    Delegate,
    InvokeAggregate,
    Origin,
    OutputFormat,
    Proof,
    RawOutput,
    UnitNodes,
)

LOG = synthetic("tf-2.16")
LINES = LOG.split("\n")
WARM_UP = next(line for line in LINES if "count=56" in line)
MEASURED = next(line for line in LINES if "count=110" in line)
SUMMARY = next(line for line in LINES if "Inference timings" in line)


NUMBERS = (
    *("avg_us", "p50_us", "p5_us", "p95_us", "min_us", "max_us", "std_us", "count", "memory"),
    *("init_us", "first_invoke_us", "warmup_avg_us", "warmup_count", "threads"),
)


def refused(log: str, kind: type[RunnerError], text: str = "", exit_code: int | None = 0) -> None:
    report = read(log, "", exit_code)
    assert report.failure is not None
    assert report.failure.error == kind.__name__, report.failure.message
    assert text in report.failure.message
    no_number(report)


def no_number(report: LogReport) -> None:
    for name in NUMBERS:
        assert getattr(report, name) is None, name


def test_the_log_itself_is_good() -> None:
    assert read(LOG, "", 0).failure is None


@pytest.mark.parametrize(
    ("exit_code", "text"),
    [
        (1, "exit status 1"),
        (2, "exit status 2"),
        (124, "stopped by a time limit"),
        (134, "SIGABRT"),
        (137, "SIGKILL"),
        (139, "SIGSEGV"),
        (143, "SIGTERM"),
        (-11, "SIGSEGV"),
        (-9, "SIGKILL"),
        (255, "signal 127"),
    ],
)
def test_a_whole_log_of_a_process_that_ended_badly_is_no_measurement(
    exit_code: int, text: str
) -> None:
    refused(LOG, RunnerCrashedError, text, exit_code)


@pytest.mark.parametrize("exit_code", [0, None])
@pytest.mark.parametrize(
    "line",
    [
        "ERROR: Node number 3 (CONV_2D) failed to invoke.",
        "Node number 65 (TfLiteGpuDelegateV2) failed to invoke.",
        "ERROR: failed to invoke XNNPACK runtime",
        "Failed to invoke!",
        "TfLiteGpuDelegate Invoke: no.Node number 68 (TfLiteGpuDelegate) failed to invoke.",
        "FATAL: Failed to read the input_layer_value_file:/x",
        "ERROR: Benchmarking failed.",
        "Benchmarking failed.",
        "Segmentation fault",
        "Segmentation fault (core dumped)",
        "/system/bin/sh: line 1: 4711 Killed  ./benchmark_model",
        "[1] + Aborted  ./benchmark_model",
        "qemu: uncaught target signal 11 (Segmentation fault) - core dumped",
        'CANNOT LINK EXECUTABLE "./benchmark_model": library "libQnn.so" not found',
        "11-24 03:51:33.123  1234  1234 F libc    : Fatal signal 11 (SIGSEGV), code 1",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "/system/bin/sh: ./benchmark_model: not found",
    ],
)
def test_one_line_of_a_failure_is_enough_whatever_the_exit_code_says(
    line: str, exit_code: int | None
) -> None:
    refused(f"{LOG}{line}\n", RunnerCrashedError, exit_code=exit_code)
    report = read(LOG, line, exit_code)
    assert report.failure is not None
    no_number(report)


def test_a_failed_invoke_is_quoted_before_anything_else() -> None:
    log = (
        f"{LOG}ERROR: gather index out of bounds\nERROR: Node number 0 (GATHER) failed to invoke.\n"
    )
    refused(log, RunnerCrashedError, "Node number 0 (GATHER) failed to invoke.", 1)


def test_a_left_over_flag_is_a_failure() -> None:
    refused(
        LOG.replace("STARTING!\n", "STARTING!\nWARN: Unconsumed cmdline flags: --num_run=5\n"),
        RunnerVersionError,
        "--num_run=5",
    )


def test_a_missing_second_count_line_is_a_failure() -> None:
    refused(LOG.replace(MEASURED + "\n", ""), RunnerOutputError, "second count line")
    refused(LOG.replace(WARM_UP + "\n", ""), RunnerOutputError, "second count line")
    without = LOG.replace(WARM_UP + "\n", "").replace(MEASURED + "\n", "")
    refused(without, RunnerOutputError, "no count line")


def test_a_count_line_inside_a_profile_is_not_the_second_one() -> None:
    profile = "Timings (microseconds): count=50 first=7 curr=7 min=7 max=9 avg=7.5 std=0\n"
    refused(LOG.replace(MEASURED + "\n", profile), RunnerOutputError, "second count line")


def test_a_missing_summary_is_a_failure() -> None:
    refused(LOG.replace(SUMMARY + "\n", ""), RunnerOutputError, "no line of timings")


def test_two_runs_in_one_log_are_a_failure() -> None:
    refused(LOG + LOG, RunnerOutputError, "more than one run")
    refused(LOG + MEASURED + "\n", RunnerOutputError, "more than one run")
    other = SUMMARY.replace("8680.33", "8680.44")
    refused(LOG + other + "\n", RunnerOutputError, "more than one run")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("avg=8680.33", "avg=86a0.33"),
        ("avg=8680.33", "avg="),
        ("min=7863", "min=-7863"),
        ("min=7863", "min=9863"),
        ("max=10688", "max=1068"),
        ("curr=10016", "curr=10016.5"),
        ("count=110", "count=1100000000000000000000000"),
        ("count=110", "count=0"),
        ("count=110", "count=1"),
        ("median=8551", "median=7"),
        ("p95=10001", "p95=8000"),
        ("p95=10001", "p95="),
        ("p95=10001", "p95=10001 p99=10002"),
        ("Init: 1451507", "Init: 14x1507"),
        ("Inference (avg): 8680.33", "Inference (avg): "),
        ("Inference (avg): 8680.33", "Inference (avg): nan"),
        ("Inference (avg): 8680.33", "Inference (avg): 8.68e+999"),
        ("First inference: 11147", "First inference: -"),
        ("Initialized session in 1451.51ms", "Initialized session in 1451,51ms"),
        ("for at least 50 iterations", "for at least fifty iterations"),
        (
            "Memory footprint delta from the start of the tool (MB): init=63",
            "Memory footprint delta i=6",
        ),
    ],
)
def test_a_damaged_number_is_a_failure_that_quotes_its_line(old: str, new: str) -> None:
    assert old in LOG
    log = (
        LOG.replace(old, new, 1)
        if old not in MEASURED
        else LOG.replace(MEASURED, MEASURED.replace(old, new))
    )
    report = read(log, "", 0)
    assert report.failure is not None
    assert report.failure.error == "RunnerOutputError"
    no_number(report)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Inference (avg): 8680.33", "Inference (avg): 868.33"),
        ("Warmup (avg): 8779.68", "Warmup (avg): 8779.7"),
        ("First inference: 11147", "First inference: 11174"),
        ("Init: 1451507", "Init: 145150"),
        ("Init: 1451507", "Init: nan"),
    ],
)
def test_a_log_that_contradicts_itself_is_a_failure(old: str, new: str) -> None:
    refused(LOG.replace(old, new), RunnerOutputError, "contradicts itself")


def test_nothing_measured_is_no_zero() -> None:
    log = LOG.replace(MEASURED, "INFO: count=0 p5=0 median=0 p95=0").replace(
        "Inference (avg): 8680.33", "Inference (avg): 0"
    )
    refused(log, RunnerOutputError, "measured nothing")


def test_fewer_invokes_than_asked_for_are_a_failure_unless_time_ran_out() -> None:
    asked = "for at least 50 iterations and at least 1 seconds but terminate if exceeding 150"
    assert asked in LOG
    few = LOG.replace(asked, asked.replace("50 iterations", "5000 iterations"))
    refused(few, RunnerOutputError, "110 invokes where 5000 were asked for, in less than 150 s")
    timed_out = few.replace("exceeding 150 seconds", "exceeding 0.9 seconds")
    assert read(timed_out, "", 0).failure is None
    paused = few.replace("STARTING!\n", "STARTING!\nINFO: Inter-run delay (seconds): [1.5]\n")
    assert read(paused, "", 0).failure is None
    slow = few.replace(
        "STARTING!\n", "STARTING!\nINFO: Number of prorated runs per second: [0.5]\n"
    )
    assert read(slow, "", 0).failure is None


def test_what_the_caller_asked_for_counts_too() -> None:
    report = read(LOG, "", 0, asked_runs=111)
    assert report.failure is not None
    assert "111 were asked for" in report.failure.message
    assert read(LOG, "", 0, asked_runs=110).failure is None
    assert read(LOG, "", 0, asked_runs=111, asked_max_s=0.5).failure is None


def test_a_loop_of_tiny_invokes_spends_its_time_between_them() -> None:
    capture = benchmark_logs.load("litert-2.1.4_linux-x86_64_dynamic_shape_default")
    report = read(capture.stdout, capture.stderr, 0, asked_runs=10_000_000, asked_max_s=2)
    assert report.failure is None


@pytest.mark.parametrize("log", ["", "\n\n", "hello\n", "adb: device offline\n"])
def test_a_log_without_a_line_of_the_tool_is_a_failure(log: str) -> None:
    report = read(log, "", 0)
    assert report.failure is not None
    assert "no line of the log is the tool's" in report.failure.message
    assert report.tool_generation is None
    assert read(log, "", None).failure is not None


def test_every_beginning_of_a_good_log_gives_the_whole_number_or_none() -> None:
    capture = benchmark_logs.load("litert-2.1.4_linux-x86_64_default_googlenet_fp32")
    whole = read(capture.stdout, capture.stderr, 0)
    numbers = 0
    for end in range(0, len(capture.stdout), 3):
        report = read(capture.stdout[:end], capture.stderr, 0)
        if report.failure is not None:
            no_number(report)
            continue
        numbers += 1
        assert (report.avg_us, report.p50_us) == (whole.avg_us, whole.p50_us)
    assert numbers > 0


@pytest.mark.parametrize("cut", range(1, len(MEASURED)))
def test_a_count_line_cut_by_the_other_stream_is_put_together(cut: int) -> None:
    other = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n" * 3
    report = read(LOG.replace(MEASURED, f"{MEASURED[:cut]}{other}{MEASURED[cut:]}"), "", 0)
    if report.failure is not None:  # the cut fell into the prefix itself
        assert cut < 6
        no_number(report)
        return
    assert (report.avg_us, report.p50_us, report.p95_us) == (8680.33, 8551, 10001)


def test_a_line_that_lost_its_end_of_line_is_taken_apart() -> None:
    for line in (MEASURED, WARM_UP, SUMMARY):
        glued = LOG.replace(f"{line}\n", f"{line}INFO: Initialized TensorFlow Lite runtime.\n")
        assert read(glued, "", 0).avg_us == 8680.33
    bare = synthetic("tf-2.3")
    glued = bare.replace("Benchmark name: []\n", "")
    for line in ("std=1115\n\n", "std=591\n\n", "Initialized session in 1451.51ms.\n"):
        assert line in glued
        assert read(glued.replace(line, line.rstrip("\n")), "", 0).avg_us == 8680.33


def test_a_report_becomes_the_record_of_a_measurement() -> None:
    log = LOG.replace(
        "INFO: The input model",
        "VERBOSE: Replacing 5 out of 64 node(s) with delegate (TfLiteNnapiDelegate) node, yielding "
        "2 partitions for subgraph 0.\nINFO: The input model",
    )
    measurement = to_measurement(read(log, "", 0, requested=Delegate.NNAPI))
    assert measurement.invokes == InvokeAggregate(
        count=110,
        avg_us=8680.33,
        std_us=591,
        min_us=7863,
        max_us=10688,
        p5_us=7901,
        p50_us=8551,
        p95_us=10001,
    )
    assert (measurement.init_latency_us, measurement.first_invoke_latency_us) == (1451507, 11147)
    assert measurement.warmup_invokes == 56
    assert measurement.placement is not None
    assert measurement.placement.nodes == UnitNodes(cpu=59, gpu=0, npu=5)
    assert measurement.placement.partitions == 1
    assert measurement.placement.proof is Proof.NODE_COUNTS
    assert measurement.placement.evidence[0].startswith("VERBOSE: Replacing 5 out of 64")


def test_a_fall_back_that_was_allowed_says_in_the_record_that_it_is_the_cpus() -> None:
    report = read(LOG, "", 0, requested=Delegate.HEXAGON, allow_fallback=True)
    measurement = to_measurement(report)
    assert any("hexagon was asked for and nothing ran on it" in w for w in measurement.warnings)


def _raw(stdout: str, exit_code: int | None) -> RawOutput:
    return RawOutput(
        format=OutputFormat.BENCHMARK_MODEL,
        origin=Origin.DEVICE,
        stdout=stdout,
        stderr="",
        exit_code=exit_code,
        tool="benchmark_model",
    )


def test_raw_output_becomes_a_measurement_or_a_typed_error() -> None:
    assert read_raw(_raw(LOG, 0)).warmup_invokes == 56
    with pytest.raises(RunnerCrashedError, match="exit status 1"):
        read_raw(_raw(LOG, 1))
    with pytest.raises(RunnerCrashedError, match="no exit code"):
        read_raw(_raw(LOG, None))
    with pytest.raises(RunnerOutputError, match="second count line"):
        read_raw(_raw(LOG.replace(MEASURED + "\n", ""), 0))
    with pytest.raises(NotDelegatedError, match="nothing ran on gpu"):
        read_raw(_raw(LOG, 0), requested=Delegate.GPU)
    with pytest.raises(RunnerVersionError, match="Unconsumed"):
        read_raw(_raw("WARN: Unconsumed cmdline flags: --x\n" + LOG, 0))
