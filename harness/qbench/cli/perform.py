"""Puts a session together: models and devices to a plan, a plan to records, records to rows."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Thread

import click

from qbench import __version__, modelfile, plan, stats
from qbench.backend import Backend
from qbench.cli import backends, console, model_files
from qbench.cli.backends import Key
from qbench.cli.progress import Progress
from qbench.clock import Clock, SystemClock
from qbench.execute import execute, missing, recover
from qbench.records import (
    Case,
    Delegate,
    DeviceInfo,
    Plan,
    PlannedRun,
    Precision,
    RunRecord,
    SessionInfo,
    Summary,
)
from qbench.report.row import Row
from qbench.store import SCHEMA_VERSION, Session
from qbench.units import printable


def find_models(
    names: Sequence[str], precisions: Sequence[Precision]
) -> tuple[plan.PlanModel, ...]:
    """Read every model that `names` mean: paths, built-in names, names of built networks.

    `precisions` choose among a name's files; a path's precision is what the file holds.
    """
    found: list[plan.PlanModel] = []
    for name in names:
        for path in model_files.of(name, precisions):
            info = modelfile.read(path)
            model = plan.PlanModel(
                plan.model_name(path, info.precision),
                str(path.resolve()),
                modelfile.sha256(path),
                info.precision,
            )
            twin = next((m for m in found if m.sha256 == model.sha256), None)
            if twin is None:
                found.append(model)
            elif twin.path != model.path:
                same = f"{path}: has the same bytes as {twin.path}, and is measured as {twin.name}"
                click.echo(printable(same), err=True)
    return tuple(found)


def start(
    the_plan: Plan,
    out: Path,
    clock: Clock,
    attached: Mapping[Key, DeviceInfo],
    device_options: Mapping[str, object],
    command: Sequence[str] = (),
) -> Session:
    """Put a new session on disk. Nothing has run when it returns.

    `command` would make it again; empty: this process's command line.
    """
    described = dict(attached)
    for case in the_plan.cases:
        key = (case.device, case.origin)
        if key not in described:
            described[key] = backends.of_this_machine(key, clock).describe()
    now = clock.utc_now()
    info = SessionInfo(
        schema_version=SCHEMA_VERSION,
        session_id=uuid.uuid4().hex,
        name=the_plan.name,
        created_at=now.isoformat(timespec="seconds"),
        qbench_version=__version__,
        command=tuple(command or sys.argv),
        devices=tuple(described.values()),
        device_options=dict(device_options),
    )
    return Session.create(out, info, the_plan, now.strftime("%Y-%m-%dT%H%MZ"))


def perform(session: Session, clock: Clock | None = None) -> list[RunRecord]:
    """Run what the session still lacks, and return all its records.

    Attached devices work at the same time as each other; what this machine runs itself comes
    before (simulations) or after them (its own measurements). Raises the first DeviceError of
    several devices once all have ended.
    """
    the_clock = clock or SystemClock()
    the_plan = session.plan()
    with session.writer() as writer, ExitStack() as stack:
        recover(session, writer)
        done = session.records()
        todo = missing(the_plan, done)
        progress = Progress(the_plan, todo, the_clock, done)
        show = stack.enter_context(console.watching(progress))

        def on_record(record: RunRecord) -> None:
            writer.append(record)
            progress.ended(record)
            show(record)

        def run(key: Key, runs: Sequence[PlannedRun]) -> None:
            with _backend(key, session, the_plan, runs, the_clock) as backend:
                execute(
                    the_plan,
                    runs,
                    {key: backend},
                    clock=the_clock,
                    on_start=progress.started,
                    on_raw=writer.save_raw,
                    on_record=on_record,
                )

        groups = _by_backend(the_plan, todo)
        devices = [key for key in groups if key[1] in backends.HARDWARE]
        if len(devices) > 1:
            in_parallel([partial(run, key, groups.pop(key)) for key in devices])
        for key, runs in groups.items():
            run(key, runs)
    return session.records()


def _by_backend(the_plan: Plan, runs: Sequence[PlannedRun]) -> dict[Key, list[PlannedRun]]:
    cases = {case.case_id: case for case in the_plan.cases}
    groups: dict[Key, list[PlannedRun]] = {}
    for run in runs:
        case = cases[run.case_id]
        groups.setdefault((case.device, case.origin), []).append(run)
    return groups


def _backend(
    key: Key, session: Session, the_plan: Plan, runs: Sequence[PlannedRun], clock: Clock
) -> Backend:
    if key[1] not in backends.HARDWARE:
        return backends.of_this_machine(key, clock)
    cases = {case.case_id: case for case in the_plan.cases}
    told = [(run, cases[run.case_id]) for run in runs]
    return backends.of_device(key, session.info(), told, clock)


def in_parallel(actions: Sequence[Callable[[], None]]) -> None:
    """All at the same time; when all have ended, raises what the first that failed raised.

    The threads are daemons: after Ctrl-C nobody waits for a device, which goes on by itself.
    """
    errors: list[BaseException | None] = [None] * len(actions)

    def guarded(number: int) -> None:
        try:
            actions[number]()
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            errors[number] = error

    threads = [Thread(target=guarded, args=(n,), daemon=True) for n in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        if error is not None:
            raise error


def rows(the_plan: Plan, records: Sequence[RunRecord]) -> list[Row]:
    """A row per case, each beside the same model on the CPU of the same device."""
    summaries = stats.summarize(the_plan.cases, records)
    own_cpu = {_place(s.case): s for s in summaries if s.case.delegate is Delegate.CPU}
    return [Row(summary=s, vs_cpu=_versus(s, own_cpu.get(_place(s.case)))) for s in summaries]


def _place(case: Case) -> tuple[object, ...]:
    return (case.model_sha256, case.device, case.origin, case.threads, case.mask, case.arm)


def _versus(summary: Summary, own_cpu: Summary | None) -> stats.Ratio | None:
    if own_cpu is None or summary.case.delegate is Delegate.CPU:
        return None
    found = stats.ratio(summary, own_cpu, interleaved=True)
    return found if isinstance(found, stats.Ratio) else None
