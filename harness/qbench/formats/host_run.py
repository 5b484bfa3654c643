"""Reader of `qbench.host.child`'s output: one JSON object, times in nanoseconds.

    {"host_run": 1, "measurement": {...}}     exit code 0
    {"host_run": 1, "failure": {...}}         exit code 1

Samples become whole microseconds here, halves to even, at least 1. On a model whose invoke takes
less than 100 us that grid is coarser than 1 %; the measurement then carries a warning.
"""

from __future__ import annotations

import signal
from enum import StrEnum
from typing import Annotated

import msgspec

from qbench.errors import RunnerCrashedError, RunnerError, RunnerOutputError, RunnerVersionError
from qbench.records import (
    InvokeSamples,
    Measurement,
    Placement,
    Proof,
    RawOutput,
    RefusedNode,
    UnitNodes,
)

FORMAT_VERSION = 1
_COARSE_US = 100

# No duration in a run reaches a week: a larger one is a damaged number.
_Ns = Annotated[int, msgspec.Meta(ge=0, le=7 * 86_400 * 10**9)]
_PositiveNs = Annotated[int, msgspec.Meta(ge=1, le=7 * 86_400 * 10**9)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
_Bytes = Annotated[int, msgspec.Meta(ge=1, le=2**48)]


class FailureReason(StrEnum):
    """What the child was doing when it gave up."""

    IMPORT = "import"  # the runtime's own libraries cannot be loaded
    MODEL = "model"  # the runtime does not take the model
    INPUT = "input"  # there is no random input for this model
    INVOKE = "invoke"  # the runtime took the model and failed to run it
    MEMORY = "memory"


class _Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`wall_ns` spans all measured invokes; `kept` are the nodes that no delegate replaced."""

    init_ns: _PositiveNs
    first_invoke_ns: _PositiveNs
    warmup_invokes: _Count
    invokes_ns: Annotated[list[_PositiveNs], msgspec.Meta(min_length=1)]
    wall_ns: _PositiveNs
    cpu_ns: _Ns
    run_queue_wait_ns: _Ns | None
    involuntary_switches: _Count
    peak_rss_bytes: _Bytes
    threads: Annotated[int, msgspec.Meta(ge=1, le=2**22)] | None
    xnnpack: bool
    nodes: _Count
    partitions: _Count
    kept: list[tuple[_Count, str]]
    warnings: list[str]


class _Failed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: FailureReason
    message: str


class _HostRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host_run: int
    measurement: _Measured | None = None
    failure: _Failed | None = None


def read(raw: RawOutput) -> Measurement:
    """Raises RunnerError and its subclasses; see `qbench.formats.read`."""
    if raw.exit_code is None:
        raise RunnerCrashedError(f"{raw.tool}: the process left no exit code")
    if raw.exit_code < 0:
        raise _killed(raw, -raw.exit_code)
    try:
        body = msgspec.json.decode(raw.stdout, type=_HostRun)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        if raw.exit_code != 0:
            raise RunnerCrashedError(
                f"{raw.tool}: ended with exit code {raw.exit_code} and no answer: {_last_line(raw)}"
            ) from error
        raise RunnerOutputError(f"{raw.tool}: output that cannot be read: {error}") from error
    if body.host_run != FORMAT_VERSION:
        raise RunnerOutputError(
            f"{raw.tool}: output of format version {body.host_run}, and this is {FORMAT_VERSION}"
        )
    if body.failure is not None and body.measurement is None and raw.exit_code != 0:
        raise _gave_up(raw, body.failure)
    if body.measurement is None or body.failure is not None or raw.exit_code != 0:
        raise RunnerOutputError(
            f"{raw.tool}: exit code {raw.exit_code} does not go with what it says:"
            f" {raw.stdout[:200]}"
        )
    problem = _contradiction(body.measurement)
    if problem is not None:
        raise RunnerOutputError(f"{raw.tool}: impossible output: {problem}")
    return _measurement(body.measurement)


def _measurement(run: _Measured) -> Measurement:
    latencies_us = tuple(_positive_us(ns) for ns in run.invokes_ns)
    warnings = list(run.warnings)
    middle_us = sorted(latencies_us)[len(latencies_us) // 2]
    if middle_us < _COARSE_US:
        warnings.append(
            f"an invoke takes about {middle_us} us: whole microseconds are a grid of"
            f" {100 / middle_us:.0f} %"
        )
    return Measurement(
        init_latency_us=_positive_us(run.init_ns),
        first_invoke_latency_us=_positive_us(run.first_invoke_ns),
        warmup_invokes=run.warmup_invokes,
        invokes=InvokeSamples(latencies_us=latencies_us),
        placement=_placement(run),
        threads=run.threads,
        cpu_time_us=_us(run.cpu_ns),
        run_queue_wait_us=None if run.run_queue_wait_ns is None else _us(run.run_queue_wait_ns),
        peak_rss_bytes=run.peak_rss_bytes,
        warnings=tuple(warnings),
    )


def _placement(run: _Measured) -> Placement:
    if run.xnnpack:
        taken = run.nodes - len(run.kept)
        evidence = f"interpreter: XNNPACK took {taken} of {run.nodes} nodes in {run.partitions}"
        evidence += f" partition{'' if run.partitions == 1 else 's'}"
        reason = "the runtime kept it on its own kernels, and does not say why"
        refused = tuple(RefusedNode(op_index=i, op=op, reason=reason) for i, op in run.kept)
    else:
        evidence = f"interpreter: XNNPACK is off, {run.nodes} nodes on the runtime's own kernels"
        refused = ()
    return Placement(
        nodes=UnitNodes(cpu=run.nodes, gpu=0, npu=0),
        partitions=run.partitions,
        proof=Proof.NODE_COUNTS,
        refused=refused,
        evidence=(evidence,),
    )


def _contradiction(run: _Measured) -> str | None:
    """What cannot be true about these numbers together; None: nothing found."""
    if sum(run.invokes_ns) > run.wall_ns:
        return f"the invokes take {sum(run.invokes_ns)} ns of {run.wall_ns} ns"
    kept = [index for index, _ in run.kept]
    if kept != sorted(set(kept)) or (kept and kept[-1] >= run.nodes):
        return f"nodes {kept} of {run.nodes} were kept"
    taken = run.nodes - len(kept)
    if run.partitions > run.nodes or (taken > 0 and run.partitions == 0):
        return f"{run.partitions} partitions of {taken} nodes"
    if run.partitions > 0 and not run.xnnpack:
        return f"{run.partitions} partitions without a delegate"
    return None


def _us(ns: int) -> int:
    return round(ns / 1000)


def _positive_us(ns: int) -> int:
    """Something that happened did not take 0 us."""
    return max(_us(ns), 1)


def _gave_up(raw: RawOutput, failed: _Failed) -> RunnerError:
    message = " ".join(failed.message.split()) or "no message"
    match failed.reason:
        case FailureReason.IMPORT:
            return RunnerVersionError(
                f"{raw.tool}: cannot be loaded: {message}",
                hint="reinstall it: pip install --force-reinstall ai-edge-litert==2.3.0",
            )
        case FailureReason.MEMORY:
            return RunnerCrashedError(
                f"{raw.tool}: ran out of memory: {message}",
                hint="close other programs, or take a smaller model",
            )
        case FailureReason.MODEL:
            return RunnerError(
                f"{raw.tool}: does not take the model: {message}", hint=_refusal_hint(message)
            )
        case FailureReason.INPUT:
            return RunnerError(f"{raw.tool}: cannot feed the model: {message}")
        case FailureReason.INVOKE:
            return RunnerError(f"{raw.tool}: took the model and failed to run it: {message}")


def _refusal_hint(message: str) -> str | None:
    """Two causes that the runtime's own words hide from who has not met them before."""
    if "unresolved custom op" in message:
        return "the model needs an operator that the plain runtime does not have"
    if "failed with error '12'" in message or "failed to create XNNPACK runtime" in message:
        return "the runtime says this when memory runs out"
    return None


def _killed(raw: RawOutput, number: int) -> RunnerCrashedError:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = None
    if name == "SIGKILL":
        hint = "the system kills a process when memory runs out: see dmesg"
    return RunnerCrashedError(f"{raw.tool}: killed by {name}: {_last_line(raw)}", hint=hint)


def _last_line(raw: RawOutput) -> str:
    lines = [line.strip() for line in raw.stderr.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing on stderr"
