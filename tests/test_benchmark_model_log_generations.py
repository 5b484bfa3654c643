"""Forms of the log that no capture has. SYNTHETIC: written by hand after the tool's sources.

Sources: TensorFlow's benchmark_model.cc, benchmark_tflite_model.cc, stats_calculator.h and the
Android JNI wrapper at v1.9 to v2.17, LiteRT's benchmark_litert_model.h and .py.
"""

from __future__ import annotations

import pytest

from fakes.benchmark_logs import synthetic
from qbench.formats.benchmark_model import Generation, LogReport, read

TF_1_9 = synthetic("tf-1.9")
TF_1_14 = synthetic("tf-1.14")
TF_2_3 = synthetic("tf-2.3")
TF_2_4 = synthetic("tf-2.4")
TF_2_7 = synthetic("tf-2.7")
TF_2_10 = synthetic("tf-2.10")
TF_2_16 = synthetic("tf-2.16")
LITERT_MODEL = synthetic("benchmark_litert_model")
LITERT_PYTHON = synthetic("benchmark_litert_model_py")


def good(stdout: str, stderr: str = "") -> LogReport:
    report = read(stdout, stderr, 0)
    assert report.failure is None, report.failure
    return report


@pytest.mark.parametrize(
    ("generation", "log"),
    [
        (Generation.TF_1_9, TF_1_9),
        (Generation.TF_1_14, TF_1_14),
        (Generation.TF_2_3, TF_2_3),
        (Generation.TF_2_4, TF_2_4),
        (Generation.TF_2_7, TF_2_7),
        (Generation.TF_2_10, TF_2_10),
        (Generation.TF_2_16, TF_2_16),
    ],
)
def test_a_generation_is_told_by_what_its_log_holds(generation: Generation, log: str) -> None:
    report = good(log)
    assert report.tool_generation is generation
    assert report.unknown_lines == ()
    assert good("", log).avg_us == report.avg_us


def test_the_oldest_tool_gives_means_init_and_the_first_warm_up_invoke() -> None:
    report = good(TF_1_9)
    assert (report.avg_us, report.init_us, report.warmup_avg_us) == (137722, 4452, 146161)
    assert report.first_invoke_us == 146161
    assert (report.count, report.min_us, report.max_us) == (50, 137079, 143416)
    assert report.p50_us is None
    assert report.memory is None


def test_percentiles_exist_only_where_the_tool_printed_them() -> None:
    assert good(TF_2_10).p50_us is None
    report = good(TF_2_16)
    assert (report.p5_us, report.p50_us, report.p95_us) == (7901, 8551, 10001)


def test_a_logcat_of_a_new_build_has_no_prefix_and_is_still_told_by_its_percentiles() -> None:
    stamp = "07-14 13:23:08.980 25289 25289 I tflite  : "
    bare = TF_2_16.replace("INFO: STARTING!\n", "").replace("INFO: ", "")
    log = "".join(f"{stamp}{line}\n" for line in bare.split("\n"))
    report = good(log)
    assert report.tool_generation is Generation.TF_2_16
    assert report.avg_us == 8680.33


def test_the_summary_of_the_old_app_has_its_memory_line_glued_to_it() -> None:
    log = TF_1_14.replace("no stats", "Inference").replace(
        "2177.1\n",
        "2177.1Overall max resident set size = 8.5 MB, total malloc-ed size = 0 MB, "
        "in-use allocated/mmapped size = 1.25 MB\n",
    )
    report = good(log)
    assert report.tool_generation is Generation.TF_2_1
    assert report.avg_us == 2177.1
    assert report.memory is not None
    assert report.memory.max_rss_bytes == 8704 * 1024
    assert report.memory.in_use_bytes == 1280 * 1024


def test_the_old_app_prints_its_summary_twice_and_that_is_one_run() -> None:
    once = "Average inference timings in us: Warmup: 2331.42, Init: 896, Inference: 2177.1"
    log = TF_1_14.replace("no stats", "Inference") + f"{once}Overall \n"
    assert read(log, "", 0).failure is not None, "a cut memory line is a damaged number"
    log = TF_1_14.replace("no stats", "Inference") + once + "\n"
    assert good(log).avg_us == 2177.1


def test_a_mean_above_one_second_is_printed_with_an_exponent() -> None:
    log = TF_2_7.replace(
        "first=8325 curr=10016 min=7863 max=10688 avg=8680.33 std=591",
        "first=1200000 curr=1300000 min=1200000 max=1300000 avg=1.23457e+06 std=591",
    ).replace("Inference (avg): 8680.33", "Inference (avg): 1.23457e+06")
    assert good(log).avg_us == 1_234_570


def test_equal_samples_and_single_samples_have_forms_of_their_own() -> None:
    log = TF_2_7.replace(
        "count=110 first=8325 curr=10016 min=7863 max=10688 avg=8680.33 std=591",
        "count=110 curr=8539(all same)",
    ).replace("Inference (avg): 8680.33", "Inference (avg): 8539")
    report = good(log)
    assert (report.avg_us, report.min_us, report.max_us, report.std_us) == (8539, 8539, 8539, 0)
    log = log.replace("count=110 curr=8539(all same)", "count=1 curr=8539").replace(
        "at least 50 iterations", "at least 1 iterations"
    )
    report = good(log)
    assert (report.count, report.min_us, report.std_us, report.p50_us) == (1, 8539, None, None)


