"""This machine as a backend: every run is one fresh process of `child.py`."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from qbench import errors
from qbench.clock import Clock
from qbench.formats import failure_of
from qbench.host import machine, process
from qbench.records import (
    Case,
    Delegate,
    DeviceInfo,
    DeviceState,
    Failure,
    Origin,
    OutputFormat,
    RawOutput,
)

_CHILD = Path(__file__).with_name("child.py")
# A million samples are 10 MB of JSON; the runtime's own log is a few lines.
_STDOUT_LIMIT_BYTES = 64 << 20
_STDERR_LIMIT_BYTES = 4 << 20
# Everything else in the environment could change the measurement without a trace in the record
# (allocator settings, preloaded libraries, thread counts of other libraries).
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# numpy's BLAS would start a thread per core that nobody uses.
_SET_VARIABLES = {"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class HostBackend:
    """Backend for Origin.HOST. `python` is the interpreter that runs the child.

    The child gets this process's `sys.path` and a nearly empty environment. The deadline of a run
    is its case's `timeout_s`, over everything from start to last byte.
    """

    def __init__(self, clock: Clock, *, python: str = sys.executable) -> None:
        self._clock = clock
        self._python = python

    @property
    def origin(self) -> Origin:
        return Origin.HOST

    def describe(self) -> DeviceInfo:
        cpu = machine.cpu_model()
        return DeviceInfo(
            name="host",
            title=f"this machine ({cpu})",
            origin=Origin.HOST,
            os=machine.operating_system(),
            cpu=cpu,
            cores=machine.cores(),
            runtime=self._tool,
        )

    def settle(self) -> DeviceState:
        """The state now. A host is not waited for: contention shows in each run's queue wait."""
        return machine.read_state()

    def state(self) -> DeviceState:
        return machine.read_state()

    def run(self, case: Case) -> RawOutput:
        """One fresh process. Whatever goes wrong in it is in the RawOutput; raises nothing."""
        if case.delegate is not Delegate.CPU:
            refusal: errors.QBenchError = errors.NotDelegatedError(
                f"{case.case_id}: this machine has no delegate {case.delegate.value}",
                hint="measure `cpu` on the host, or simulate the delegate on a device profile",
            )
            return self._raw(None, failure_of(refusal))
        if case.mask is not None and not machine.may_use(case.mask):
            refusal = errors.PlanError(
                f"{case.case_id}: this machine cannot run on the cores of mask {case.mask}",
                hint=f"its cores are those of mask {machine.mask() or '(it does not tell)'}",
            )
            return self._raw(None, failure_of(refusal))
        try:
            ended = process.run(
                (self._python, "-I", "-X", "utf8", str(_CHILD)),
                request=_request(case),
                environment=child_environment(os.environ),
                clock=self._clock,
                timeout_s=case.timeout_s,
                stdout_limit_bytes=_STDOUT_LIMIT_BYTES,
                stderr_limit_bytes=_STDERR_LIMIT_BYTES,
            )
        except OSError as error:
            problem = errors.CommandError(f"{self._python}: cannot be started: {error}")
            return self._raw(None, failure_of(problem))
        return self._raw(ended, _stopped(case, ended.stopped))

    def __enter__(self) -> Self:
        """Raises MissingExtraError when the runtime is not installed."""
        _ = self._tool, self._tool_sha256
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    @cached_property
    def _tool(self) -> str:
        from importlib import metadata

        try:
            return f"ai-edge-litert {metadata.version('ai-edge-litert')}"
        except metadata.PackageNotFoundError as error:
            raise errors.MissingExtraError(
                "host: ai-edge-litert, the runtime that measures on this machine, is not installed",
                hint="pip install ai-edge-litert==2.3.0",
            ) from error

    @cached_property
    def _tool_sha256(self) -> str | None:
        """Of the library that holds the interpreter and its kernels; None: not where we know it."""
        from importlib.util import find_spec

        spec = find_spec("ai_edge_litert")
        for folder in (spec and spec.submodule_search_locations) or ():
            for library in sorted(Path(folder).glob("libpywrap_litert_common.*")):
                with library.open("rb") as stream:
                    return hashlib.file_digest(stream, "sha256").hexdigest()
        return None

    def _raw(self, ended: process.Ended | None, error: Failure | None) -> RawOutput:
        return RawOutput(
            format=OutputFormat.HOST_RUN,
            origin=Origin.HOST,
            # backslashreplace: no byte is lost, and the text can be stored as UTF-8.
            stdout=ended.stdout.decode("utf-8", "backslashreplace") if ended else "",
            stderr=ended.stderr.decode("utf-8", "backslashreplace") if ended else "",
            exit_code=ended.exit_code if ended else None,
            tool=self._tool,
            tool_sha256=self._tool_sha256,
            error=error,
        )


def _request(case: Case) -> bytes:
    """The line that the child reads; its keys are described by what `child.run` does with them."""
    body = {
        "python_path": [folder for folder in sys.path if folder],
        "model_path": case.model_path,
        "threads": case.threads,
        "mask": case.mask,
        "xnnpack": case.xnnpack,
        "seed": case.seed,
        "warmup_invokes": case.warmup_invokes,
        "warmup_s": case.warmup_s,
        "min_invokes": case.min_invokes,
        "min_s": case.min_s,
        "max_s": case.max_s,
    }
    return json.dumps(body).encode("ascii") + b"\n"


def child_environment(own: Mapping[str, str]) -> dict[str, str]:
    return {name: own[name] for name in _KEPT_VARIABLES if name in own} | _SET_VARIABLES


def _stopped(case: Case, reason: process.Stopped | None) -> Failure | None:
    match reason:
        case process.Stopped.DEADLINE:
            return failure_of(
                errors.CommandTimeoutError(
                    f"{case.case_id}: the run did not end within {case.timeout_s:g} s, and was"
                    " killed",
                    hint="ask for fewer invokes or seconds, or for a longer timeout_s",
                )
            )
        case process.Stopped.OUTPUT_LIMIT:
            return failure_of(
                errors.RunnerOutputError(
                    f"{case.case_id}: the run wrote more than {_STDOUT_LIMIT_BYTES >> 20} MiB to"
                    f" stdout or {_STDERR_LIMIT_BYTES >> 20} MiB to stderr, and was killed"
                )
            )
    return None
