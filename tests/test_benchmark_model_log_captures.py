"""Every capture of the real tool, in every coat it can come in, against what the file says.

The table was written from the captures, not by the reader: name, exit code, then either the
failure's class, or mean, median, init, first invoke, warm-up mean (us), count, nodes (all on the
CPU), partitions, proof. `-`: the log does not tell.
"""

from __future__ import annotations

import pytest

from fakes import benchmark_logs
from fakes.benchmark_logs import LAYOUTS
from qbench.formats import benchmark_model
from qbench.formats.benchmark_model import Generation
from qbench.records import ComputeUnit, Proof, UnitNodes

PREFIXES = {
    "L": "litert-2.1.4_linux",
    "T19": "tf-2019a_linux-armv7",
    "T20": "tf-2020_android-armv7",
}
GENERATIONS = {
    "L": Generation.TF_2_16,
    "T19": Generation.TF_1_13,
    "T20": Generation.TF_2_1,
}
TABLE = """
L-aarch64-qemu_googlenet 0 1.16442e+07 11720418 443619 11595183 1.15952e+07 2 - - delegate_created
L-aarch64-qemu_int8 0 655.2 651 64438 5918 648.741 5 - - delegate_created
L-aarch64-qemu_small 0 4771.8 4773 59040 8660 4817.38 5 - - delegate_created
L-aarch64-qemu_static 0 4743.4 4753 59525 9009 4806.98 5 - - delegate_created
L-x86_64_all_same 0 0 0 523 17 3.6 4 - - delegate_created
L-x86_64_allow_fp16 0 51.6245 35 4716 62 53.921 19249 - - delegate_created
L-x86_64_bad_bool 1 RunnerCrashedError
L-x86_64_bad_value 1 RunnerCrashedError
L-x86_64_corrupt_empty 1 RunnerCrashedError
L-x86_64_corrupt_garbage 1 RunnerCrashedError
L-x86_64_corrupt_text 1 RunnerCrashedError
L-x86_64_corrupt_trunc_100 1 RunnerCrashedError
L-x86_64_csv_file_bad_path 0 88.2 73 894 59 55.8156 5 - - op_profile
L-x86_64_default_googlenet_fp32 0 76965.6 73267 41235 76332 92460.8 50 - - delegate_created
L-x86_64_default_small 0 35.5433 35 685 52 36.1293 27800 - - delegate_created
L-x86_64_duplicate_flags 0 RunnerVersionError
L-x86_64_dyn_default 0 46122.7 46737 33400 78404 51355.1 10 - - delegate_created
L-x86_64_dynamic_shape_default 0 0.34278 0 677 17 0.326856 2061195 - - delegate_created
L-x86_64_empty_bool 0 RunnerVersionError
L-x86_64_fd_path 0 37.6 35 688 53 55.0986 5 - - delegate_created
L-x86_64_flag_space_separated 1 RunnerCrashedError
L-x86_64_flex_op_noxnn 1 RunnerCrashedError
L-x86_64_fp16_default 0 95827.4 85056 9380 222285 110215 10 - - delegate_created
L-x86_64_help 1 RunnerCrashedError
L-x86_64_help_true 1 RunnerCrashedError
L-x86_64_input_layer_dyn 0 0.500356 0 530 17 0.451445 1530426 - - delegate_created
L-x86_64_input_layer_wrongdims 1 RunnerCrashedError
L-x86_64_input_value_file_missing 134 RunnerCrashedError
L-x86_64_input_value_range 0 46.3429 31 826 49 44.872 21489 - - delegate_created
L-x86_64_int8_default 0 36666.5 34458 14805 40410 41024.9 50 - - delegate_created
L-x86_64_int8_profiling_xnn 0 52195.2 52396 16924 46930 51518 10 - - op_profile
L-x86_64_invoke_fails 1 RunnerCrashedError
L-x86_64_invoke_fails_default 1 RunnerCrashedError
L-x86_64_missing_model 1 RunnerCrashedError
L-x86_64_model_dir 1 RunnerCrashedError
L-x86_64_noargs 1 RunnerCrashedError
L-x86_64_not_delegated_xnnpack_true 0 1.2 0 439 6 0.390655 5 - 0 delegate_created
L-x86_64_not_readable 1 RunnerCrashedError
L-x86_64_npy_as_tflite 1 RunnerCrashedError
L-x86_64_oom_ulimit_40m 1 RunnerCrashedError
L-x86_64_oom_ulimit_60m_noxnn 139 RunnerCrashedError
L-x86_64_oom_ulimit_80m 0 109540 109001 65320 108270 111830 50 - - delegate_created
L-x86_64_output_file 0 37 37 678 78 54.8194 1 - - delegate_created
L-x86_64_output_prefix 0 52.8697 35 680 51 52.2388 18772 - - delegate_created
L-x86_64_partial_default 0 2.19624 2 4489 15 4.08309 391280 - - delegate_created
L-x86_64_partial_require_full 1 NotDelegatedError
L-x86_64_peak_memory 0 112615 111970 54884 112001 111440 50 - - delegate_created
L-x86_64_postinvoke_state 0 36 36 701 55 51.1457 1 7 1 node_counts
L-x86_64_preinvoke_state_noxnn 0 335 335 328 835 450.679 1 7 0 node_counts
L-x86_64_profiling_1run 0 127 127 964 59 56.5121 1 - - op_profile
L-x86_64_profiling_bad_mode 1 RunnerCrashedError
L-x86_64_profiling_csv_deprecated 0 587.333 373 443 838 488.472 1685 - - flag_accepted
L-x86_64_profiling_csv_file 0 653.069 386 573 1207 709.903 1516 - - flag_accepted
L-x86_64_profiling_csv_stdout 0 567.589 378 426 849 493.284 1736 7 0 op_profile
L-x86_64_profiling_dry_run 0 RunnerOutputError
L-x86_64_profiling_googlenet_noxnn 0 143188 131498 1404 181682 200976 50 82 0 op_profile
L-x86_64_profiling_googlenet_xnn 0 113356 111572 53986 116046 115195 50 - - op_profile
L-x86_64_profiling_proto_file 0 669.943 374 434 4203 494.445 1474 - - flag_accepted
L-x86_64_profiling_proto_stdout 0 575.003 375 455 7166 484.627 1720 - - flag_accepted
L-x86_64_profiling_small 0 75.903 72 830 58 37.3613 12866 - - op_profile
L-x86_64_profiling_small_noxnn 0 911.854 313 465 3468 350.122 1093 7 0 op_profile
L-x86_64_require_full_no_delegate 1 NotDelegatedError
L-x86_64_require_full_ok 0 35.4 35 2357 53 56.5298 5 - 1 delegate_applied
L-x86_64_result_file 0 52.5042 35 672 55 58.723 18902 - - delegate_created
L-x86_64_run_delay 0 54.6 55 697 52 55.1 5 - - delegate_created
L-x86_64_run_frequency 0 55 55 730 56 54.8 10 - - delegate_created
L-x86_64_runs_0 0 RunnerOutputError
L-x86_64_runs_0warmup 0 40.6 35 565 - - 5 - - delegate_created
L-x86_64_runs_1 0 36 36 576 61 61 1 - - delegate_created
L-x86_64_runs_minsecs3 0 110162 109437 58027 109281 110700 50 - - delegate_created
L-x86_64_runs_short 0 35.3 35 650 51 40.3333 10 - - delegate_created
L-x86_64_runtime_info 0 52.8031 35 681 63 50.1811 18798 - - delegate_created
L-x86_64_sig_on_single 0 35.6 35 658 50 48.7082 5 - - delegate_created
L-x86_64_sig_on_single_bad 1 RunnerCrashedError
L-x86_64_signal_sigint 124 RunnerCrashedError
L-x86_64_signal_sigkill 137 RunnerCrashedError
L-x86_64_signal_sigterm 124 RunnerCrashedError
L-x86_64_slow_vgg16_default 0 1.34442e+06 1346174 742633 1301315 1.30132e+06 3 - - delegate_created
L-x86_64_slow_vgg16_noxnn 0 1.53387e+06 1590862 511 2072595 2.0726e+06 2 - - flag_accepted
L-x86_64_stable_delegate_missing 0 RunnerVersionError
L-x86_64_threads1 0 109643 109174 60017 109096 110085 10 - - delegate_created
L-x86_64_threads2 0 79099.4 74860 39280 75967 76084.4 50 - - delegate_created
L-x86_64_threads4 0 117955 116336 54504 114109 114706 10 - - delegate_created
L-x86_64_threads8_xnnpack_true 0 63282.2 63062 57054 315806 128247 5 - 1 delegate_applied
L-x86_64_threads_neg 1 RunnerCrashedError
L-x86_64_two_signatures 0 0.529397 0 775 9 0.534472 1150901 - - delegate_created
L-x86_64_two_signatures_list 1 RunnerCrashedError
L-x86_64_unknown_flag 0 RunnerVersionError
L-x86_64_unknown_positional 0 RunnerVersionError
L-x86_64_use_caching 0 762.648 208 302 995 647.69 1310 - - flag_accepted
L-x86_64_use_coreml 0 RunnerVersionError
L-x86_64_use_gpu 0 RunnerVersionError
L-x86_64_use_nnapi 0 RunnerVersionError
L-x86_64_verbose 0 53.7709 35 685 53 54.5625 18486 - - delegate_created
L-x86_64_weight_cache 0 118631 112684 69209 195301 136990 5 - 1 delegate_applied
L-x86_64_weight_cache_2nd 0 111015 111575 11776 113992 106755 5 - 1 delegate_applied
L-x86_64_xnnpack_false 0 160987 138141 938 631130 631130 50 - - flag_accepted
L-x86_64_xnnpack_force_fp16 0 67.7949 45 700 58 68.1485 14484 - 1 delegate_applied
L-x86_64_xnnpack_true 0 74853.2 75065 39876 72484 72666 50 - 1 delegate_applied
T19_default 134 RunnerCrashedError
T19_fp32 0 1.935e+07 - 67876 18320778 1.83208e+07 1 - - flag_accepted
T20_default 0 3.58783e+06 - 39026 3588404 3.5884e+06 3 - - flag_accepted
T20_missing 1 RunnerCrashedError
T20_profile 0 3.17947e+06 - 45088 3411548 3.41155e+06 1 82 0 op_profile
T20_trunc 1 RunnerCrashedError
T20_unknown 0 2.44627e+06 - 31460 2414601 2.4146e+06 1 - - flag_accepted
T20_xnnpack 0 2.59276e+06 - 31894 2468172 2.46817e+06 1 - - flag_accepted
"""
# Nothing was read but the parameters: these tools could be of any age since the prefix came.
SAID_TOO_LITTLE = ("bad_bool", "bad_value", "flag_space_separated", "help", "help_true", "noargs")


