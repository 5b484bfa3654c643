"""Where the time goes: the runtime's own profile of one model on this machine, kernel by kernel.

The profiler is no documented interface of the runtime. So it is asked in a process of its own with
a deadline, and of the one version with which it was tried; see `profile_child`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import msgspec

from qbench.clock import Clock
from qbench.errors import (
    CommandTimeoutError,
    InputError,
    MissingExtraError,
    ModelFileError,
    RunnerCrashedError,
    RunnerError,
    RunnerOutputError,
    RunnerVersionError,
)
from qbench.host import process
from qbench.host.backend import child_environment
from qbench.records import ModelInfo

RUNTIME_VERSION = "2.3.0"
"""Of ai-edge-litert: the one whose profiler is known."""

_FORMAT_VERSION = 1
_START = (
    "import sys; sys.path[:] = sys.argv[1:]; from qbench.host.profile_child import main; main()"
)
_ROUNDED_DOWN_US = 0.5
_OUTPUT_LIMIT_BYTES = 64 << 20
_Us = Annotated[int, msgspec.Meta(ge=0, le=3_600_000_000)]


class KernelTime(msgspec.Struct, frozen=True):
    """One kernel that was started. `node`: the model's operator, None for a delegate's kernel,
    which does not say whose work it does. `time_us`: see `Profile`."""

    label: str
    node: int | None
    time_us: float


class Profile(msgspec.Struct, frozen=True):
    """`invokes` profiled invokes. Every time is the usual one of its own values (`usual_us`), so
    that what other programs took from an invoke counts for the kernel it hit, and only there.

    The runtime rounds each time down to whole microseconds; the middle of what it can have been is
    taken, so half a microsecond is the least that a kernel gets. `between_us` is what an invoke
    takes beside its kernels.
    """

    runtime: str
    threads: int
    invokes: int
    between_us: float
    kernels: tuple[KernelTime, ...]

    @property
    def kernels_us(self) -> float:
        return sum(kernel.time_us for kernel in self.kernels)

    @property
    def invoke_us(self) -> float:
        return self.kernels_us + self.between_us


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    names: Annotated[list[tuple[int | None, str]], msgspec.Meta(min_length=1)]
    invokes_us: Annotated[list[_Us], msgspec.Meta(min_length=1)]
    kernels_us: list[list[_Us]]


class _Failed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str
    message: str


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host_profile: int
    profile: _Told | None = None
    failure: _Failed | None = None


def profile(
    model: ModelInfo,
    threads: int,
    clock: Clock,
    *,
    min_invokes: int = 30,
    min_s: float = 1.0,
    max_s: float = 20.0,
    timeout_s: float = 120.0,
    python: str = sys.executable,
) -> Profile:
    """Raises InputError (sizes not known before run time), MissingExtraError, RunnerVersionError
    (another runtime), CommandTimeoutError, ModelFileError (the runtime turns the file away),
    RunnerCrashedError and RunnerOutputError."""
    runtime = _runtime()
    request = {
        "model_path": model.path,
        "threads": threads,
        "seed": 0,
        "inputs": _inputs(model),
        "warmup_invokes": 3,
        "min_invokes": min_invokes,
        "min_s": min_s,
        "max_s": max_s,
        "max_invokes": 5000,
    }
    folders = [folder for folder in sys.path if folder]
    ended = process.run(
        (python, "-I", "-X", "utf8", "-c", _START, *folders),
        request=json.dumps(request).encode("ascii") + b"\n",
        environment=child_environment(os.environ),
        clock=clock,
        timeout_s=timeout_s,
        stdout_limit_bytes=_OUTPUT_LIMIT_BYTES,
        stderr_limit_bytes=_OUTPUT_LIMIT_BYTES,
    )
    if ended.stopped is process.Stopped.DEADLINE:
        raise CommandTimeoutError(
            f"{model.path}: its profile did not end within {timeout_s:g} s, and was killed"
        )
    return read(ended.stdout, ended.stderr, ended.exit_code, model.path, runtime, threads)


def read(
    stdout: bytes, stderr: bytes, exit_code: int, path: str, runtime: str, threads: int
) -> Profile:
    """What the child said. Raises what `profile` raises."""
    if exit_code < 0:
        raise RunnerCrashedError(
            f"{path}: {runtime}'s profiler was ended by {_signal(-exit_code)}",
            hint="profiles are an unofficial interface; `qbench run` does not use it",
        )
    try:
        answer = msgspec.json.decode(stdout, type=_Answer)
    except (msgspec.DecodeError, UnicodeError) as error:
        last = stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise RunnerOutputError(
            f"{path}: a profile that cannot be read: {error} {' '.join(last)}"
        ) from error
    if answer.failure is not None:
        raise _failure(answer.failure, path, runtime)
    told = answer.profile
    if answer.host_profile != _FORMAT_VERSION or told is None:
        raise RunnerOutputError(f"{path}: a profile of format {answer.host_profile}")
    rows = told.kernels_us
    if len(rows) != len(told.invokes_us) or any(len(row) != len(told.names) for row in rows):
        raise RunnerOutputError(f"{path}: a profile with rows of different lengths")
    return Profile(
        runtime=runtime,
        threads=threads,
        invokes=len(rows),
        between_us=_between_us(told),
        kernels=tuple(
            KernelTime(label, node, usual_us([row[i] for row in rows]) + _ROUNDED_DOWN_US)
            for i, (node, label) in enumerate(told.names)
        ),
    )


def usual_us(values: Sequence[int]) -> float:
    """The mean of what is at most 5 % and 1 us above the 10th percentile.

    Low, since a kernel of some milliseconds is interrupted more often than not on a busy machine;
    a mean, since whole microseconds scatter around what they stand for.
    """
    ordered = sorted(values)
    limit = ordered[len(ordered) * 10 // 100] * 1.05 + 1
    kept = [value for value in ordered if value <= limit]
    return sum(kept) / len(kept)


def _between_us(told: _Told) -> float:
    """Invoke by invoke, so that an interruption within a kernel counts on neither side."""
    left = [
        max(0, whole - sum(row))
        for whole, row in zip(told.invokes_us, told.kernels_us, strict=True)
    ]
    rounded = _ROUNDED_DOWN_US * (len(told.names) - 1)
    return max(0.0, usual_us(left) - rounded)


def _inputs(model: ModelInfo) -> list[tuple[str, int]]:
    tensors = [model.main.tensors[i] for i in model.main.inputs]
    for tensor in tensors:
        if tensor.is_dynamic or tensor.nbytes is None:
            raise InputError(
                f"{model.path}: input {tensor.name!r} has no size before run time",
                hint="convert the model with a fixed input shape to profile it",
            )
    return [(tensor.dtype, tensor.elements) for tensor in tensors]


def _runtime() -> str:
    from importlib import metadata

    try:
        version = metadata.version("ai-edge-litert")
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError(
            "profile: ai-edge-litert, the runtime that is profiled, is not installed",
            hint=f"pip install ai-edge-litert=={RUNTIME_VERSION}",
        ) from error
    if version != RUNTIME_VERSION:
        raise RunnerVersionError(
            f"profile: ai-edge-litert {version} is installed; its profiler is no documented "
            f"interface and known of {RUNTIME_VERSION} only",
            hint=f"pip install ai-edge-litert=={RUNTIME_VERSION}",
        )
    return f"ai-edge-litert {version}"


def _failure(failed: _Failed, path: str, runtime: str) -> Exception:
    match failed.reason:
        case "symbols" | "import":
            return RunnerVersionError(f"{runtime}: {failed.message}")
        case "model":
            return ModelFileError(f"{path}: {runtime} does not take the model: {failed.message}")
        case "input":
            return InputError(f"{path}: {failed.message}")
    return RunnerError(f"{path}: no profile: {failed.message}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
