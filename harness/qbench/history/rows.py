"""One run as a flat row: the columns of `qbench sql`, and what a compacted session holds.

Numbers of a run are taken as `qbench show` takes them (warm-up that was left over is left out);
columns that begin with `case_` are those of all runs of the case in that session, and the same in
each of its rows. Absent is NULL, never 0. A description is what `qbench sql --columns` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from qbench import stats
from qbench.errors import StoreError
from qbench.records import (
    Case,
    DeviceInfo,
    Failure,
    InvokeSamples,
    Measurement,
    Origin,
    Placement,
    Prediction,
    RunRecord,
    SessionInfo,
    Summary,
)
from qbench.stats.measured import measured_run
from qbench.store import Session

# History of the columns; part of every stamp, so that older compacted files are not read:
#   1  first form
ROWS_VERSION = 1


def _is(text: str) -> Meta:
    return Meta(description=text)


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    session: Annotated[str, _is("the session's folder")]
    session_id: Annotated[str, _is("what devices know the session by")]
    created_at: Annotated[datetime | None, _is("when the session began, UTC")]
    qbench_version: Annotated[str, _is("that made the session")]
    protocol: Annotated[str, _is("quick, default, mlperf, sustained")]
    case_id: Annotated[str, _is("model, precision, delegate, settings @ device")]
    model: Annotated[str, _is("name, without its precision")]
    model_path: Annotated[str, _is("where the file was")]
    model_sha256: Annotated[str, _is("of the file")]
    precision: Annotated[str, _is("fp32, fp16, dynamic, int8, mixed")]
    delegate: Annotated[str, _is("asked for: cpu, gpu, nnapi, hexagon, qnn, npu")]
    threads: Annotated[int, _is("CPU threads")]
    mask: Annotated[str | None, _is("cores, as taskset's mask; NULL: the backend's choice")]
    xnnpack: Annotated[bool, _is("whether XNNPACK was allowed")]
    arm: Annotated[str | None, _is("A or B where the same case was measured twice")]
    device: Annotated[str, _is("a profile's name; host: a machine that ran qbench")]
    origin: Annotated[str, _is("device, host, emulated, simulated")]
    machine: Annotated[str | None, _is("which one: a serial, or a host's processor and cores")]
    system: Annotated[str | None, _is("its build fingerprint, or its operating system")]
    soc: Annotated[str | None, _is("chip, as the device tells")]
    sequence: Annotated[int, _is("place of the run in its session, from 0")]
    repetition: Annotated[int, _is("of the case, from 0")]
    started_at: Annotated[datetime | None, _is("when the run began, UTC")]
    tool: Annotated[str | None, _is("what ran it")]
    tool_sha256: Annotated[str | None, _is("of that tool")]
    kind: Annotated[str, _is("measurement, prediction, failure")]
    failure: Annotated[str | None, _is("error and message")]
    p50_us: Annotated[int | None, _is("median of the run's invokes, or the predicted one")]
    p90_us: Annotated[int | None, _is("90th percentile of 20 samples and more")]
    min_us: Annotated[int | None, _is("fastest invoke")]
    max_us: Annotated[int | None, _is("slowest invoke")]
    invokes: Annotated[int | None, _is("how many were measured")]
    init_us: Annotated[int | None, _is("loading the model")]
    first_invoke_us: Annotated[int | None, _is("the first invoke")]
    peak_rss_bytes: Annotated[int | None, _is("largest memory of the process")]
    cpu_time_us: Annotated[int | None, _is("of all threads over the measured invokes")]
    run_queue_wait_us: Annotated[int | None, _is("waiting for a processor meanwhile")]
    executed_by: Annotated[list[str], _is("npu, gpu, cpu: units that ran nodes; empty: not known")]
    nodes_npu: Annotated[int | None, _is("nodes on the NPU")]
    nodes_gpu: Annotated[int | None, _is("nodes on the GPU")]
    nodes_cpu: Annotated[int | None, _is("nodes on the CPU")]
    partitions: Annotated[int | None, _is("pieces of the graph given to the delegate")]
    proof: Annotated[str | None, _is("how that is known")]
    taints: Annotated[list[str], _is("what the backend found against the run")]
    temperature_before_c: Annotated[float | None, _is("of the chip")]
    temperature_after_c: Annotated[float | None, _is("of the chip")]
    cpu_before_khz: Annotated[int | None, _is("clock of the fastest core")]
    battery_before_ratio: Annotated[float | None, _is("charge")]
    case_run: Annotated[int, _is("place of the run among the case's of this session, from 0")]
    case_at: Annotated[datetime | None, _is("when the first of them began, UTC")]
    case_runs: Annotated[int, _is("how many")]
    case_failed_runs: Annotated[int, _is("how many of them gave no number")]
    case_p50_us: Annotated[int | None, _is("median of the run medians: p50 of `qbench show`")]
    case_low_us: Annotated[float | None, _is("its 95 % interval; 90 % band of a prediction")]
    case_high_us: Annotated[float | None, _is("the interval's other end")]
    case_tier: Annotated[str | None, _is("S0 to S3, of a prediction")]
    case_executed_by: Annotated[list[str], _is("units that ran the runs that the median is of")]
    case_taints: Annotated[list[str], _is("of all runs together")]


def column_types() -> dict[str, str]:
    """Column -> DuckDB's type."""
    names = {
        str: "VARCHAR",
        int: "BIGINT",
        float: "DOUBLE",
        bool: "BOOLEAN",
        datetime: "TIMESTAMP",
        list: "VARCHAR[]",
    }
    hints = get_type_hints(RunRow)
    return {name: names[_plain(hint)] for name, hint in hints.items()}


