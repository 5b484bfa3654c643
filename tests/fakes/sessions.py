"""Session folders full of made-up latencies, as `qbench run` would have left them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from fakes.latency_samples import Floats, Noise, a_case, measured_records, records_of, steady
from qbench.records import (
    Budget,
    Case,
    Delegate,
    DeviceInfo,
    Failure,
    Metric,
    Origin,
    Outcome,
    Plan,
    PlannedRun,
    RunRecord,
    SessionInfo,
)
from qbench.store import SCHEMA_VERSION, Session

PHONE = DeviceInfo("d", "a phone", Origin.DEVICE, serial="S1", fingerprint="build/1")
CALM = Noise(between_run_sigma=0.003)
TOOL = "t" * 64


def a_named_case(
    *,
    model: str = "m",
    threads: int = 4,
    delegate: Delegate = Delegate.CPU,
    device: str = "d",
    origin: Origin = Origin.DEVICE,
    model_sha256: str = "0" * 64,
) -> Case:
    """A case whose id is made of its settings, as plans make it."""
    case_id = f"{model}-int8-{delegate}-t{threads}@{device}"
    case = a_case(case_id, origin=origin, delegate=delegate, model_sha256=model_sha256)
    return msgspec.structs.replace(case, model=model, threads=threads, device=device)


def latencies(
    base_us: float, *, runs: int = 10, seed: int = 0, n: int = 60, noise: Noise = CALM
) -> Floats:
    return steady(np.random.default_rng(seed), runs, n, noise, base_us=base_us)


def a_session(
    root: Path,
    name: str,
    measured: Mapping[Case, Floats | Sequence[Outcome]],
    *,
    device: DeviceInfo = PHONE,
    tool_sha256: str | None = TOOL,
    budgets: tuple[Budget, ...] = (),
    metric: Metric = Metric.P50,
) -> Session:
    """A finished session; of each case the samples of its runs, shape (runs, n), or outcomes."""
    records: list[RunRecord] = []
    for case, told in measured.items():
        made = (
            measured_records(case, told) if isinstance(told, np.ndarray) else records_of(case, told)
        )
        records += [
            msgspec.structs.replace(record, sequence=len(records) + place, tool_sha256=tool_sha256)
            for place, record in enumerate(made)
        ]
    plan = Plan(
        schema_version=1,
        name=name,
        protocol="default",
        seed=0,
        cases=tuple(measured),
        runs=tuple(PlannedRun(r.sequence, r.case_id, r.repetition) for r in records),
        budgets=budgets,
        metric=metric,
    )
    info = SessionInfo(
        schema_version=SCHEMA_VERSION,
        session_id=f"{root}/{name}",
        name=name,
        created_at="2026-01-01T00:00:00+00:00",
        qbench_version="0",
        command=("qbench", "run"),
        devices=(device,),
    )
    session = Session.create(root, info, plan, "2026-01-01T0000Z")
    with session.writer() as writer:
        for record in records:
            writer.append(record)
    return session


FAILED = (Failure("RunnerCrashedError", "signal 11"),) * 5
