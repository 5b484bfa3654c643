"""From session folders and tables of published latencies to points that can be graded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qbench import profiles, stats
from qbench.errors import StoreError
from qbench.records import DeviceInfo, Origin, SessionInfo, Summary
from qbench.simulator import fidelity, measured, published
from qbench.stats.fidelity import NotPredicted, Point
from qbench.store import Session


def of_sessions(folders: Sequence[Path]) -> tuple[list[Point], list[NotPredicted]]:
    """Raises StoreError when a folder holds no session."""
    cases: list[measured.Measured] = []
    for folder in folders:
        session = Session.find(folder)
        info = session.info()
        for summary in stats.summarize(session.plan().cases, session.records()):
            device = _device(info, summary)
            runtime = (device and device.runtime) or "runtime not told"
            cases.append(measured.Measured(summary, runtime, _profile(device, summary)))
    return measured.points(cases)


def of_published(table: Path | None) -> tuple[list[Point], list[NotPredicted]]:
    """Of this csv, or (None) of the rows that the fits rest on."""
    if table is None:
        return fidelity.points(fidelity.recorded()), []
    rows, missing = fidelity.placed(published.read(table))
    return fidelity.points(rows), missing


def write(path: Path, text: str) -> None:
    """Raises StoreError when the file cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error


def _device(info: SessionInfo, summary: Summary) -> DeviceInfo | None:
    case = summary.case
    devices = [d for d in info.devices if d.origin is case.origin]
    named = [d for d in devices if case.device in (d.name, d.profile)]
    return next(iter(named or devices), None)


def _profile(device: DeviceInfo | None, summary: Summary) -> str | None:
    told = device.profile if device is not None else None
    if summary.case.origin is Origin.HOST:
        told = told or "host"
    known = profiles.names()
    return next((name for name in (told, summary.case.device) if name in known), told)