def column_texts() -> dict[str, str]:
    """Column -> what it means."""
    hints = get_type_hints(RunRow, include_extras=True)
    return {name: str(get_args(hint)[1].description) for name, hint in hints.items()}


def _plain(hint: Any) -> type:
    if get_origin(hint) is list:
        return list
    options = [each for each in get_args(hint) if each is not type(None)]
    return options[0] if options else hint  # type: ignore[no-any-return]


def rows_of(session: Session) -> list[RunRow]:
    """A row per run, in the order of the file. A line of runs.jsonl that was cut short at its end
    is passed over. Raises StoreError."""
    records = session.records()
    if not records:
        return []
    plan, info = session.plan(), session.info()
    try:
        summaries = stats.summarize(plan.cases, records, with_verdicts=False)
    except StoreError as error:  # which session is not known there
        raise StoreError(f"{session.folder}: {error}", hint=error.hint) from error
    begun: dict[str, datetime] = {}
    for record in records:
        if (at := _time(record.started_at)) is not None:
            begun[record.case_id] = min(at, begun.get(record.case_id, at))
    devices = {(device.name, device.origin): device for device in info.devices}
    in_session = _session_columns(session.folder.name, info) | {"protocol": plan.protocol}
    in_case = {
        s.case.case_id: {
            **in_session,
            **_case_columns(s.case),
            **_device_columns(devices.get((s.case.device, s.case.origin))),
            **_summary_columns(s),
            "case_at": begun.get(s.case.case_id),
        }
        for s in summaries
        if s.runs
    }
    numbers = {s.case.case_id: _numbers(s) for s in summaries}
    seen: dict[str, int] = {}
    rows = []
    for record in records:
        place = seen[record.case_id] = seen.get(record.case_id, -1) + 1
        told = _run_columns(record, numbers[record.case_id])
        rows.append(RunRow(**in_case[record.case_id], **told, case_run=place))
    return rows


def tool_name(tool: str | None) -> str | None:
    """`benchmark_model app` of `benchmark_model app 0a1b2c3d4e5f (arm64-v8a)`: without hash or
    version, the words from the first that has a digit on."""
    if tool is None:
        return None
    words = []
    for word in tool.split():
        if any(sign.isdigit() for sign in word):
            break
        words.append(word)
    return " ".join(words) or tool


def _session_columns(name: str, info: SessionInfo) -> dict[str, Any]:
    return {
        "session": name.encode("utf-8", "backslashreplace").decode(),  # any bytes may be a name
        "session_id": info.session_id,
        "created_at": _time(info.created_at),
        "qbench_version": info.qbench_version,
    }


def _case_columns(case: Case) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "model": case.model,
        "model_path": case.model_path,
        "model_sha256": case.model_sha256,
        "precision": case.precision.value,
        "delegate": case.delegate.value,
        "threads": case.threads,
        "mask": case.mask,
        "xnnpack": case.xnnpack,
        "arm": case.arm,
        "device": case.device,
        "origin": case.origin.value,
    }


def _device_columns(info: DeviceInfo | None) -> dict[str, Any]:
    return {
        "machine": machine(info) if info else None,
        "system": (info.fingerprint or info.os) if info else None,
        "soc": info.soc if info else None,
    }


