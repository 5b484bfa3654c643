"""Who ran the model: delegate lines of all wordings. SYNTHETIC logs, worded after the sources."""

from __future__ import annotations

import pytest

from fakes.benchmark_logs import synthetic
from qbench.formats.benchmark_model import LogReport, read
from qbench.records import ComputeUnit, Delegate, Proof, UnitNodes

CPU, GPU, NPU = ComputeUnit.CPU, ComputeUnit.GPU, ComputeUnit.NPU
MODERN = synthetic("tf-2.16")
OLD = synthetic("tf-2.3")
COMPLETELY = (
    "INFO: Explicitly applied {} delegate, and the model graph will be completely executed by the "
    "delegate."
)
PARTIALLY = (
    "INFO: Explicitly applied {} delegate, and the model graph will be partially executed by the "
    "delegate w/ {} delegate kernels."
)
UNUSED = (
    "INFO: Though {} delegate is explicitly applied, the model graph will not be executed by the "
    "delegate."
)
XNNPACK = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
NO_HEXAGON = (
    "WARN: Could not create Hexagon delegate: platform may not support delegate or required "
    "libraries are missing"
)


def run(
    *lines: str,
    requested: Delegate | None = None,
    allow_fallback: bool = False,
    log: str = MODERN,
    exit_code: int = 0,
    after: str = "Loaded model",
) -> LogReport:
    """The log with `lines` where the tool prints them: after it has loaded the model."""
    at = log.index("\n", log.index(after)) + 1
    text = log[:at] + "".join(f"{line}\n" for line in lines) + log[at:]
    return read(text, "", exit_code, requested=requested, allow_fallback=allow_fallback)


def replacing(nodes: int, of: int, name: str, pieces: int, where: str = "subgraph 0") -> str:
    return (
        f"VERBOSE: Replacing {nodes} out of {of} node(s) with delegate ({name}) node, yielding "
        f"{pieces} partitions for {where}."
    )


def test_the_whole_graph_on_the_gpu() -> None:
    report = run(
        "INFO: Created TensorFlow Lite delegate for GPU.",
        "INFO: GPU delegate created.",
        "INFO: Loaded OpenCL library with dlopen.",
        replacing(49, 49, "TfLiteGpuDelegateV2", 1),
        "INFO: Initialized OpenCL-based API.",
        "INFO: Created 1 GPU delegate kernels.",
        COMPLETELY.format("GPU"),
        requested=Delegate.GPU,
    )
    assert report.failure is None
    assert report.nodes == UnitNodes(cpu=0, gpu=49, npu=0)
    assert report.partitions == 1
    assert report.proof is Proof.NODE_COUNTS
    assert report.executed_by == (GPU,)
    assert len(report.evidence) == 7
    assert report.unknown_lines == ()


def test_the_list_of_operators_that_the_gpu_refuses_is_an_error_line_and_no_error() -> None:
    report = run(
        "INFO: GPU delegate created.",
        "ERROR: Following operations are not supported by GPU delegate:",
        "CAST: Not supported Cast case. Input type: INT32 and output type: INT64",
        "CUSTOM TFLite_Detection_PostProcess: TFLite_Detection_PostProcess",
        "DEQUANTIZE: ",
        "63 operations will run on the GPU, and the remaining 4 operations will run on the CPU.",
        PARTIALLY.format("GPU", 3),
        requested=Delegate.GPU,
    )
    assert report.failure is None
    assert report.avg_us == 8680.33
    assert report.nodes == UnitNodes(cpu=4, gpu=63, npu=0)
    assert report.partitions == 3
    assert report.executed_by == (GPU, CPU)
    assert len(report.refused_ops) == 3
    assert report.unknown_lines == ()


def test_the_gpu_list_of_2019_is_glued_to_the_line_that_follows() -> None:
    report = run(
        "INFO: Created TensorFlow Lite delegate for GPU.",
        "ERROR: Next operations are not supported by GPU delegate:",
        "MAXIMUM: Operation is not supported.",
        "First 65 operations will run on the GPU, and the remaining 3 on the CPU."
        "TfLiteGpuDelegate Invoke: note",
        "Applied GPU delegate, and the model graph will be partially executed w/ the delegate.",
        requested=Delegate.GPU,
        log=OLD,
    )
    assert report.failure is None
    assert report.nodes == UnitNodes(cpu=3, gpu=65, npu=0)
    assert report.executed_by == (GPU, CPU)


