"""The stand-in's main line: parameters, model, delegate, warm-up, measurement, summary."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from qbench.errors import QBenchError
from qbench.virtual.tool import faults, inputs, loop, statistics
from qbench.virtual.tool.cpu import CpuModel, LoadError, clock_ratio
from qbench.virtual.tool.flags import (
    NAMES,
    TOOL_NAMES,
    BadFlagError,
    Flags,
    ToolError,
    delegate_of,
    read,
    shown,
)

_PROFILE = Path("/.device/profile.json")
_PREDICTOR = Path("/.device/predictor")  # "module:function", written by who starts the device
_HEXAGON_SKELS = "libhexagon_nn_skel*.so"


def main(arguments: Sequence[str]) -> int:
    """Run the tool; the exit code."""
    _say("INFO: STARTING!")
    try:
        flags = read(arguments)
        if flags.unconsumed:
            _say(f"WARN: Unconsumed cmdline flags: {' '.join(flags.unconsumed)}")
        _benchmark(flags, faults.current())
    except (BadFlagError, ToolError) as error:
        sys.stdout.flush()
        for line in str(error).splitlines():
            _complain(f"ERROR: {line}")
        _complain("ERROR: Benchmarking failed.")
        return 1
    except inputs.FatalError as error:
        _complain(f"FATAL: {error}")
        os.kill(os.getpid(), signal.SIGABRT)
    return 0


def _benchmark(flags: Flags, fault: str) -> None:
    path = flags.text("graph")
    if not path:
        raise ToolError("Please specify the name of your TF Lite input file with --graph")
    _log_parameters(flags, fault)
    _check_readable(path)
    _import_runtime(flags)  # the real tool has it linked in: neither time nor memory of the model
    start_kib = _resident_kib()
    start_ns = time.perf_counter_ns()
    invoke = _prepare(flags, path, fault)
    init_us = (time.perf_counter_ns() - start_ns) // 1000
    init_kib = _resident_kib()
    _say(f"INFO: The input model file size (MB): {Path(path).stat().st_size / 1e6:g}")
    _say(f"INFO: Initialized session in {init_us / 1000:g}ms.")
    if flags.is_on("dry_run"):
        return
    max_s = flags.number("max_secs")
    warmup = _phase(flags, invoke, "warmup_runs", "warmup_min_secs", max_s)
    _say(f"INFO: {statistics.line(warmup)}\n")
    sys.stdout.flush()
    faults.strike_after_warmup(fault)
    measured = _phase(flags, invoke, "num_runs", "min_secs", max_s)
    _say(faults.damaged(fault, _summary(init_us, warmup, measured, start_kib, init_kib)))
    if flags.text("output_filepath"):
        _save_outputs(invoke, flags.text("output_filepath"))


def _save_outputs(invoke: loop.Invoke, path: str) -> None:
    """As OutputSaver of the tool: where it cannot write, it says nothing."""
    model = getattr(invoke, "__self__", None)
    if not isinstance(model, CpuModel):
        raise ToolError("this virtual device's accelerators compute nothing: there is no output")
    with contextlib.suppress(OSError):
        Path(path).write_bytes(model.outputs())


def _import_runtime(flags: Flags) -> None:
    import_module("ai_edge_litert.interpreter")
    if delegate_of(flags) is not None:
        import_module("qbench.virtual.tool.accelerators")
        import_module(_predictor()[0])


def _predictor() -> tuple[str, str]:
    try:
        module, _, function = _PREDICTOR.read_text().strip().partition(":")
    except OSError:
        raise ToolError(
            "this virtual device was started without a predictor: only the CPU can be emulated"
        ) from None
    return module, function


def _phase(flags: Flags, invoke: loop.Invoke, runs: str, seconds: str, max_s: float) -> list[int]:
    min_runs, min_s = int(flags.number(runs)), flags.number(seconds)
    _say(
        f"INFO: Running benchmark for at least {min_runs} iterations and at least {min_s:g} "
        f"seconds but terminate if exceeding {max_s:g} seconds."
    )
    sys.stdout.flush()
    return loop.repeat(
        invoke, min_runs=min_runs, min_s=min_s, max_s=max_s, delay_s=flags.number("run_delay")
    )


def _summary(
    init_us: int, warmup: list[int], measured: list[int], start_kib: int, init_kib: int
) -> str:
    return (
        f"INFO: {statistics.line(measured)}\n\n"
        f"INFO: Inference timings in us: Init: {init_us}, First inference: "
        f"{warmup[0] if warmup else 0}, Warmup (avg): {statistics.average(warmup)}, "
        f"Inference (avg): {statistics.average(measured)}\n"
        "INFO: Note: as the benchmark tool itself affects memory footprint, the following is only "
        "APPROXIMATE to the actual memory footprint of the model at runtime. Take the information "
        "at your discretion.\n"
        "INFO: Memory footprint delta from the start of the tool (MB): "
        f"init={(init_kib - start_kib) / 1024:g} overall={(_resident_kib() - start_kib) / 1024:g}"
    )


def _log_parameters(flags: Flags, fault: str) -> None:
    _say(f"INFO: Log parameter values verbosely: [{shown(flags.values['verbose'])}]")
    names = NAMES if flags.is_on("verbose") else [n for n in NAMES if n in flags.given]
    for name in names:
        if name != "graph":
            _say(f"INFO: {NAMES[name]}: [{shown(flags.values[name])}]")
    _say(f"INFO: Graph: [{flags.text('graph')}]")
    _say("INFO: Signature to run: []")
    if flags.is_on("use_nnapi"):
        _say(f"INFO: NNAPI accelerators available: [{','.join(_nnapi_accelerators(fault))}]")


def _nnapi_accelerators(fault: str) -> tuple[str, ...]:
    if fault == "nnapi-reference-only":
        return ("nnapi-reference",)
    from qbench.virtual.tool import accelerators

    android = accelerators.load_profile(_PROFILE).android
    return android.nnapi_accelerators if android else ()


def _check_readable(path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            head = file.read(8)
    except OSError:
        raise ToolError(
            f"Could not open '{path}'.\nThe model allocation is null/empty\n"
            f"Failed to load model {path}"
        ) from None
    if head[4:8] != b"TFL3":
        raise ToolError(f"The model is not a valid Flatbuffer buffer\nFailed to load model {path}")


def _prepare(flags: Flags, path: str, fault: str) -> Callable[[], int]:
    """Load the model and apply the delegate; what performs one invoke."""
    delegate = delegate_of(flags)
    if delegate is None:
        return _on_cpu(flags, path)
    _say(f"INFO: Loaded model {path}")
    if delegate == "qnn" and not _is_file(flags.text("external_delegate_path")):
        faults.strike_after_warmup("crash")  # the real tool calls through the null handle
    if delegate == "hexagon" and not _has_skels(flags):
        _complain(
            "WARN: Could not create Hexagon delegate: platform may not support delegate or "
            "required libraries are missing"
        )
        return _on_cpu(flags, path, is_told=False)
    name = TOOL_NAMES[delegate]
    if fault == "delegate-refused":
        raise ToolError(f"Failed to apply {name} delegate.")
    is_reference = fault == "nnapi-reference-only" and flags.is_on("use_nnapi")
    wanted = flags.text("nnapi_accelerator_name") if flags.is_on("use_nnapi") else ""
    if wanted and wanted not in _nnapi_accelerators(fault):
        raise ToolError(
            f"Could not find the specified NNAPI accelerator: {wanted}. Must be one of: "
            f"{{{','.join(_nnapi_accelerators(fault))}}}.\nFailed to apply {name} delegate."
        )
    if is_reference and not wanted:
        _say(f"INFO: {name} delegate created.")
        _say(
            f"INFO: Though {name} delegate is explicitly applied, the model graph will not be "
            "executed by the delegate."
        )
        return _on_cpu(flags, path, is_told=False)
    return _on_accelerator(flags, path, delegate)


def _on_cpu(flags: Flags, path: str, *, is_told: bool = True) -> Callable[[], int]:
    if is_told:
        _say(f"INFO: Loaded model {path}")
    with_xnnpack = flags.is_on("use_xnnpack") or "use_xnnpack" not in flags.given
    if "use_xnnpack" in flags.given and with_xnnpack:
        _say("INFO: XNNPACK delegate created.")
    try:
        model = CpuModel(path, int(flags.number("num_threads")), with_xnnpack=with_xnnpack)
    except LoadError as error:
        raise ToolError(f"{error}\nFailed to load model {path}") from None
    given = inputs.read(flags)
    if given is None:
        model.fill_inputs()
        return model.invoke
    try:
        for warning in model.take(given):
            _say(f"WARN: {warning}")
    except LoadError as error:
        raise ToolError(str(error)) from None
    return model.invoke


def _on_accelerator(flags: Flags, path: str, delegate_name: str) -> Callable[[], int]:
    from qbench import modelfile
    from qbench.records import Delegate
    from qbench.virtual.tool import accelerators

    profile = accelerators.load_profile(_PROFILE)
    delegate, name = Delegate(delegate_name), TOOL_NAMES[delegate_name]
    try:
        model = modelfile.read(Path(path))
        applied = accelerators.apply(model, delegate, profile, flags)
        for line in applied.stderr:
            _complain(line)
        for line in applied.stdout:
            _say(line)
        if flags.is_on("require_full_delegation") and not applied.is_whole:
            raise ToolError("Disallowed CPU fallback detected.")
        if not applied.is_whole:
            _complain("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.")
        module, function = _predictor()
        predict = getattr(import_module(module), function)
        p50_us = predict(path, delegate, profile, int(flags.number("num_threads")))
    except (QBenchError, OSError) as error:
        raise ToolError(f"{error}\nFailed to apply {name} delegate.") from None
    return accelerators.Emulated(p50_us, profile, clock_ratio()).invoke


def _is_file(path: str) -> bool:
    return Path(path).is_file()


def _has_skels(flags: Flags) -> bool:
    return any(Path(flags.text("hexagon_lib_path")).glob(_HEXAGON_SKELS))


def _resident_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _complain(line: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