def machine(info: DeviceInfo) -> str | None:
    """What tells one machine from another of the same name. A virtual device has the processor of
    its host, and a serial that changes whenever it is started; a simulated one has neither."""
    if info.origin is Origin.DEVICE:
        return info.serial
    if info.cpu is None:
        return None
    return f"{info.cpu}, {info.cores} cores" if info.cores else info.cpu


def _summary_columns(s: Summary) -> dict[str, Any]:
    return {
        "case_runs": s.runs,
        "case_failed_runs": s.failed_runs,
        "case_p50_us": s.p50_us,
        "case_low_us": s.interval.low if s.interval else None,
        "case_high_us": s.interval.high if s.interval else None,
        "case_tier": s.tier.value if s.tier else None,
        "case_executed_by": [unit.value for unit in s.placement.executed_by] if s.placement else [],
        "case_taints": [taint.value for taint in s.taints],
    }


def _numbers(s: Summary) -> dict[int, tuple[int, int | None]]:
    """By repetition: p50 and p90, where the summary had to work them out anyway."""
    p90s: Sequence[int | None] = s.run_p90s_us
    if not p90s:
        return {}
    told = zip(s.run_repetitions, s.run_medians_us, p90s, strict=True)
    return {repetition: (p50, p90) for repetition, p50, p90 in told}


def _run_columns(
    record: RunRecord, numbers: Mapping[int, tuple[int, int | None]]
) -> dict[str, Any]:
    outcome, before, after = record.outcome, record.before, record.after
    measured = outcome if isinstance(outcome, Measurement) else None
    return {
        "sequence": record.sequence,
        "repetition": record.repetition,
        "started_at": _time(record.started_at),
        "tool": record.tool,
        "tool_sha256": record.tool_sha256,
        "kind": type(outcome).__name__.lower(),
        "failure": f"{outcome.error}: {outcome.message}" if isinstance(outcome, Failure) else None,
        **_latencies(record, numbers.get(record.repetition)),
        "init_us": measured.init_latency_us if measured else None,
        "first_invoke_us": measured.first_invoke_latency_us if measured else None,
        "peak_rss_bytes": measured.peak_rss_bytes if measured else None,
        "cpu_time_us": measured.cpu_time_us if measured else None,
        "run_queue_wait_us": measured.run_queue_wait_us if measured else None,
        **_placed(None if isinstance(outcome, Failure) else outcome.placement),
        "taints": [taint.value for taint in measured.taints] if measured else [],
        "temperature_before_c": before.temperature_c if before else None,
        "temperature_after_c": after.temperature_c if after else None,
        "cpu_before_khz": before.cpu_khz if before else None,
        "battery_before_ratio": before.battery_level_ratio if before else None,
    }


def _latencies(record: RunRecord, known: tuple[int, int | None] | None) -> dict[str, Any]:
    outcome = record.outcome
    told: dict[str, Any] = dict.fromkeys(("p50_us", "p90_us", "min_us", "max_us", "invokes"))
    if isinstance(outcome, Prediction):
        return told | {"p50_us": outcome.p50_us, "p90_us": outcome.p90_us}
    if isinstance(outcome, Failure):
        return told
    if known is None:
        run = measured_run(record, outcome)
        known = (run.p50_us, run.p90_us) if run.p50_us is not None else None
    p50_us, p90_us = known or (None, None)
    invokes = outcome.invokes
    if isinstance(invokes, InvokeSamples):
        us = invokes.latencies_us
        low, high, count = min(us, default=None), max(us, default=None), len(us)
    else:
        low, high, count = invokes.min_us, invokes.max_us, invokes.count
    return {"p50_us": p50_us, "p90_us": p90_us, "min_us": low, "max_us": high, "invokes": count}


def _placed(placement: Placement | None) -> dict[str, Any]:
    nodes = placement.nodes if placement else None
    return {
        "executed_by": [unit.value for unit in placement.executed_by] if placement else [],
        "nodes_npu": nodes.npu if nodes else None,
        "nodes_gpu": nodes.gpu if nodes else None,
        "nodes_cpu": nodes.cpu if nodes else None,
        "partitions": placement.partitions if placement else None,
        "proof": placement.proof.value if placement else None,
    }


def _time(text: str) -> datetime | None:
    """UTC without an offset, as DuckDB's TIMESTAMP is; None: not a time."""
    try:
        told = datetime.fromisoformat(text)
        return told.astimezone(UTC).replace(tzinfo=None) if told.tzinfo else told
    except (ValueError, OverflowError):  # of the first and the last year
        return None