def test_no_operator_on_the_gpu_is_not_delegated() -> None:
    lines = (
        "INFO: GPU delegate created.",
        "ERROR: Following operations are not supported by GPU delegate:",
        "CAST: Operation is not supported.",
        "No operations will run on the GPU, and all 52 operations will run on the CPU.",
        UNUSED.format("GPU"),
    )
    report = run(*lines, requested=Delegate.GPU)
    assert report.failure is not None
    assert report.failure.error == "NotDelegatedError"
    assert report.avg_us is None
    assert report.count is None
    assert report.nodes == UnitNodes(cpu=52, gpu=0, npu=0)
    assert report.partitions == 0

    report = run(*lines, requested=Delegate.GPU, allow_fallback=True)
    assert report.failure is None
    assert report.avg_us == 8680.33
    assert report.executed_by == (CPU,)
    assert report.partitions == 0


def test_hexagon_that_was_not_created_is_a_silent_cpu_run() -> None:
    report = run(NO_HEXAGON, XNNPACK, requested=Delegate.HEXAGON)
    assert report.failure is not None
    assert report.failure.error == "NotDelegatedError"
    assert "Could not create Hexagon delegate" in report.failure.message
    assert report.avg_us is None
    assert report.executed_by == (CPU,)
    assert report.proof is Proof.FLAG_ACCEPTED

    report = run(NO_HEXAGON, XNNPACK, requested=Delegate.HEXAGON, allow_fallback=True)
    assert report.failure is None
    assert report.executed_by == (CPU,)

    report = run(NO_HEXAGON, XNNPACK)  # nobody says what was asked
    assert report.failure is None
    assert report.executed_by == (CPU,)


@pytest.mark.parametrize(
    ("line", "requested"),
    [
        ("WARN: NNAPI acceleration is unsupported on this platform.", Delegate.NNAPI),
        ("WARN: GPU acceleration is unsupported on this platform.", Delegate.GPU),
        ("INFO: Hexagon Delegate is not supported.", Delegate.HEXAGON),
        (UNUSED.format("NNAPI"), Delegate.NNAPI),
        (UNUSED.format("EXTERNAL"), Delegate.QNN),
        ("INFO: Created 0 GPU delegate kernels.", Delegate.GPU),
        ("INFO: Hexagon delegate: 0 nodes delegated out of 64 nodes with 0 partitions.", "hexagon"),
        (
            "INFO: TfLiteQnnDelegate delegate: 0 nodes delegated out of 64 nodes with 0 "
            "partitions.",
            "qnn",
        ),
        ("INFO: Use gpu: [0]", Delegate.GPU),
        (XNNPACK, Delegate.NPU),
    ],
)
def test_each_way_of_taking_nothing_is_not_delegated(line: str, requested: str) -> None:
    report = run(line, XNNPACK, requested=Delegate(requested))
    assert report.failure is not None
    assert report.failure.error == "NotDelegatedError"
    assert report.avg_us is None
    assert run(line, XNNPACK, requested=Delegate(requested), allow_fallback=True).avg_us == 8680.33


def test_hexagon_counts_nodes_and_its_own_partitions() -> None:
    report = run(
        "loaded libcdsprpc.so",
        "INFO: Created TensorFlow Lite delegate for Hexagon.",
        "INFO: Hexagon delegate: 62 nodes delegated out of 64 nodes with 2 partitions.",
        "",
        PARTIALLY.format("Hexagon", 2),
        requested=Delegate.HEXAGON,
    )
    assert report.failure is None
    assert report.nodes == UnitNodes(cpu=2, gpu=0, npu=62)
    assert report.partitions == 2
    assert report.proof is Proof.NODE_COUNTS


def test_the_oldest_hexagon_line_has_no_partitions() -> None:
    report = run(
        "INFO: Hexagon delegate: 31 nodes delegated out of 40 nodes.",
        "Applied Hexagon delegate, and the model graph will be partially executed w/ the delegate.",
        requested=Delegate.HEXAGON,
        log=OLD,
    )
    assert report.nodes == UnitNodes(cpu=9, gpu=0, npu=31)
    assert report.partitions is None


def test_qnn_comes_as_an_external_delegate_under_two_names() -> None:
    report = run(
        "INFO: External delegate path: [/data/local/tmp/q/libQnnTFLiteDelegate.so]",
        "INFO: External delegate options: [backend_type:dsp;]",
        "INFO: EXTERNAL delegate created.",
        "INFO: [Qnn Delegate] TfLiteQnnDelegate delegate: 11 nodes delegated out of 3504 nodes "
        "with 7 partitions.",
        replacing(11, 3504, "TfLiteQnnDelegate", 15, "the whole graph"),
        PARTIALLY.format("EXTERNAL", 7),
        XNNPACK,
        replacing(3145, 3500, "TfLiteXNNPackDelegate", 40, "the whole graph"),
        requested=Delegate.QNN,
    )
    assert report.failure is None
    assert report.nodes == UnitNodes(cpu=3493, gpu=0, npu=11)
    assert report.partitions == 7
    assert report.executed_by == (NPU, CPU)
    assert [use.name for use in report.delegates] == ["qnn", "xnnpack"]