def _rows() -> dict[str, list[str]]:
    rows = {}
    for line in TABLE.split("\n"):
        if line:
            name, *cells = line.split()
            short, rest = name.split("-" if name.startswith("L") else "_", 1)
            glue = "-" if short == "L" else "_"
            rows[f"{PREFIXES[short]}{glue}{rest}"] = cells
    return rows


ROWS = _rows()


def _or_none(cell: str) -> float | None:
    return None if cell == "-" else float(cell)


def test_the_table_speaks_of_every_capture() -> None:
    assert sorted(ROWS) == benchmark_logs.names()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_capture_reads_right_in_every_layout(layout: str) -> None:
    for name, (code, *expected) in ROWS.items():
        capture = benchmark_logs.load(name)
        assert capture.exit_code == int(code), name
        stdout, stderr = LAYOUTS[layout](capture.stdout, capture.stderr)
        report = benchmark_model.read(stdout, stderr, capture.exit_code)
        told = (
            report.avg_us,
            report.p50_us,
            report.init_us,
            report.first_invoke_us,
            report.warmup_avg_us,
            report.count,
        )
        if len(expected) == 1:
            assert report.failure is not None, name
            assert report.failure.error == expected[0], (name, report.failure.message)
            assert told == (None,) * 6, name
            assert report.memory is None, name
            assert not report.op_rows, name
            continue
        assert report.failure is None, (name, layout, report.failure)
        *times, nodes, partitions, proof = expected
        assert told == tuple(_or_none(cell) for cell in times), (name, layout)
        cpu_nodes = None if nodes == "-" else UnitNodes(cpu=int(nodes), gpu=0, npu=0)
        assert report.nodes == cpu_nodes, (name, layout)
        assert report.partitions == _or_none(partitions), (name, layout)
        assert report.proof is Proof(proof), (name, layout)
        assert report.executed_by == (ComputeUnit.CPU,), (name, layout)


