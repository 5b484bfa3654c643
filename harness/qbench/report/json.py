"""The object that `qbench run --json` and `qbench show --json` print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from qbench.records import DeviceInfo, Summary
from qbench.report import budgets
from qbench.report.row import Row
from qbench.stats import BudgetCheck, Ratio

# History of the printed object:
#   1  first form
SCHEMA_VERSION = 1


def render(
    session_dir: str,
    device: DeviceInfo,
    rows: Sequence[Row],
    checks: Sequence[BudgetCheck] = (),
) -> str:
    """One JSON object; absent values are null, never 0."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "session_dir": session_dir,
        "device": {
            "name": device.name,
            "title": device.title,
            "origin": device.origin.value,
            "os": device.os,
            "cpu": device.cpu,
            "cores": device.cores,
            "runtime": device.runtime,
        },
        "results": [_result(row) for row in rows],
        "budgets": budgets.to_builtins(checks),
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _result(row: Row) -> dict[str, Any]:
    s = row.summary
    placement = s.placement
    return {
        "case_id": s.case.case_id,
        "model": s.case.model,
        "model_sha256": s.case.model_sha256,
        "precision": s.case.precision.value,
        "device": s.case.device,
        "delegate": s.case.delegate.value,
        "threads": s.case.threads,
        "mask": s.case.mask,
        "arm": s.case.arm,
        "origin": s.case.origin.value,
        "tier": s.tier.value if s.tier else None,
        "p50_us": s.p50_us,
        "low_us": round(s.interval.low) if s.interval else None,
        "high_us": round(s.interval.high) if s.interval else None,
        "interval_level": s.interval.level if s.interval else None,
        "p90_us": s.p90_us,
        "init_us": s.init_us,
        "first_invoke_us": s.first_invoke_us,
        "peak_rss_bytes": s.peak_rss_bytes,
        "nodes": _nodes(s),
        "partitions": placement.partitions if placement else None,
        "executed_by": list(placement.executed_by) if placement else None,
        "proof": placement.proof.value if placement else None,
        "cpu_fallback": s.cpu_fallback,
        **_versus(row.vs_cpu),
        "runs": s.runs,
        "failed_runs": s.failed_runs,
        "basis": s.basis,
        "verdict": s.verdict.value if s.verdict else None,
        "taints": [t.value for t in s.taints],
        "warnings": list(s.warnings),
        "failure": msgspec.to_builtins(s.failure) if s.failure else None,
    }


def _nodes(summary: Summary) -> dict[str, int] | None:
    if summary.placement is None or summary.placement.nodes is None:
        return None
    nodes = summary.placement.nodes
    return {"cpu": nodes.cpu, "gpu": nodes.gpu, "npu": nodes.npu}


def _versus(ratio: Ratio | None) -> dict[str, float | None]:
    interval = ratio.interval if ratio else None
    return {
        "vs_cpu_ratio": ratio.ratio if ratio else None,
        "vs_cpu_low_ratio": interval.low if interval else None,
        "vs_cpu_high_ratio": interval.high if interval else None,
    }