def test_qnn_with_the_gpu_backend_is_the_gpu() -> None:
    report = run(
        "INFO: External delegate options: [backend_type:gpu;]",
        "INFO: EXTERNAL delegate created.",
        replacing(9, 9, "TfLiteQnnDelegate", 1),
        COMPLETELY.format("EXTERNAL"),
        requested=Delegate.QNN,
    )
    assert report.nodes == UnitNodes(cpu=0, gpu=9, npu=0)
    assert report.executed_by == (GPU,)


def test_a_library_that_nobody_knows_has_partitions_and_no_compute_unit() -> None:
    lines = (
        "INFO: EXTERNAL delegate created.",
        replacing(31, 31, "Vx Delegate", 1, "the whole graph"),
        COMPLETELY.format("EXTERNAL"),
    )
    report = run(*lines)
    assert report.partitions == 1
    assert report.nodes is None
    assert report.executed_by == ()
    assert run(*lines, requested=Delegate.NPU).executed_by == (NPU,)


def test_two_delegates_one_after_the_other() -> None:
    report = run(
        "INFO: NNAPI accelerators available: [nnapi-reference]",
        "INFO: GPU delegate created.",
        "INFO: Created TensorFlow Lite delegate for NNAPI.",
        "INFO: Going to apply 2 delegates one after another.",
        replacing(49, 49, "TfLiteGpuDelegateV2", 1),
        COMPLETELY.format("GPU"),
        UNUSED.format("NNAPI"),
    )
    assert report.nodes == UnitNodes(cpu=0, gpu=49, npu=0)
    assert report.executed_by == (GPU,)
    assert report.partitions == 1


def test_the_delegate_that_was_asked_for_must_have_taken_something_itself() -> None:
    lines = (replacing(49, 49, "TfLiteGpuDelegateV2", 1), COMPLETELY.format("GPU"))
    report = run(*lines, UNUSED.format("NNAPI"), requested=Delegate.NNAPI)
    assert report.failure is not None
    assert report.failure.error == "NotDelegatedError"
    assert report.executed_by == (GPU,)


def test_xnnpack_takes_the_rest_and_that_rest_is_the_cpus() -> None:
    report = run(
        "INFO: NNAPI delegate created.",
        replacing(5, 64, "TfLiteNnapiDelegate", 5, "the whole graph"),
        XNNPACK,
        replacing(59, 62, "TfLiteXNNPackDelegate", 5, "the whole graph"),
        PARTIALLY.format("NNAPI", 3),
        requested=Delegate.NNAPI,
    )
    assert report.nodes == UnitNodes(cpu=59, gpu=0, npu=5)
    assert report.partitions == 3


@pytest.mark.parametrize(("pieces", "own"), [(1, 1), (2, 1), (3, None), (6, 3), (7, None)])
def test_pieces_count_the_cpus_too(pieces: int, own: int | None) -> None:
    nodes = 64 if pieces == 1 else 54
    report = run(
        "INFO: NNAPI delegate created.", replacing(nodes, 64, "TfLiteNnapiDelegate", pieces)
    )
    assert report.partitions == own
    assert report.nodes == UnitNodes(cpu=64 - nodes, gpu=0, npu=nodes)


def test_the_next_delegate_tells_how_many_pieces_the_first_one_made() -> None:
    report = run(
        replacing(54, 559, "TfLiteGpuDelegateV2", 3),
        replacing(456, 506, "TfLiteXNNPackDelegate", 13),
        requested=Delegate.GPU,
    )
    assert report.partitions == 1  # 559 - 54 + 1 = 506
    assert report.nodes == UnitNodes(cpu=505, gpu=54, npu=0)


def test_kernels_of_the_tool_go_before_pieces_of_the_runtime() -> None:
    report = run(
        replacing(54, 64, "TfLiteNnapiDelegate", 7),
        PARTIALLY.format("NNAPI", 4),
        requested=Delegate.NNAPI,
    )
    assert report.partitions == 4


def test_several_subgraphs_are_added_up() -> None:
    report = run(
        replacing(10, 12, "TfLiteNnapiDelegate", 2),
        replacing(3, 4, "TfLiteNnapiDelegate", 2, "subgraph 1 (cond_true)"),
        requested=Delegate.NNAPI,
    )
    assert report.nodes == UnitNodes(cpu=3, gpu=0, npu=13)
    assert report.partitions == 2


