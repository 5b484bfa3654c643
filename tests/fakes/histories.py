"""Folders of sessions over many days, as `qbench run` would have left them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from fakes.latency_samples import Noise, measured_records, steady
from fakes.sessions import PHONE, TOOL
from qbench.records import Case, DeviceInfo, Plan, PlannedRun, RunRecord, SessionInfo
from qbench.store import SCHEMA_VERSION, Session

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CALM = Noise(between_run_sigma=0.003, outlier_share=0.0)


def levels(n: int, *, base_us: float = 10_000, sigma: float = 0.01, seed: int = 0) -> list[float]:
    """Medians of `n` sessions that differ by chance alone."""
    rng = np.random.default_rng(seed)
    return [float(v) for v in base_us * np.exp(sigma * rng.standard_normal(n))]


def a_day(
    root: Path,
    day: int,
    cases: Sequence[tuple[Case, float]],
    *,
    runs: int = 5,
    invokes: int = 24,
    device: DeviceInfo = PHONE,
    tool_sha256: str = TOOL,
    tool: str = "a test",
) -> Session:
    """The session of one day: of each case `runs` runs at about that latency in us."""
    at = BEGIN + timedelta(days=day)
    records: list[RunRecord] = []
    for number, (case, level_us) in enumerate(cases):
        rng = np.random.default_rng([day, number])
        for record in measured_records(case, steady(rng, runs, invokes, CALM, base_us=level_us)):
            begun = at + timedelta(seconds=len(records))
            records.append(
                msgspec.structs.replace(
                    record,
                    sequence=len(records),
                    started_at=begun.isoformat(timespec="milliseconds"),
                    tool=tool,
                    tool_sha256=tool_sha256,
                )
            )
    plan = Plan(
        schema_version=1,
        name="nightly",
        protocol="default",
        seed=0,
        cases=tuple(case for case, _ in cases),
        runs=tuple(PlannedRun(r.sequence, r.case_id, r.repetition) for r in records),
    )
    info = SessionInfo(
        schema_version=SCHEMA_VERSION,
        session_id=f"day{day}",
        name="nightly",
        created_at=at.isoformat(timespec="seconds"),
        qbench_version="0",
        command=("qbench", "run"),
        devices=(device,),
    )
    session = Session.create(root, info, plan, at.strftime("%Y-%m-%dT%H%MZ"))
    session.rewrite(records)
    return session


def days(
    root: Path, case: Case, medians_us: Sequence[float], *, first: int = 0, **settings: object
) -> list[Session]:
    """A session per day, each with that case alone."""
    return [
        a_day(root, first + day, [(case, level)], **settings)  # type: ignore[arg-type]
        for day, level in enumerate(medians_us)
    ]
