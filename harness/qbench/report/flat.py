"""Results as flat rows: what CSV, Parquet and the JSON report have in common.

Absent values are None, never 0. The names are those of `qbench run --json`, flattened.
"""

from __future__ import annotations

from statistics import median
from typing import Any, get_args, get_type_hints

import msgspec

from qbench.records import (
    Case,
    Failure,
    InvokeSamples,
    Measurement,
    Placement,
    Prediction,
    RunRecord,
)
from qbench.report.row import Row


class CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One case of one session. `low_us` .. `high_us` is the 95 % interval of the median if
    measured, the 90 % band if simulated; `interval_level` says which. `vs_cpu_ratio` is the latency
    over that of the same model on the same device's CPU."""

    session: str
    case_id: str
    model: str
    model_sha256: str
    precision: str
    device: str
    delegate: str
    threads: int
    mask: str | None
    arm: str | None
    origin: str
    tier: str | None
    p50_us: int | None
    low_us: int | None
    high_us: int | None
    interval_level: float | None
    p90_us: int | None
    init_us: int | None
    first_invoke_us: int | None
    peak_rss_bytes: int | None
    nodes_npu: int | None
    nodes_gpu: int | None
    nodes_cpu: int | None
    partitions: int | None
    executed_by: list[str]
    proof: str | None
    cpu_fallback: bool
    vs_cpu_ratio: float | None
    vs_cpu_low_ratio: float | None
    vs_cpu_high_ratio: float | None
    vs_cpu_verdict: str | None
    runs: int
    failed_runs: int
    verdict: str | None
    taints: list[str]
    warnings: list[str]
    basis: str | None
    failure: str | None


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `p50_us` is the median of its invokes, or the predicted one, which alone has a
    tier and the 90 % band `low_us` .. `high_us`; `invokes` their number."""

    session: str
    case_id: str
    model: str
    precision: str
    device: str
    delegate: str
    threads: int
    origin: str
    sequence: int
    repetition: int
    started_at: str
    tool: str | None
    tool_sha256: str | None
    kind: str
    tier: str | None
    p50_us: float | None
    low_us: int | None
    high_us: int | None
    min_us: int | None
    max_us: int | None
    invokes: int | None
    warmup_invokes: int | None
    init_us: int | None
    first_invoke_us: int | None
    peak_rss_bytes: int | None
    run_queue_wait_us: int | None
    nodes_npu: int | None
    nodes_gpu: int | None
    nodes_cpu: int | None
    partitions: int | None
    temperature_before_c: float | None
    temperature_after_c: float | None
    cpu_before_khz: int | None
    taints: list[str]
    failure: str | None


def case_row(session: str, row: Row) -> CaseRow:
    s, ratio = row.summary, row.vs_cpu
    case, span = s.case, ratio.interval if ratio else None
    return CaseRow(
        session=session,
        case_id=case.case_id,
        model=case.model,
        model_sha256=case.model_sha256,
        precision=case.precision.value,
        device=case.device,
        delegate=case.delegate.value,
        threads=case.threads,
        mask=case.mask,
        arm=case.arm,
        origin=case.origin.value,
        tier=s.tier.value if s.tier else None,
        p50_us=s.p50_us,
        low_us=round(s.interval.low) if s.interval else None,
        high_us=round(s.interval.high) if s.interval else None,
        interval_level=s.interval.level if s.interval else None,
        p90_us=s.p90_us,
        init_us=s.init_us,
        first_invoke_us=s.first_invoke_us,
        peak_rss_bytes=s.peak_rss_bytes,
        executed_by=[unit.value for unit in s.placement.executed_by] if s.placement else [],
        proof=s.placement.proof.value if s.placement else None,
        cpu_fallback=s.cpu_fallback,
        vs_cpu_ratio=ratio.ratio if ratio else None,
        vs_cpu_low_ratio=span.low if span else None,
        vs_cpu_high_ratio=span.high if span else None,
        vs_cpu_verdict=ratio.verdict.value if ratio and ratio.verdict else None,
        runs=s.runs,
        failed_runs=s.failed_runs,
        verdict=s.verdict.value if s.verdict else None,
        taints=[taint.value for taint in s.taints],
        warnings=list(s.warnings),
        basis=s.basis,
        failure=_failure(s.failure),
        **_placed(s.placement),
    )


def run_row(session: str, case: Case, record: RunRecord) -> RunRow:
    outcome = record.outcome
    measured = outcome if isinstance(outcome, Measurement) else None
    before, after = record.before, record.after
    return RunRow(
        session=session,
        case_id=case.case_id,
        model=case.model,
        precision=case.precision.value,
        device=case.device,
        delegate=case.delegate.value,
        threads=case.threads,
        origin=case.origin.value,
        sequence=record.sequence,
        repetition=record.repetition,
        started_at=record.started_at,
        tool=record.tool,
        tool_sha256=record.tool_sha256,
        kind=type(outcome).__name__.lower(),
        tier=outcome.tier.value if isinstance(outcome, Prediction) else None,
        **_latencies(outcome),
        warmup_invokes=measured.warmup_invokes if measured else None,
        init_us=measured.init_latency_us if measured else None,
        first_invoke_us=measured.first_invoke_latency_us if measured else None,
        peak_rss_bytes=measured.peak_rss_bytes if measured else None,
        run_queue_wait_us=measured.run_queue_wait_us if measured else None,
        **_placed(None if isinstance(outcome, Failure) else outcome.placement),
        temperature_before_c=before.temperature_c if before else None,
        temperature_after_c=after.temperature_c if after else None,
        cpu_before_khz=before.cpu_khz if before else None,
        taints=[taint.value for taint in measured.taints] if measured else [],
        failure=_failure(outcome if isinstance(outcome, Failure) else None),
    )


def _latencies(outcome: Measurement | Prediction | Failure) -> dict[str, Any]:
    told: dict[str, Any] = dict.fromkeys(
        ("p50_us", "low_us", "high_us", "min_us", "max_us", "invokes")
    )
    if isinstance(outcome, Prediction):
        return told | {
            "p50_us": float(outcome.p50_us),
            "low_us": outcome.low_us,
            "high_us": outcome.high_us,
        }
    if isinstance(outcome, Failure):
        return told
    invokes = outcome.invokes
    if isinstance(invokes, InvokeSamples):
        us = invokes.latencies_us
        few = {"p50_us": median(us), "min_us": min(us), "max_us": max(us), "invokes": len(us)}
        return told | few
    p50_us = None if invokes.p50_us is None else float(invokes.p50_us)
    return told | {
        "p50_us": p50_us,
        "min_us": invokes.min_us,
        "max_us": invokes.max_us,
        "invokes": invokes.count,
    }


def _placed(placement: Placement | None) -> dict[str, int | None]:
    nodes = placement.nodes if placement else None
    return {
        "nodes_npu": nodes.npu if nodes else None,
        "nodes_gpu": nodes.gpu if nodes else None,
        "nodes_cpu": nodes.cpu if nodes else None,
        "partitions": placement.partitions if placement else None,
    }


def _failure(failure: Failure | None) -> str | None:
    return f"{failure.error}: {failure.message}" if failure else None


def plain_types(kind: type[msgspec.Struct]) -> dict[str, type]:
    """Field -> str, int, float, bool or list (of str), whether or not it may be absent."""
    found: dict[str, type] = {}
    for name, hint in get_type_hints(kind).items():
        options = [each for each in get_args(hint) if each is not type(None)]
        is_list = getattr(hint, "__origin__", None) is list
        found[name] = list if is_list else options[0] if options else hint
    return found
