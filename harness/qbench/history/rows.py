"""A session's runs as flat rows, with the numbers of `qbench show`: warm-up that was left over is
left out of a run's median, runs that other units executed out of a case's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from qbench import stats
from qbench.errors import StoreError
from qbench.history.columns import RunRow
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