@pytest.mark.parametrize("layout", ["apart", "swapped", "merged", "crlf", "coloured"])
def test_no_line_of_a_capture_is_unknown(layout: str) -> None:
    for name in ROWS:
        capture = benchmark_logs.load(name)
        stdout, stderr = LAYOUTS[layout](capture.stdout, capture.stderr)
        report = benchmark_model.read(stdout, stderr, capture.exit_code)
        assert report.unknown_lines == (), name
        assert report.unknown_count == 0, name


def test_the_generation_of_every_capture_is_told_by_its_fingerprint() -> None:
    for name in ROWS:
        capture = benchmark_logs.load(name)
        report = benchmark_model.read(capture.stdout, capture.stderr, capture.exit_code)
        short = next(key for key, prefix in PREFIXES.items() if name.startswith(prefix))
        expected = GENERATIONS[short]
        if name.removeprefix("litert-2.1.4_linux-x86_64_") in (
            *SAID_TOO_LITTLE,
            "profiling_bad_mode",
        ):
            expected = Generation.TF_2_10
        assert report.tool_generation is expected, name


def test_a_failure_quotes_the_line_that_tells_why() -> None:
    for name, line in {
        "litert-2.1.4_linux-x86_64_unknown_flag": "Unconsumed cmdline flags: --no_such_flag=1",
        "litert-2.1.4_linux-x86_64_invoke_fails": "Node number 0 (GATHER) failed to invoke.",
        "litert-2.1.4_linux-x86_64_input_value_file_missing": "FATAL: Failed to read the input",
        "litert-2.1.4_linux-x86_64_partial_require_full": "Disallowed CPU fallback detected.",
        "litert-2.1.4_linux-x86_64_missing_model": "Could not open '/nonexistent/model.tflite'.",
        "litert-2.1.4_linux-x86_64_signal_sigkill": "killed by SIGKILL (exit status 137)",
        "tf-2019a_linux-armv7_default": "Didn't find op for builtin opcode 'PAD' version '2'",
        "tf-2020_android-armv7_trunc": "No subgraph in the model.",
    }.items():
        capture = benchmark_logs.load(name)
        failure = benchmark_model.read(capture.stdout, capture.stderr, capture.exit_code).failure
        assert failure is not None
        assert line in failure.message


