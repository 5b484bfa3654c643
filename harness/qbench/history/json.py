"""The object that `qbench history --json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from qbench.history.confirmation import Confirmation, Entry
from qbench.history.series import Point, Series, Step

# History of the printed object:
#   1  first form
SCHEMA_VERSION = 1


def render(results: str, entries: Sequence[Entry]) -> str:
    """One JSON object; absent values are null, never 0."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "results": results,
        "has_confirmed_regression": any(
            e.confirmation.is_regression for e in entries if e.confirmation is not None
        ),
        "series": [_entry(entry) for entry in entries],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def _entry(entry: Entry) -> dict[str, Any]:
    series, last, found = entry.series, entry.series.last, entry.series.changes
    return {
        "case_id": last.case_id,
        "device": last.device,
        "machine": last.machine,
        "origin": last.origin,
        "p50_us": last.p50_us,
        "low_us": last.low_us,
        "high_us": last.high_us,
        "change_ratio": series.change_ratio,
        "stale": list(entry.stale),
        "detectable_ratio": found.detectable_ratio if found else None,
        "scatter_ratio": found.scatter if found else None,
        "autocorrelation": found.rho if found else None,
        "steps": [_step(series, step) for step in series.steps],
        "confirmation": _confirmation(entry.confirmation) if entry.confirmation else None,
        "points": [_point(point) for point in series.points],
    }


def _point(point: Point) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.structs.asdict(point)
    for name in ("case_id", "machine", "device", "origin", "model"):
        del told[name]
    return told | {"at": _time(point.at)}


def _step(series: Series, step: Step) -> dict[str, Any]:
    point = series.points[step.at]
    return {
        "point": step.at,
        "session": point.session,
        "at": _time(point.at),
        "ratio": step.ratio,
        "differs": list(step.differs),
    }


def _confirmation(found: Confirmation) -> dict[str, Any]:
    result = found.result
    span = result.interval if result else None
    return {
        "word": found.word.value,
        "how": found.how,
        "sessions": list(found.sessions),
        "ratio": result.ratio if result else None,
        "low_ratio": span.low if span else None,
        "high_ratio": span.high if span else None,
        "verdict": result.verdict.value if result and result.verdict else None,
    }


def _time(at: datetime | None) -> str | None:
    return at.replace(tzinfo=UTC).isoformat() if at else None
