"""Puts a session together: models and devices to a plan, a plan to records, records to rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from qbench import __version__, modelfile, models, plan, profiles, stats
from qbench.backend import Backend
from qbench.cli import console
from qbench.clock import Clock, SystemClock
from qbench.errors import PlanError
from qbench.execute import execute, missing, recover
from qbench.records import (
    Case,
    Delegate,
    DeviceInfo,
    DeviceProfile,
    Origin,
    Plan,
    Precision,
    RunRecord,
    SessionInfo,
    Summary,
)
from qbench.report.row import Row
from qbench.store import SCHEMA_VERSION, Session
from qbench.units import printable

HOST = "host"


def find_models(
    names: Sequence[str], precisions: Sequence[Precision]
) -> tuple[plan.PlanModel, ...]:
    """Read every model that `names` mean: paths, built-in names, names of built networks.

    `precisions` choose among a name's files; a path's precision is what the file holds.
    """
    found: list[plan.PlanModel] = []
    for name in names:
        looks_like_path = name.endswith(".tflite") or "/" in name or Path(name).exists()
        paths = [Path(name)] if looks_like_path else models.resolve(name, precisions)
        for path in paths:
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


def default_delegates(profile: DeviceProfile) -> tuple[Delegate, ...]:
    """All that the device has: its NPU's first route, its GPU, its CPU."""
    chosen = []
    if profile.npu is not None:
        chosen.append(Delegate(next(iter(profile.npu.routes))))
    if profile.gpu is not None:
        chosen.append(Delegate.GPU)
    return (*chosen, Delegate.CPU)


def all_delegates(profile: DeviceProfile) -> tuple[Delegate, ...]:
    """Every delegate that the device could be asked for, each route to its NPU by itself."""
    routes = profile.npu.routes if profile.npu is not None else {}
    gpu = (Delegate.GPU,) if profile.gpu is not None else ()
    return (Delegate.CPU, *gpu, *(Delegate(route) for route in routes))


def simulated_target(
    profile: DeviceProfile, delegates: Sequence[Delegate], threads: int | None
) -> plan.Target:
    """The device as the simulator knows it; its own CPU is always among the delegates."""
    wanted = tuple(dict.fromkeys((*delegates, Delegate.CPU)))
    return plan.Target(
        profile.name, Origin.SIMULATED, wanted, threads or profile.cpu.default_threads
    )


def host_target(threads: int) -> plan.Target:
    """This machine, never with more threads than it has processors."""
    return plan.Target(HOST, Origin.HOST, (Delegate.CPU,), min(threads, processors()))


def processors() -> int:
    """How many processors this process may use."""
    import os

    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def backends_for(cases: Sequence[Case], clock: Clock) -> dict[tuple[str, Origin], Backend]:
    """One backend for every (device, origin) that the cases name; not entered yet."""
    found: dict[tuple[str, Origin], Backend] = {}
    for case in cases:
        key = (case.device, case.origin)
        if key in found:
            continue
        if case.origin is Origin.HOST:
            from qbench.host import HostBackend

            found[key] = HostBackend(clock)
        elif case.origin is Origin.SIMULATED:
            from qbench.simulator import SimulatorBackend

            found[key] = SimulatorBackend(profiles.load(case.device))
        else:
            raise PlanError(
                f"{case.case_id}: this version cannot run on an {case.origin} device",
                hint="plans of this version use the origins host and simulated",
            )
    return found


def start(the_plan: Plan, out: Path, clock: Clock) -> Session:
    """Put a new session on disk. Nothing has run when it returns."""
    described = {
        key: backend.describe() for key, backend in backends_for(the_plan.cases, clock).items()
    }
    now = clock.utc_now()
    info = SessionInfo(
        schema_version=SCHEMA_VERSION,
        name=the_plan.name,
        created_at=now.isoformat(timespec="seconds"),
        qbench_version=__version__,
        command=tuple(sys.argv),
        devices=tuple(described.values()),
    )
    return Session.create(out, info, the_plan, now.strftime("%Y-%m-%dT%H%MZ"))


def perform(session: Session, clock: Clock | None = None) -> list[RunRecord]:
    """Run what the session still lacks, and return all its records."""
    the_clock = clock or SystemClock()
    the_plan = session.plan()
    with session.writer() as writer, ExitStack() as stack:
        recover(session, writer)
        todo = missing(the_plan, session.records())
        needed = {run.case_id for run in todo}
        cases = [case for case in the_plan.cases if case.case_id in needed]
        entered = {
            key: stack.enter_context(backend)
            for key, backend in backends_for(cases, the_clock).items()
        }
        started, ended = stack.enter_context(console.progress(the_plan, len(todo)))

        def on_record(record: RunRecord) -> None:
            writer.append(record)
            ended(record)

        execute(
            the_plan,
            todo,
            entered,
            clock=the_clock,
            on_start=started,
            on_raw=writer.save_raw,
            on_record=on_record,
        )
    return session.records()


def rows(the_plan: Plan, records: Sequence[RunRecord]) -> list[Row]:
    """A row per case, each beside the same model on the CPU of the same device."""
    summaries = stats.summarize(the_plan.cases, records)
    own_cpu = {_place(s.case): s for s in summaries if s.case.delegate is Delegate.CPU}
    return [Row(summary=s, vs_cpu=_versus(s, own_cpu.get(_place(s.case)))) for s in summaries]


def _place(case: Case) -> tuple[str, str, Origin, int]:
    return (case.model_sha256, case.device, case.origin, case.threads)


def _versus(summary: Summary, own_cpu: Summary | None) -> stats.Ratio | None:
    if own_cpu is None or summary.case.delegate is Delegate.CPU:
        return None
    found = stats.ratio(summary, own_cpu, interleaved=True)
    return found if isinstance(found, stats.Ratio) else None


def host_info(info: SessionInfo) -> DeviceInfo | None:
    return next((d for d in info.devices if d.origin is Origin.HOST), None)
