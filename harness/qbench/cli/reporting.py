"""Gathers what a report tells: sessions from the store, and what model files still add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from qbench import __version__, modelfile, profiles, simulator, stats
from qbench.cli import perform, reporting_sustained, simulating
from qbench.clock import Clock
from qbench.errors import QBenchError, StoreError
from qbench.formats.runner import read_watched
from qbench.formats.runner.telemetry import zone_c
from qbench.records import Case, ModelInfo, Origin, OutputFormat, RawRun, RunRecord
from qbench.report import html
from qbench.store import Session

# Kernels beyond this many would fill the page; the first models have them.
_MOST_KERNELS = 12_000


def content(
    paths: Sequence[Path],
    clock: Clock,
    *,
    title: str | None = None,
    sustained_for: str | None = None,
) -> html.Content:
    """Raises StoreError for what is no session, or the same one twice."""
    found = [Session.find(path) for path in paths]
    folders = [session.folder.resolve() for session in found]
    for folder in folders:
        if folders.count(folder) > 1:
            raise StoreError(f"{folder}: this session is given twice")
    sessions = tuple(_session(session) for session in found)
    models, missing = _models(sessions)
    foreseen, unforeseen = _foreseen(sessions, models)
    lasting, not_lasting = reporting_sustained.curves(sessions, set(models), sustained_for)
    return html.Content(
        title=title or _title(sessions),
        made_at=clock.utc_now().isoformat(timespec="seconds"),
        qbench_version=__version__,
        sessions=sessions,
        foreseen=tuple(foreseen),
        lasting=tuple(lasting),
        models=tuple(_facts(case, model) for case, model in models.values()),
        missing=(*missing, *unforeseen, *not_lasting),
    )


def _session(session: Session) -> html.Session:
    plan, records = session.plan(), session.records()
    rows = perform.rows(plan, records)
    return html.Session(
        name=session.folder.resolve().name,
        info=session.info(),
        plan=plan,
        records=tuple(records),
        rows=tuple(rows),
        checks=stats.check_budgets(plan.budgets, [row.summary for row in rows]),
        looks=_looks(session, records, {case.case_id: case for case in plan.cases}),
    )


def _title(sessions: Sequence[html.Session]) -> str:
    devices = dict.fromkeys(
        device.title
        for session in sessions
        for device in session.info.devices
        if device.origin is not Origin.HOST
    )
    models = {case.model for session in sessions for case in session.plan.cases}
    what = next(iter(models)) if len(models) == 1 else f"{len(models)} models"
    return f"{what} on {', '.join(devices) or 'this machine'}"


def _looks(
    session: Session, records: Sequence[RunRecord], cases: dict[str, Case]
) -> dict[str, tuple[html.Look, ...]]:
    """What android_runner saw while runs went on, by device."""
    on_devices = {r.sequence for r in records if r.origin in (Origin.DEVICE, Origin.EMULATED)}
    others = frozenset(r.sequence for r in records) - on_devices
    if not on_devices:
        return {}
    began: dict[int, datetime] = {}
    for device in {case.device for case in cases.values()}:
        mine = [
            r for r in records if r.sequence in on_devices and cases[r.case_id].device == device
        ]
        began |= html.moments(mine)
    found: dict[str, list[html.Look]] = {}
    for run in session.raw_runs(without=others, with_streams=False):
        if run.case_id in cases and run.sequence in began:
            looks = found.setdefault(cases[run.case_id].device, [])
            looks.extend(_seen(run, began[run.sequence]))
    return {device: tuple(looks) for device, looks in found.items()}


def _seen(run: RawRun, began: datetime) -> Iterator[html.Look]:
    if run.raw.format is not OutputFormat.ANDROID_RUN or run.raw.report is None:
        return
    try:
        started_s, samples = read_watched(run.raw.report)
    except QBenchError:  # the record of the run tells it already
        return
    uptime_s = run.before.uptime_s if run.before is not None else None
    first_s = started_s if uptime_s is None else uptime_s
    for sample in samples:
        moment = began + timedelta(seconds=sample.at_s - first_s)
        yield html.Look(
            at=moment.isoformat(timespec="milliseconds"),
            temperature_c=max(map(zone_c, sample.zones_raw.values()), default=None),
            cpu_khz=max(sample.cores_khz.values(), default=None),
            is_throttled=bool(sample.thermal_status),
        )


def _models(
    sessions: Sequence[html.Session],
) -> tuple[dict[str, tuple[Case, ModelInfo]], list[str]]:
    """By hash, the model files that are still where they were and still the same."""
    found: dict[str, tuple[Case, ModelInfo]] = {}
    missing: dict[str, str] = {}
    for session in sessions:
        for case in session.plan.cases:
            if case.model_sha256 in found or case.model_sha256 in missing:
                continue
            path = Path(case.model_path)
            try:
                model = modelfile.read(path)
                if modelfile.sha256(path) == case.model_sha256:
                    found[case.model_sha256] = (case, model)
                    continue
                why = "has changed since"
            except QBenchError:
                why = "is not there any more"
            missing[case.model_sha256] = (
                f"{case.model_path} {why}: nothing is said about the operators of {case.model}."
            )
    return found, list(missing.values())


def _facts(case: Case, model: ModelInfo) -> html.ModelFacts:
    return html.ModelFacts(
        name=case.model,
        precision=case.precision.value,
        sha256=case.model_sha256,
        file_bytes=model.file_bytes,
        weight_bytes=model.weight_bytes,
        activation_bytes=model.activation_bytes,
        macs=model.macs,
        graph_name=model.main.name,
        op_macs=tuple(op.macs or 0 for op in model.main.ops),
        op_outputs=tuple(
            model.main.tensors[op.outputs[0]].name if op.outputs else "" for op in model.main.ops
        ),
    )


def _foreseen(
    sessions: Sequence[html.Session], models: dict[str, tuple[Case, ModelInfo]]
) -> tuple[list[html.Foreseen], list[str]]:
    """The simulator's account of every case whose device has a profile."""
    told: dict[tuple[str, str, str, int], html.Foreseen] = {}
    oracles: dict[str, simulator.Oracle | None] = {}
    missing: dict[str, None] = {}
    kernels = 0
    for case in (case for session in sessions for case in session.plan.cases):
        key = (case.device, case.model_sha256, case.delegate.value, case.threads)
        if case.model_sha256 not in models or key in told or case.origin is Origin.HOST:
            continue
        if case.device not in oracles:
            oracles[case.device] = _oracle(case.device)
        oracle = oracles[case.device]
        if oracle is None:
            missing[f"{case.device} has no profile: its operators are not placed or priced."] = None
            continue
        _, model = models[case.model_sha256]
        try:
            found = oracle.foresee(model, case.delegate, case.threads, xnnpack=case.xnnpack)
        except QBenchError:  # the simulated case, if there is one, failed for the same reason
            continue
        kernels += len(found.lines)
        with_kernels = kernels <= _MOST_KERNELS
        if not with_kernels:
            missing[
                f"Operators are priced for the first {len(told)} cases only, to keep the page "
                "small; qbench simulate has them all."
            ] = None
            kernels = _MOST_KERNELS + 1
        told[key] = html.Foreseen(
            device=case.device,
            title=oracle.profile.title,
            model_sha256=case.model_sha256,
            answer=simulating.answer(
                Path(case.model_path), model, case.delegate, case.threads, found, with_kernels
            ),
        )
    return list(told.values()), list(missing)


def _oracle(device: str) -> simulator.Oracle | None:
    try:
        return simulator.Oracle(profiles.load(device))
    except QBenchError:
        return None
