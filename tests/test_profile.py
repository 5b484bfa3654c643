"""qbench inspect --profile: kernels of the real runtime, and every way in which it may fail."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.host_cases import program
from qbench import modelfile
from qbench.clock import SystemClock
from qbench.errors import (
    CommandTimeoutError,
    InputError,
    ModelFileError,
    RunnerCrashedError,
    RunnerError,
    RunnerOutputError,
    RunnerVersionError,
)
from qbench.host import profile_child
from qbench.host.child import NotMeasured
from qbench.host.profile import KernelTime, Profile, profile, read, usual_us
from qbench.host.profile_match import match
from qbench.records import ModelInfo, OpInfo, OpOptions
from qbench.simulator.networks import files

MODELS = Path(__file__).parent / "models"


def _network(folder: Path, name: str, dtype: str) -> ModelInfo:
    path = folder / "network.tflite"
    path.write_bytes(files.file(name, dtype))
    return modelfile.read(path)


def _quick(model: ModelInfo, threads: int = 1) -> Profile:
    return profile(model, threads, SystemClock(), min_invokes=3, min_s=0.0)


def _answered(body: object, exit_code: int = 0) -> Profile:
    return read(json.dumps(body).encode(), b"", exit_code, "m.tflite", "runtime 1", 1)


# ---- the real runtime


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("mobilenet_v2_tf_035@96x96", "float32"),
        ("mobilenet_v3_small_tf", "int8"),  # 20 partitions
        ("squeezenet_1_1", "int8"),  # concatenations
        ("efficientnet_b0@96x96", "int8"),  # sigmoids by a table
        ("resnet_8", "float32"),  # additions with a clamp: two kernels each
    ],
)
def test_every_product_of_a_network_has_its_kernel(name: str, dtype: str, tmp_path: Path) -> None:
    model = _network(tmp_path, name, dtype)
    found = _quick(model)
    owners = match(found.kernels, model.main.ops)
    assert None not in owners
    assert {op.index for op in model.main.ops if op.macs} <= set(owners)
    assert owners == sorted(owner for owner in owners if owner is not None)
    assert found.invokes >= 3
    assert all(kernel.time_us > 0 for kernel in found.kernels)
    assert found.invoke_us >= found.kernels_us > 0


def test_operators_that_no_delegate_takes_are_named_by_their_index(tmp_path: Path) -> None:
    model = _network(tmp_path, "mobilenet_v3_small_tf", "int8")
    own = {kernel.node: kernel.label for kernel in _quick(model).kernels if kernel.node is not None}
    swishes = {op.index for op in model.main.ops if op.name == "HARD_SWISH"}
    assert own == dict.fromkeys(swishes, "HARD_SWISH")


def test_more_threads_are_passed_on(tmp_path: Path) -> None:
    assert _quick(_network(tmp_path, "resnet_8", "int8"), threads=2).threads == 2


def test_the_library_exports_what_is_asked_of_it() -> None:
    library = profile_child.Library()
    with pytest.raises(NotMeasured, match="LiteRtCreateModelFromFile answers"):
        library.made("LiteRtCreateModelFromFile", ctypes.c_void_p(), b"/does/not/exist.tflite")


def test_a_file_that_the_runtime_turns_away_is_a_model_file_error() -> None:
    with pytest.raises(ModelFileError, match="does not take the model"):
        _quick(modelfile.read(MODELS / "every_option.tflite"))


def test_an_input_without_a_size_is_refused_before_anything_runs() -> None:
    with pytest.raises(InputError, match="has no size before run time"):
        _quick(modelfile.read(MODELS / "free_batch.tflite"))


# ---- what goes wrong in the child


def test_a_child_that_dies_is_a_crashed_runner(tmp_path: Path) -> None:
    model = modelfile.read(MODELS / "cnn_int8.tflite")
    python = program(tmp_path, "ulimit -c 0; kill -SEGV $$")
    with pytest.raises(RunnerCrashedError, match="was ended by SIGSEGV") as caught:
        profile(model, 1, SystemClock(), python=python)
    assert "unofficial" in (caught.value.hint or "")


def test_a_child_that_hangs_is_killed_at_its_deadline(tmp_path: Path) -> None:
    model = modelfile.read(MODELS / "cnn_int8.tflite")
    python = program(tmp_path, "exec sleep 600")
    with pytest.raises(CommandTimeoutError, match=r"did not end within 0\.5 s"):
        profile(model, 1, SystemClock(), python=python, timeout_s=0.5)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ({"reason": "symbols", "message": "libLiteRt does not export X"}, RunnerVersionError),
        ({"reason": "import", "message": "no library"}, RunnerVersionError),
        ({"reason": "model", "message": "status 1"}, ModelFileError),
        ({"reason": "input", "message": "strings"}, InputError),
        ({"reason": "call", "message": "status 3"}, RunnerError),
        ({"reason": "memory", "message": "too little"}, RunnerError),
    ],
)
def test_what_the_child_says_becomes_an_error_of_its_kind(
    failure: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error, match=failure["message"]):
        _answered({"host_profile": 1, "failure": failure}, 1)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"host_profile": 2, "profile": {"names": [[0, "A"]], "invokes_us": [1], "kernels_us": []}},
        {"host_profile": 1},
        {"host_profile": 1, "profile": {"names": [], "invokes_us": [1], "kernels_us": [[]]}},
        {"host_profile": 1, "profile": {"names": [[0, "A"]], "invokes_us": [], "kernels_us": []}},
        {"host_profile": 1, "profile": {"names": [[0, "A"]], "invokes_us": [1], "kernels_us": []}},
        {
            "host_profile": 1,
            "profile": {"names": [[0, "A"]], "invokes_us": [1], "kernels_us": [[1, 2]]},
        },
        {
            "host_profile": 1,
            "profile": {"names": [[0, "A"]], "invokes_us": [1], "kernels_us": [[-1]]},
        },
    ],
)
def test_an_answer_that_does_not_hold_together_is_refused(body: object) -> None:
    with pytest.raises(RunnerOutputError):
        _answered(body)


# ---- times


def test_interrupted_invokes_do_not_count_and_half_a_microsecond_is_the_least() -> None:
    calm, hit = [100, 7, 0], [100, 4007, 0]
    found = _answered(
        {
            "host_profile": 1,
            "profile": {
                "names": [[None, "A"], [None, "B"], [3, "C"]],
                "invokes_us": [120, 4120, 120],
                "kernels_us": [calm, hit, calm],
            },
        }
    )
    assert [kernel.time_us for kernel in found.kernels] == [100.5, 7.5, 0.5]
    # 13 us are left in every invoke; each of four numbers was rounded down
    assert found.between_us == 13 - 3 * 0.5 + 0.5
    assert found.invoke_us == found.kernels_us + found.between_us


def test_the_usual_time_is_near_the_least_and_keeps_fractions() -> None:
    assert usual_us([10, 11, 10, 11, 4000, 4000, 4000, 4000, 4000, 4000]) == 10.5
    assert usual_us([7]) == 7


# ---- whose work it is


def _op(index: int, name: str, macs: int = 0) -> OpInfo:
    return OpInfo(index, name, 1, (), (), macs, OpOptions())


def _kernels(*labels: str) -> list[KernelTime]:
    return [KernelTime(label, None, 1.0) for label in labels]


def test_clamps_belong_to_what_is_before_them_and_conversions_to_what_follows() -> None:
    ops = [_op(0, "CONV_2D", 9), _op(1, "ADD"), _op(2, "CONV_2D", 9)]
    kernels = _kernels(
        "Convert (NC, F32, QDU8)",
        "Convolution (NHWC, QDU8, F32, QC8W) IGEMM",
        "Add (ND)",
        "Clamp (NC)",
        "Convert (NC, F32, QDU8)",
        "Fully Connected (NC, QDU8, F32, QC8W) GEMM",
    )
    assert match(kernels, ops) == [0, 0, 1, 1, 2, 2]


def test_operators_that_were_folded_away_get_nothing() -> None:
    ops = [_op(0, "DEQUANTIZE"), _op(1, "PAD"), _op(2, "DEPTHWISE_CONV_2D", 9), _op(3, "RELU")]
    assert match(_kernels("Convolution (NHWC, F32) DWConv", "Clamp (NC)"), ops) == [2, 3]


def test_a_kernel_that_nobody_knows_is_nobodys() -> None:
    ops = [_op(0, "CONV_2D", 9), _op(1, "MUL")]
    kernels = _kernels("Convolution (NHWC, F32) IGEMM", "Teleport (NC)", "Multiply (ND)")
    assert match(kernels, ops) == [0, None, 1]


def test_a_node_of_the_runtime_itself_goes_by_its_index() -> None:
    ops = [_op(0, "HARD_SWISH"), _op(1, "HARD_SWISH")]
    assert match([KernelTime("HARD_SWISH", 1, 1.0)], ops) == [1]


# ---- the command


def _inspect(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qbench", "inspect", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_the_command_tells_measured_and_predicted_times_of_each_kernel(tmp_path: Path) -> None:
    model = _network(tmp_path, "resnet_8", "int8")
    result = _inspect(model.path, "--profile", "--json")
    assert result.returncode == 0, result.stderr
    body = json.loads(result.stdout)
    assert body["origin"] == "host"
    assert body["prediction"]["origin"] == "simulated"
    assert body["prediction"]["tier"]
    rows = body["rows"]
    products = [row for row in rows if "CONV_2D" in row["names"]]
    assert len(products) == 9
    assert all(row["measured_us"] and row["predicted_us"] and row["kernels"] for row in products)
    for row in products:
        assert row["ratio"] == pytest.approx(row["predicted_us"] / row["measured_us"])
    told = sum(row["measured_us"] or 0 for row in rows)
    assert told == pytest.approx(body["invoke_us"])
    predicted = sum(row["predicted_us"] or 0 for row in rows)
    assert predicted == pytest.approx(body["prediction"]["p50_us"], abs=1)


def test_a_model_that_cannot_be_profiled_ends_with_the_exit_code_of_bad_input() -> None:
    result = _inspect(str(MODELS / "free_batch.tflite"), "--profile")
    assert result.returncode == 2
    assert "has no size before run time" in result.stderr


def test_the_table_says_what_is_simulated_and_how_a_profile_differs(tmp_path: Path) -> None:
    model = _network(tmp_path, "resnet_8", "float32")
    result = _inspect(model.path, "--profile")
    assert result.returncode == 0, result.stderr
    assert "SIMULATED: " in result.stdout
    assert "90 % band" in result.stdout
    assert "not profiled" in result.stdout
    assert "32x32x3 3x3 -> 32x32x16" in result.stdout
    sums = [line.split() for line in result.stdout.splitlines() if " CONV_2D " in f"{line} "]
    assert any(cells[:2] == ["9", "CONV_2D"] for cells in sums)