def test_a_delegate_that_is_applied_again_says_the_same_line_again() -> None:
    line = replacing(10, 12, "TfLiteNnapiDelegate", 2)
    report = run(line, line, requested=Delegate.NNAPI)
    assert report.nodes == UnitNodes(cpu=2, gpu=0, npu=10)


def test_before_tf_2_11_the_line_does_not_say_out_of_how_many() -> None:
    line = (
        "INFO: Replacing {} node(s) with delegate (TfLiteNnapiDelegate) node, yielding {} "
        "partitions."
    )
    report = run(line.format(31, 1), requested=Delegate.NNAPI)
    assert report.nodes == UnitNodes(cpu=0, gpu=0, npu=31)
    report = run(line.format(31, 4), PARTIALLY.format("NNAPI", 2), requested=Delegate.NNAPI)
    assert report.nodes is None
    assert report.partitions == 2
    assert report.executed_by == (NPU, CPU)
    assert report.proof is Proof.NODE_COUNTS


def test_counts_that_cannot_be_are_no_counts() -> None:
    report = run(replacing(70, 64, "TfLiteNnapiDelegate", 3))
    assert report.nodes is None


def test_the_reference_driver_of_nnapi_is_the_cpu() -> None:
    lines = (
        "INFO: NNAPI accelerators available: [nnapi-reference]",
        "INFO: NNAPI delegate created.",
        replacing(31, 31, "TfLiteNnapiDelegate", 1),
        COMPLETELY.format("NNAPI"),
    )
    report = run(*lines, requested=Delegate.NNAPI)
    assert report.failure is not None
    assert report.failure.error == "NotDelegatedError"
    assert "nnapi-reference" in report.failure.message
    report = run(*lines, requested=Delegate.NNAPI, allow_fallback=True)
    assert report.nodes == UnitNodes(cpu=31, gpu=0, npu=0)
    assert report.executed_by == (CPU,)
    chosen = "INFO: NNAPI accelerator name: [nnapi-reference]"
    assert run(chosen, *lines[1:], requested=Delegate.NNAPI).failure is not None


def test_nnapi_on_the_gpus_driver_is_the_gpu() -> None:
    report = run(
        "INFO: NNAPI accelerator name: [qti-gpu]",
        "INFO: NNAPI accelerators available: [qti-default,qti-dsp,qti-gpu,nnapi-reference]",
        replacing(31, 31, "TfLiteNnapiDelegate", 1),
        COMPLETELY.format("NNAPI"),
        requested=Delegate.NNAPI,
    )
    assert report.nodes == UnitNodes(cpu=0, gpu=31, npu=0)


def test_a_driver_line_that_names_the_device_is_the_strongest_proof() -> None:
    line = "I ExecutionPlan: ModelBuilder::findBestDeviceForEachOperation(CONV_2D) = 0 (qti-dsp)"
    stamp = "08-17 21:47:49.162 29423 29423 "
    report = run(
        *[stamp + line] * 40,
        replacing(31, 31, "TfLiteNnapiDelegate", 1),
        COMPLETELY.format("NNAPI"),
        requested=Delegate.NNAPI,
    )
    assert report.proof is Proof.DRIVER_LOG
    assert len([x for x in report.evidence if "qti-dsp" in x]) == 1
    assert report.nodes == UnitNodes(cpu=0, gpu=0, npu=31)


def test_the_support_library_of_nnapi_names_its_devices() -> None:
    report = run(
        "WARNING: Operator CAST (v1) refused by NNAPI delegate: Unsupported cast.",
        "INFO: Execution info: getSessionId=1 getErrorCode=0 getNnApiVersion=8 "
        "getModelArchHash=a1 getDeviceIds=google-edgetpu getInputDataClass=1",
        replacing(31, 32, "TfLiteNnapiDelegate", 2),
        PARTIALLY.format("NNAPI", 1),
        requested=Delegate.NNAPI,
    )
    assert report.proof is Proof.DRIVER_LOG
    assert report.nodes == UnitNodes(cpu=1, gpu=0, npu=31)
    assert len(report.refused_ops) == 1


def test_tensorflow_operators_run_on_the_cpu() -> None:
    report = run(
        "INFO: Created TensorFlow Lite delegate for select TF ops.",
        replacing(3, 64, "TfLiteFlexDelegate", 2),
        XNNPACK,
        replacing(61, 62, "TfLiteXNNPackDelegate", 2),
    )
    assert report.nodes == UnitNodes(cpu=64, gpu=0, npu=0)
    assert report.executed_by == (CPU,)
    assert report.unknown_lines == ()