def test_a_capture_with_both_streams_in_one_is_split_at_its_own_marker() -> None:
    capture = benchmark_logs.load("litert-2.1.4_linux-x86_64_all_same")
    assert capture.merged
    assert capture.exit_code == 0
    assert capture.stdout.startswith("INFO: STARTING!\n")
    assert capture.stdout.endswith("overall=3.30859\n")


def test_memory_of_all_captured_generations_is_in_bytes() -> None:
    capture = benchmark_logs.load("litert-2.1.4_linux-x86_64_peak_memory")
    memory = benchmark_model.read(capture.stdout, capture.stderr, 0).memory
    assert memory is not None
    assert memory.init_bytes == 56756 * 1024  # 55.4258 MB of 1024 KiB
    assert memory.overall_bytes == 58100 * 1024
    assert memory.peak_bytes == 63924 * 1024
    assert memory.rss_bytes == 62 * 1024 * 1024
    assert memory.rss_anon_bytes == 33 * 1024 * 1024
    assert memory.rss_file_bytes == 29 * 1024 * 1024

    capture = benchmark_logs.load("tf-2020_android-armv7_default")
    memory = benchmark_model.read(capture.stdout, capture.stderr, 0).memory
    assert memory is not None
    assert (memory.init_bytes, memory.overall_bytes) == (4800 * 1024, 12188 * 1024)