def test_no_warm_up_leaves_nan_or_zero_in_the_summary_and_neither_is_a_time() -> None:
    for nothing in ("nan", "-nan", "0"):
        log = TF_2_7.replace(
            "count=56 first=11147 curr=8146 min=7055 max=12036 avg=8779.68 std=1115", "count=0"
        ).replace(
            "First inference: 11147, Warmup (avg): 8779.68",
            f"First inference: 0, Warmup (avg): {nothing}",
        )
        report = good(log)
        assert report.first_invoke_us is None
        assert report.warmup_avg_us is None
        assert report.avg_us == 8680.33


def test_milliseconds_are_known_by_the_tool_not_by_their_look() -> None:
    report = good(LITERT_MODEL)
    assert report.tool == "benchmark_litert_model"
    assert report.tool_generation is Generation.LITERT_MODEL
    assert (report.avg_us, report.p50_us, report.count) == (464.545, 462, 2112)
    assert (report.init_us, report.first_invoke_us, report.warmup_avg_us) == (4478, 1033, 465.319)


def test_the_block_of_results_alone_is_read_in_milliseconds() -> None:
    report = good(LITERT_PYTHON)
    assert (report.avg_us, report.p50_us, report.count) == (85230, 84500, 50)
    assert (report.init_us, report.first_invoke_us, report.warmup_avg_us) == (45320, 120450, 98760)
    assert (report.min_us, report.max_us, report.p5_us, report.p95_us) == (
        82100,
        92450,
        82500,
        91000,
    )


def test_a_block_that_does_not_fit_its_count_line_is_refused() -> None:
    report = read(LITERT_MODEL.replace("0.46 ms (2112", "46.45 ms (2112"), "", 0)
    assert report.failure is not None
    assert report.failure.error == "RunnerOutputError"
    assert report.avg_us is None


def test_a_block_that_is_cut_gives_no_number() -> None:
    report = read(LITERT_PYTHON.split("Inference (avg)")[0], "", 0)
    assert report.failure is not None
    assert report.avg_us is None


def test_tensorflows_own_tool_of_the_same_name_is_refused() -> None:
    log = (
        "2018-09-10 12:36:37.571102: I tensorflow/tools/benchmark/benchmark_model.cc:361] "
        "count=405 first=27236 curr=23132 min=21351 max=37195 avg=24724.8 std=1940\n"
        "2018-09-10 12:36:37.571200: I tensorflow/tools/benchmark/benchmark_model.cc:600] "
        "Average inference timings in us: Warmup: 335337, no stats: 23601, with stats: 24724\n"
    )
    report = read("", log, 0)
    assert report.failure is not None
    assert report.failure.error == "RunnerVersionError"
    assert report.avg_us is None


def test_threads_are_those_that_the_tool_was_given() -> None:
    assert good(TF_2_3).threads == 1
    assert good(TF_2_3.replace("Num threads: [1]", "Num threads: [-1]")).threads is None


def test_noise_of_linker_adb_and_libraries_is_not_unknown() -> None:
    noise = (
        "WARNING: linker: /data/local/tmp/benchmark_model: unused DT entry: type 0x1d arg 0xdcd\n"
        "* daemon not running; starting now at tcp:5037\n* daemon started successfully\n"
        "I0000 00:00:1758455106.022223   62590 registry.cc:40] DestroyAccelerator\n"
        "2024-01-01 10:00:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:182] AVX2\n"
    )
    assert good(noise + TF_2_7).unknown_lines == ()


def test_unknown_lines_are_kept_as_they_stood_and_counted() -> None:
    log = TF_2_7 + "INFO: a line of tomorrow\n" + "type 54 str SoftmaxAxis0\n" * 1500
    report = good(log)
    assert report.unknown_lines[0] == "INFO: a line of tomorrow"
    assert len(report.unknown_lines) == 1000
    assert report.unknown_count == 1501


def test_bytes_that_are_no_text_harm_only_their_own_line() -> None:
    noise = b"\xff\xfe\x80 vendor log\n".decode("utf-8", errors="replace")
    report = good(noise + TF_2_7)
    assert report.avg_us == 8680.33
    assert report.unknown_count == 1


def test_a_hostile_name_cannot_forge_a_line() -> None:
    forged = "INFO: count=5 curr=1(all same) p5=1 median=1 p95=1"
    for name in (forged, "INFO: Inference timings in us: Init: 1, First inference: 1, x"):
        log = TF_2_16.replace("/data/local/tmp/seg.tflite", f"/data/{name}/seg.tflite")
        report = good(log)
        assert report.avg_us == 8680.33
    log = TF_2_16.replace("[/data/local/tmp/seg.tflite]", f"[/data/x\n{forged}\n.tflite]")
    assert read(log, "", 0).failure is not None, "a name with newlines looks like a second run"