@pytest.mark.parametrize("how", ["completely", "partially"])
def test_the_old_sentence_is_a_low_rung(how: str) -> None:
    sentence = (
        f"Applied NNAPI delegate, and the model graph will be {how} executed w/ the delegate."
    )
    report = run(sentence, requested=Delegate.NNAPI, log=OLD)
    assert report.failure is None
    assert report.proof is Proof.DELEGATE_CREATED
    assert report.executed_by == ()
    assert report.partitions is None
    assert run("Applied GPU delegate.", requested=Delegate.GPU, log=OLD).proof is (
        Proof.DELEGATE_CREATED
    )


def test_the_sentence_of_tf_2_4_with_its_typing_error() -> None:
    report = run(
        "Applied NNAPI delegate, and the model graph will be paritally executed by the delegate "
        "w/ 2 delegate kernels.",
        requested=Delegate.NNAPI,
        log=OLD,
    )
    assert (report.partitions, report.proof) == (2, Proof.DELEGATE_APPLIED)


def test_an_old_tool_that_says_nothing_has_only_accepted_the_flag() -> None:
    log = synthetic("tf-1.14").replace("Use nnapi : [0]", "Use nnapi : [1]")
    report = read("", log, 0, requested=Delegate.NNAPI)
    assert report.failure is None
    assert report.proof is Proof.FLAG_ACCEPTED
    assert report.executed_by == ()
    assert read("", synthetic("tf-1.14"), 0, requested=Delegate.NNAPI).failure is not None


def test_a_delegate_that_cannot_be_applied_is_not_delegated() -> None:
    log = MODERN[: MODERN.index("INFO: Initialized session")]
    lines = (
        "INFO: NNAPI delegate created.",
        replacing(248, 248, "TfLiteNnapiDelegate", 1),
        "ERROR: NN API returned error ANEURALNETWORKS_OP_FAILED at line 3779 while completing "
        "NNAPI compilation.",
        "ERROR: Node number 248 (TfLiteNnapiDelegate) failed to prepare.",
        "ERROR: Restored original execution plan after delegate application failure.",
        "ERROR: Failed to apply NNAPI delegate.",
        "ERROR: Benchmarking failed.",
    )
    for code in (1, 134):
        report = run(*lines, requested=Delegate.NNAPI, log=log, exit_code=code)
        assert report.failure is not None
        assert report.failure.error == "NotDelegatedError"
        assert "Failed to apply NNAPI delegate." in report.failure.message
    report = run(*lines, log=log, exit_code=1)
    assert report.failure is not None
    assert report.failure.error == "RunnerCrashedError"


def test_a_flag_that_the_build_lacks_is_told_as_what_it_means() -> None:
    line = "WARN: Unconsumed cmdline flags: --use_gpu=true"
    report = run(line, requested=Delegate.GPU, after="STARTING")
    assert report.failure is not None
    assert report.failure.error == "NotDelegatedError"
    report = run(line, requested=Delegate.NNAPI, after="STARTING")
    assert report.failure is not None
    assert report.failure.error == "RunnerVersionError"


def test_an_npu_is_any_rung_of_the_ladder() -> None:
    report = run(
        NO_HEXAGON,
        "INFO: NNAPI delegate created.",
        replacing(31, 31, "TfLiteNnapiDelegate", 1),
        COMPLETELY.format("NNAPI"),
        requested=Delegate.NPU,
    )
    assert report.failure is None
    assert report.nodes == UnitNodes(cpu=0, gpu=0, npu=31)


def test_lines_of_another_process_in_logcat_are_nobodys_evidence() -> None:
    stamp = "11-24 03:51:33.123 {0} {0} I tflite  : {1}\n"
    bare = MODERN.replace("INFO: ", "")
    log = "".join(stamp.format(222, line) for line in bare.split("\n") if line)
    other = stamp.format(111, replacing(9, 9, "TfLiteGpuDelegateV2", 1).removeprefix("VERBOSE: "))
    report = read(other + log, "", None, requested=Delegate.GPU)
    assert report.failure is not None
    assert report.evidence == ()
    assert report.unknown_count == 1


def test_a_logcat_of_two_runs_is_refused() -> None:
    stamp = "11-24 03:51:33.123 {0} {0} I tflite  : {1}\n"
    bare = MODERN.replace("INFO: ", "")
    log = "".join(stamp.format(pid, line) for pid in (1, 2) for line in bare.split("\n") if line)
    report = read(log, "", None)
    assert report.failure is not None
    assert "more than one run" in report.failure.message
    assert report.avg_us is None
