"""The command line of benchmark_model: the only module that knows its flags.

Source: LiteRT tflite/tools/benchmark and tools/delegates (2026). Flags are `--name=value`; a
misspelt one is only a warning there, which the log's reader takes for a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from qbench.android.question import Question
from qbench.records import Asked, Case, Delegate

# Where vendors keep the DSP's own libraries (Qualcomm's SDK documents, FastRPC).
_SYSTEM_ADSP = "/system/lib/rfsa/adsp;/system/vendor/lib/rfsa/adsp;/dsp"
QNN_DELEGATE = "libQnnTFLiteDelegate.so"

QnnBackend = Literal["dsp", "htp", "gpu"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """How a delegate is reached on this device.

    `delegate` is never `npu`. `libraries` is the folder on the device with what Hexagon or QNN
    need, `accelerator` NNAPI's. `note` is what the result has to say of it.
    """

    delegate: Delegate
    accelerator: str | None = None
    libraries: str | None = None
    qnn_backend: QnnBackend | None = None
    is_fp16_allowed: bool = True  # on the GPU, as the tool's own default
    note: str | None = None


def words(case: Case, route: Route, *, program: Sequence[str], model: str) -> tuple[str, ...]:
    """NAME=VALUE of the environment, the program (of the app: what starts it), its flags. Paths are
    the device's."""
    return (
        *environment(route),
        *program,
        f"--graph={model}",
        f"--num_threads={case.threads}",
        f"--warmup_runs={case.warmup_invokes}",
        f"--warmup_min_secs={case.warmup_s:g}",
        f"--num_runs={case.min_invokes}",
        f"--min_secs={case.min_s:g}",
        f"--max_secs={case.max_s:g}",
        *_delegate_flags(route),
        # Any explicit value turns XNNPACK's implicit use off, so `true` is never said.
        *(() if case.xnnpack else ("--use_xnnpack=false",)),
    )


def answer_words(
    case: Case,
    route: Route,
    question: Question,
    *,
    script: str,
    inputs: str,
    program: Sequence[str],
    model: str,
) -> tuple[str, ...]:
    """As `words`, for android_runner/answers.sh at `script`, which adds the flags that name the
    file of one input and that of its output. One warm-up, as every reader of the log expects."""
    return (
        *environment(route),
        "sh",
        script,
        inputs,
        str(question.item_bytes),
        str(question.count),
        question.layer,
        *program,
        f"--graph={model}",
        f"--num_threads={case.threads}",
        "--warmup_runs=1",
        "--warmup_min_secs=0",
        "--num_runs=1",
        "--min_secs=0",
        f"--input_layer={question.layer}",
        f"--input_layer_shape={','.join(map(str, question.shape))}",
        *_delegate_flags(route),
        *(() if case.xnnpack else ("--use_xnnpack=false",)),
    )


def environment(route: Route) -> tuple[str, ...]:
    folder = route.libraries
    if folder is None:
        return ()
    if route.delegate is Delegate.HEXAGON:
        return (f"LD_LIBRARY_PATH={folder}", f"ADSP_LIBRARY_PATH={folder};{_SYSTEM_ADSP}")
    if route.delegate is Delegate.QNN:
        return (f"LD_LIBRARY_PATH={folder}", f"ADSP_LIBRARY_PATH={folder}")
    return ()


def _delegate_flags(route: Route) -> tuple[str, ...]:
    match route.delegate:
        case Delegate.GPU:
            allowed = "true" if route.is_fp16_allowed else "false"
            return ("--use_gpu=true", f"--gpu_precision_loss_allowed={allowed}")
        case Delegate.NNAPI:
            flags = ["--use_nnapi=true"]
            if route.accelerator is not None:
                flags.append(f"--nnapi_accelerator_name={route.accelerator}")
            return tuple(flags)
        case Delegate.HEXAGON:
            return ("--use_hexagon=true", f"--hexagon_lib_path={route.libraries}")
        case Delegate.QNN:
            return (
                f"--external_delegate_path={route.libraries}/{QNN_DELEGATE}",
                f"--external_delegate_options=backend_type:{route.qnn_backend};",
            )
        case Delegate.CPU:
            return ()
        case Delegate.NPU:
            raise AssertionError("npu is resolved to a route before the command is made")


def listing_words(*, program: Sequence[str], model: str) -> tuple[str, ...]:
    """The shortest run that makes the tool print `NNAPI accelerators available: [...]`."""
    return (
        *program,
        f"--graph={model}",
        "--num_runs=1",
        "--min_secs=0",
        "--warmup_runs=1",
        "--warmup_min_secs=0",
        "--use_nnapi=true",
        "--disable_nnapi_cpu=true",
    )


def asked(case: Case, route: Route, *, allow_fallback: bool, is_app: bool = False) -> Asked:
    """What the log will be judged by."""
    return Asked(
        delegate=route.delegate,
        min_invokes=case.min_invokes,
        max_s=case.max_s,
        allow_fallback=allow_fallback,
        accelerator=route.accelerator,
        is_app=is_app,
        note=route.note,
    )
