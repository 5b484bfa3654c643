"""Performs a plan: the one loop in qbench that makes things run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping

from qbench import formats
from qbench.backend import Backend
from qbench.clock import Clock
from qbench.errors import DeviceError
from qbench.records import (
    Case,
    DeviceState,
    Origin,
    Plan,
    PlannedRun,
    RawRun,
    RunRecord,
)
from qbench.store import SCHEMA_VERSION, Session, Writer


def execute(
    plan: Plan,
    runs: Iterable[PlannedRun],
    backends: Mapping[tuple[str, Origin], Backend],
    *,
    clock: Clock,
    on_start: Callable[[PlannedRun, Case], None],
    on_raw: Callable[[RawRun], None],
    on_record: Callable[[RunRecord], None],
) -> None:
    """Perform `runs` of `plan` one after another, telling the sinks at every step.

    `backends` are entered already, keyed by (device, origin). `on_raw` is called before anybody
    reads the output. A failing run is a record like any other; a failing device is not: the
    DeviceError is raised, the runs that are left have no record, and resuming performs them.
    Raises what the sinks raise.
    """
    cases = {case.case_id: case for case in plan.cases}
    for run in runs:
        case = cases[run.case_id]
        on_start(run, case)
        raw_run = _perform(run, case, backends[case.device, case.origin], clock)
        on_raw(raw_run)
        on_record(record_of(raw_run))


def missing(plan: Plan, done: Iterable[RunRecord]) -> list[PlannedRun]:
    """The runs of `plan` that have no record yet, in order."""
    seen = {record.sequence for record in done}
    return [run for run in plan.runs if run.sequence not in seen]


def recover(session: Session, writer: Writer) -> None:
    """Make the record of every run that a crash stopped between its output and its record."""
    known = {record.sequence for record in session.records()}
    for raw_run in session.raw_runs(without=known):
        writer.append(record_of(raw_run))


def record_of(run: RawRun) -> RunRecord:
    """The record that a run's raw output makes: a pure function, so it can be made again."""
    return RunRecord(
        schema_version=SCHEMA_VERSION,
        sequence=run.sequence,
        case_id=run.case_id,
        repetition=run.repetition,
        origin=run.raw.origin,
        started_at=run.started_at,
        before=run.before,
        after=run.after,
        tool=run.raw.tool,
        tool_sha256=run.raw.tool_sha256,
        outcome=formats.outcome(run.raw),
    )


def _perform(run: PlannedRun, case: Case, backend: Backend, clock: Clock) -> RawRun:
    started_at = clock.utc_now().isoformat(timespec="milliseconds")
    before = backend.settle()
    raw = backend.run(case)
    after: DeviceState | None = None
    with contextlib.suppress(DeviceError):  # an output in hand is worth more than a last look
        after = backend.state()
    return RawRun(
        sequence=run.sequence,
        case_id=run.case_id,
        repetition=run.repetition,
        started_at=started_at,
        before=before,
        after=after,
        raw=raw,
    )
