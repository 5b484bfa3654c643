"""For trackers of benchmarks over commits: github-action-benchmark and Bencher.

Only cases with a number are told; how it was come by stands in the name (`@sd865-sim`) and beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from qbench.records import Summary
from qbench.report.row import Row


def render(rows: Sequence[Row]) -> str:
    """github-action-benchmark's `customSmallerIsBetter`: name, unit, value, range, extra."""
    entries = [_entry(row.summary) for row in rows if row.summary.p50_us is not None]
    return msgspec.json.format(msgspec.json.encode(entries), indent=2).decode()


def render_bencher(rows: Sequence[Row]) -> str:
    """Bencher Metric Format; its measure `latency` is in nanoseconds."""
    body: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        s = row.summary
        if s.p50_us is None:
            continue
        metric = {"value": s.p50_us * 1000.0}
        if s.interval is not None:
            metric |= {
                "lower_value": s.interval.low * 1000.0,
                "upper_value": s.interval.high * 1000.0,
            }
        body[s.case.case_id] = {"latency": metric}
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _entry(s: Summary) -> dict[str, Any]:
    assert s.p50_us is not None
    entry: dict[str, Any] = {"name": s.case.case_id, "unit": "ms", "value": s.p50_us / 1000}
    if s.interval is not None:
        half_us = max(s.interval.high - s.p50_us, s.p50_us - s.interval.low)
        entry["range"] = f"\N{PLUS-MINUS SIGN} {half_us / 1000:.4g}"
    how = f"origin {s.case.origin}" + (f", tier {s.tier}" if s.tier else "")
    told = [how, f"runs {s.runs}"]
    if s.placement is not None and s.placement.executed_by:
        told.append(f"ran on {'+'.join(s.placement.executed_by)}")
    if s.verdict is not None:
        told.append(f"stability {s.verdict}")
    if s.taints:
        told.append(f"taints {' '.join(s.taints)}")
    return entry | {"extra": "\n".join(told)}
