"""The stand-in of benchmark_model on a virtual device, read as the real tool's logs are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.virtual_phones import Phone, adb_of, phone
from qbench.formats import benchmark_model
from qbench.formats.benchmark_model import LogReport
from qbench.records import Delegate, Proof
from qbench.virtual.host_python import STAND_IN
from qbench.virtual.tool import flags, loop, statistics

MODELS = Path(__file__).parents[1] / "harness/qbench/models"
TOOL = "/data/local/tmp/benchmark_model"
QUICK = "--num_runs=5 --min_secs=0 --warmup_min_secs=0"


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phone]:
    with (
        adb_of("29", tmp_path_factory.mktemp("adb")) as adb,
        phone(adb, "tool", predictor="qbench.cli.virtual_predictor:predict_p50_us") as found,
    ):
        found.device.push(STAND_IN, TOOL, mode=0o755)
        for model in ("smallcnn-int8", "smallcnn-fp32"):
            found.device.push(MODELS / f"{model}.tflite", f"/data/local/tmp/{model}.tflite")
        yield found


def run(
    device: Phone, model: str, arguments: str, requested: Delegate | None = None
) -> tuple[LogReport, str]:
    line = f"{TOOL} --graph=/data/local/tmp/{model}.tflite {QUICK} {arguments}"
    done = device.device.run(line, timeout_s=60)
    code = 128 - done.exit_code if done.exit_code > 128 else done.exit_code
    report = benchmark_model.read(done.text, done.stderr.decode(), code, requested=requested)
    return report, done.text + done.stderr.decode()


def test_on_the_cpu_the_model_really_runs(device: Phone) -> None:
    report, _ = run(device, "smallcnn-int8", "--num_threads=2 --num_runs=30")
    assert report.failure is None
    assert report.count == 5  # the first of a repeated flag counts
    assert report.avg_us is not None
    assert 50 < report.avg_us < 1_000_000
    assert report.init_us is not None
    assert report.unknown_lines == ()


@pytest.mark.parametrize(
    ("model", "arguments", "delegate"),
    [
        ("smallcnn-int8", "--use_nnapi=true", Delegate.NNAPI),
        ("smallcnn-int8", "--use_nnapi=true --nnapi_accelerator_name=qti-dsp", Delegate.NNAPI),
        ("smallcnn-fp32", "--use_gpu=true", Delegate.GPU),
    ],
)
def test_an_accelerator_takes_the_nodes_that_the_placement_gives_it(
    device: Phone, model: str, arguments: str, delegate: Delegate
) -> None:
    report, said = run(device, model, arguments, delegate)
    assert report.failure is None, said
    assert report.proof is Proof.NODE_COUNTS
    assert report.nodes is not None
    assert (report.nodes.gpu or report.nodes.npu) == 21
    assert report.unknown_lines == (), said


def test_a_float_model_under_nnapi_is_not_delegated(device: Phone) -> None:
    report, _ = run(device, "smallcnn-fp32", "--use_nnapi=true", Delegate.NNAPI)
    assert report.failure is not None
    assert "NotDelegated" in report.failure.error


def test_hexagon_without_its_libraries_goes_on_on_the_cpu_as_the_tool_does(device: Phone) -> None:
    report, said = run(device, "smallcnn-int8", "--use_hexagon=true", Delegate.HEXAGON)
    assert "Could not create Hexagon delegate" in said
    assert report.failure is not None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("crash", "RunnerCrashed"),
        ("abort", "RunnerCrashed"),
        ("killed", "RunnerCrashed"),
        ("garbled", "RunnerOutput"),
        ("truncated", "RunnerOutput"),
    ],
)
def test_a_tool_that_fails_gives_no_number(device: Phone, fault: str, error: str) -> None:
    device.ask("write", path="/.device/tool", text=f"{fault}\n")
    try:
        report, said = run(device, "smallcnn-int8", "")
        assert report.failure is not None, said
        assert error in report.failure.error
        assert report.avg_us is None
    finally:
        device.ask("write", path="/.device/tool", text="none\n")


def test_a_delegate_that_is_refused_fails_and_nnapi_may_have_its_reference_only(
    device: Phone,
) -> None:
    device.ask("write", path="/.device/tool", text="delegate-refused\n")
    report, said = run(device, "smallcnn-int8", "--use_nnapi=true", Delegate.NNAPI)
    assert "Failed to apply NNAPI delegate." in said
    assert report.failure is not None
    device.ask("write", path="/.device/tool", text="nnapi-reference-only\n")
    report, said = run(device, "smallcnn-int8", "--use_nnapi=true", Delegate.NNAPI)
    assert "NNAPI accelerators available: [nnapi-reference]" in said
    assert report.failure is not None
    device.ask("write", path="/.device/tool", text="none\n")


def test_the_gpu_is_busy_while_it_is_used(device: Phone) -> None:
    busy = "/sys/class/kgsl/kgsl-3d0/gpu_busy_percentage"
    line = f"{TOOL} --graph=/data/local/tmp/smallcnn-fp32.tflite --use_gpu=true --num_runs=1"
    used = device.shell(
        f"{line} --min_secs=60 >/dev/null 2>&1 & while grep -q '^0 %' {busy}; do sleep 0.05; done; "
        f"cat {busy}; kill $!"
    )
    assert used == "97 %"
    device.shell(f"until grep -q '^0 %' {busy}; do sleep 0.05; done")


def test_a_throttled_clock_makes_an_invoke_longer(device: Phone) -> None:
    device.ask("throttle", ratio=1.0)
    fast, _ = run(device, "smallcnn-int8", "--use_nnapi=true")
    device.ask("throttle", ratio=0.25)
    slow, _ = run(device, "smallcnn-int8", "--use_nnapi=true")
    device.ask("throttle", ratio=None)
    assert fast.p50_us is not None
    assert slow.p50_us is not None
    assert slow.p50_us > 2.5 * fast.p50_us


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("--graph=/none", 1, "ERROR: Could not open '/none'."),
        ("--graph=/system/build.prop", 1, "not a valid Flatbuffer"),
        ("", 1, "Please specify the name of your TF Lite input file with --graph"),
        ("--graph /none", 1, "WARN: Unconsumed cmdline flags: --graph /none"),
        ("--num_runs=x", 1, "Failed to parse flag 'num_runs' against argv '--num_runs=x'"),
        ("--graph=/none --external_delegate_path=/none", 1, "Could not open"),
    ],
)
def test_wrong_flags_end_as_in_the_tool(
    device: Phone, arguments: str, code: int, text: str
) -> None:
    done = device.device.run(f"{TOOL} {arguments}", timeout_s=30)
    assert done.exit_code == code
    assert text in done.text + done.stderr.decode()


def test_an_external_delegate_that_is_not_there_ends_in_a_segmentation_fault(
    device: Phone,
) -> None:
    line = f"{TOOL} --graph=/data/local/tmp/smallcnn-int8.tflite --external_delegate_path=/none"
    assert device.device.run(line, timeout_s=30).exit_code == 139


# Inputs from files, outputs to files (benchmark_tflite_model.cc: Init, LoadInputTensorData).

_INPUT = "--graph=/data/local/tmp/smallcnn-int8.tflite --input_layer=x --input_layer_shape="


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("1,224,224,1 --input_layer_value_files=x:/none", 134, "Failed to read the input_layer"),
        ("1,224,224,1 --input_layer_value_files=x:/system/build.prop", 134, "It should be 50176"),
        ("1,224,224,1 --input_layer_value_files=y:/none", 134, "Cannot find the corresponding"),
        ("1,224,224,1 --input_layer_value_files=x", 1, "doesn't contain any delimiter"),
        ("1,224,224", 1, "should have 4 dimensions!"),
        ("1,224,224,1:2", 1, "must match the number of items"),
    ],
)
def test_wrong_inputs_end_as_in_the_tool(
    device: Phone, arguments: str, code: int, text: str
) -> None:
    done = device.device.run(f"{TOOL} {QUICK} {_INPUT}{arguments}", timeout_s=60)
    assert done.exit_code == code
    assert text in done.text + done.stderr.decode()


def test_an_input_decides_the_output_and_another_name_is_only_warned_of(device: Phone) -> None:
    outputs = []
    for value in ("0", "127"):
        device.device.push(bytes([int(value)]) * 50176, "/data/local/tmp/in")
        given = "1,224,224,1 --input_layer_value_files=x:/data/local/tmp/in"
        given += " --output_filepath=/data/local/tmp/out"
        done = device.device.run(f"{TOOL} {QUICK} {_INPUT}{given}", timeout_s=60, check=True)
        assert "but flags call it x" in done.text
        outputs.append(device.shell("od -An -v -tx1 /data/local/tmp/out"))
    assert outputs[0] != outputs[1]
    assert {len(output.split()) for output in outputs} == {2}


# By themselves.


@pytest.mark.parametrize(
    ("samples", "line"),
    [
        ([], "count=0 p5=0 median=0 p95=0"),
        ([61], "count=1 curr=61 p5=61 median=61 p95=61"),
        ([0, 0, 0, 0], "count=4 curr=0(all same) p5=0 median=0 p95=0"),
        (
            [17, 1, 0, 0, 0],
            "count=5 first=17 curr=0 min=0 max=17 avg=3.6 std=6 p5=0 median=0 p95=17",
        ),
        (
            [1_500_000, 1_500_001],
            "count=2 first=1500000 curr=1500001 min=1500000 max=1500001 avg=1.5e+06 std=0 "
            "p5=1500000 median=1500001 p95=1500001",
        ),
    ],
)
def test_statistics_are_printed_as_the_tool_prints_them(samples: list[int], line: str) -> None:
    assert statistics.line(samples) == line


def test_only_name_equals_value_is_a_flag_and_the_first_one_counts() -> None:
    found = flags.read(["--num_runs=3", "--num_runs=4", "--bogus=1", "--use_gpu", "num_threads=2"])
    assert found.values["num_runs"] == 3
    assert found.unconsumed == ("--bogus=1", "--use_gpu", "num_threads=2")
    assert flags.delegate_of(found) is None
    assert flags.delegate_of(flags.read(["--use_gpu=1"])) == "gpu"


def test_runs_stop_when_number_and_time_are_reached_or_the_most_time_has_passed() -> None:
    assert len(loop.repeat(lambda: 1, min_runs=7, min_s=0, max_s=9)) == 7
    assert loop.repeat(lambda: 1, min_runs=0, min_s=0, max_s=9) == []
    assert len(loop.repeat(lambda: 1, min_runs=10**9, min_s=0, max_s=0.01)) < 10**9
