"""What a report is made from: values only. Whoever has files reads them before."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from qbench.records import ComputeUnit, Plan, RunRecord, SessionInfo, Summary
from qbench.report.comparison import Comparison
from qbench.report.row import Row
from qbench.report.simulation import Answer
from qbench.report.sustained import Ahead, Curve
from qbench.stats import BudgetCheck


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at one moment of a run. `at` is UTC, ISO 8601."""

    at: str
    temperature_c: float | None = None
    cpu_khz: int | None = None
    is_throttled: bool = False


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session. `name` is its folder's; no two sessions of a report share one."""

    name: str
    info: SessionInfo
    plan: Plan
    records: tuple[RunRecord, ...]
    rows: tuple[Row, ...]
    checks: tuple[BudgetCheck, ...] = ()
    looks: dict[str, tuple[Look, ...]] = {}  # by device, while runs went on


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """The simulator's account of one model on one delegate, operator by operator."""

    device: str
    title: str
    model_sha256: str
    answer: Answer


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Of a model's file, as it was when the report was made. `op_macs` and `op_outputs` (name of
    the first output tensor) have an entry per operator."""

    name: str
    precision: str
    sha256: str
    file_bytes: int
    weight_bytes: int
    activation_bytes: int | None
    macs: int | None
    graph_name: str
    op_macs: tuple[int, ...]
    op_outputs: tuple[str, ...]

    @property
    def operators(self) -> int:
        return len(self.op_macs)


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """How right a model's answers are: a share, and of how many inputs of what."""

    model_sha256: str
    metric: str
    ratio: float
    samples: int
    dataset: str


class Lasting(msgspec.Struct, frozen=True, kw_only=True):
    """What the simulator says of a load that goes on. Curves of one model, who is ahead when."""

    device: str
    title: str
    duration_s: float
    ambient_c: float
    curves: tuple[Curve, ...]
    leads: tuple[Ahead, ...]


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """All that a report tells. `missing` says in words what could not be looked up, and why."""

    title: str
    made_at: str  # UTC, ISO 8601
    qbench_version: str
    sessions: tuple[Session, ...]
    foreseen: tuple[Foreseen, ...] = ()
    models: tuple[ModelFacts, ...] = ()
    lasting: tuple[Lasting, ...] = ()
    accuracies: tuple[Accuracy, ...] = ()
    comparison: Comparison | None = None
    missing: tuple[str, ...] = ()


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A case as the report shows it. `anchor` is its link within the page."""

    session: Session
    row: Row
    anchor: str

    @property
    def summary(self) -> Summary:
        return self.row.summary

    @property
    def unit(self) -> ComputeUnit | None:
        """The unit that ran most of it; None: nobody knows."""
        return main_unit(self.row.summary)


def main_unit(summary: Summary) -> ComputeUnit | None:
    placement = summary.placement
    if placement is None or not placement.executed_by:
        return None
    if placement.nodes is None:
        return placement.executed_by[0]
    counts = {
        ComputeUnit.NPU: placement.nodes.npu,
        ComputeUnit.GPU: placement.nodes.gpu,
        ComputeUnit.CPU: placement.nodes.cpu,
    }
    return max(counts, key=lambda unit: counts[unit])


# Cases beyond this would make the page large and slow.
MOST_LINES = 1200


def lines(content: Content, most: int = MOST_LINES) -> tuple[Line, ...]:
    """The cases of every session, in their order, each with an anchor of its own. If there are more
    than `most`, those with failures, fall-backs and taints are kept first."""
    taken: set[str] = set()
    found = [
        Line(session=session, row=row, anchor=_anchor(row.summary.case.case_id, taken))
        for session, row in _rows(content)
    ]
    if len(found) <= most:
        return tuple(found)
    kept = {line.anchor for line in sorted(found, key=_is_calm)[:most]}
    return tuple(line for line in found if line.anchor in kept)


def _is_calm(line: Line) -> bool:
    s = line.summary
    return not (s.failed_runs or s.cpu_fallback or s.taints or s.p50_us is None)


def _rows(content: Content) -> Iterator[tuple[Session, Row]]:
    for session in content.sessions:
        for row in session.rows:
            yield session, row


def _anchor(case_id: str, taken: set[str]) -> str:
    base = "case-" + (re.sub(r"[^A-Za-z0-9._-]+", "-", case_id).strip("-") or "x")
    anchor, number = base, 1
    while anchor in taken:
        number += 1
        anchor = f"{base}.{number}"
    taken.add(anchor)
    return anchor
