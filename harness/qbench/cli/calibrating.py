"""From what the user asked to a calibration on disk."""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from qbench import profiles, thiscpu
from qbench.backend import Backend
from qbench.cli import backends, hardware
from qbench.clock import Clock, SystemClock
from qbench.errors import PlanError, ProfileError
from qbench.records import DeviceInfo, DeviceProfile, Origin, PlannedRun, SessionInfo
from qbench.report.calibration import GroupSummary, Made, Plan
from qbench.simulator.calibration import document, make, measure, plausible
from qbench.simulator.calibration.document import Answer, Calibration, Group
from qbench.simulator.calibration.journal import Journal
from qbench.simulator.calibration.measure import Question
from qbench.simulator.kernels import Dtype
from qbench.simulator.predict import tier_of
from qbench.store import SCHEMA_VERSION

_ROUNDS = 2
"""How often what was contended is asked again. An attached device works through its list once."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command line."""

    device: str
    profile: str | None
    precisions: tuple[str, ...]
    threads: tuple[int, ...]
    singles: int | None
    networks: bool
    budget_s: float
    out: Path | None
    resume: bool


class _Target(msgspec.Struct, frozen=True):
    """The device, what prices are for, and where they go. `serial` None: this machine."""

    profile: DeviceProfile
    fingerprint: str
    path: Path
    serial: str | None
    info: DeviceInfo


def plan(wanted: Wanted) -> Plan:
    """What would be measured. Nothing is touched but, if it is named, an attached device."""
    target = _target(wanted)
    asked = _questions(wanted)
    return Plan(
        device=target.info.title,
        profile=target.profile.name,
        path=str(target.path),
        singles=sum(not q.is_network for q in asked),
        networks=len({(q.name, q.dtype, q.threads) for q in asked if q.is_network}),
        runs=len(measure.schedule(asked)),
        expected_s=round(measure.expected_s(asked)),
        budget_s=wanted.budget_s,
    )


def perform(wanted: Wanted) -> tuple[Calibration, Path]:
    """Measure, fit and write. Raises what backends raise, ProfileError when the answers make no
    calibration (the journal stays), InputError for a journal that is in the way."""
    target, clock = _target(wanted), SystemClock()
    asked = _questions(wanted)
    with tempfile.TemporaryDirectory(prefix="qbench-") as name:
        folder = Path(name)
        journal_path = target.path.with_suffix(".journal")
        with _backend(target, clock, folder, asked, journal_path, wanted) as (
            backend,
            known,
            journal,
        ):
            count = len(measure.left(asked, known))
            hardware.say(
                f"{target.info.title}: {count} models to measure, at most {wanted.budget_s:.0f} s"
            )
            found = measure.ask(
                backend,
                asked,
                known,
                folder,
                clock,
                budget_s=wanted.budget_s,
                rounds=_ROUNDS if target.serial is None else 0,
                on_answer=journal.append,
                on_trouble=hardware.say,
            )
    made = make.make(
        found,
        _with_cores_that_ran(target),
        target.info,
        target.fingerprint,
        clock.utc_now().isoformat(timespec="seconds"),
    )
    # Clocks are those of the device, also where its cores are lent.
    made = msgspec.structs.replace(made, max_khz=plausible.fastest_khz(target.profile))
    document.save(made, target.path)
    journal.end()
    return made, target.path


def _with_cores_that_ran(target: _Target) -> DeviceProfile:
    """The device's profile; of a virtual one with this machine's cores, which do its work: their
    tiles, caches and peaks."""
    if target.info.origin is not Origin.EMULATED:
        return target.profile
    return msgspec.structs.replace(target.profile, cpu=profiles.load(profiles.HOST).cpu)


def _questions(wanted: Wanted) -> list[Question]:
    dtypes = [Dtype(p) for p in wanted.precisions] or [Dtype.FP32, Dtype.INT8]
    return measure.questions(
        dtypes,
        wanted.threads or (1,),
        most_singles=wanted.singles,
        nets=wanted.networks,
    )


def _target(wanted: Wanted) -> _Target:
    """Raises ProfileError, PlanError (no such device to measure), DeviceError."""
    if wanted.device == hardware.HOST:
        profile = profiles.load(wanted.profile or profiles.HOST)
        if profile.name != profiles.HOST:
            raise PlanError(
                f"{profile.name}: this machine is not such a device",
                hint="leave --profile out, or name an attached device with --device",
            )
        info = backends.of_this_machine((hardware.HOST, Origin.HOST), SystemClock()).describe()
        fingerprint = thiscpu.fingerprint()
        path = wanted.out or _default_path(profile, fingerprint)
        return _Target(profile, fingerprint, path, None, info)
    place = hardware.find(wanted.device, (), required=True)
    if len(place.attached) != 1:
        raise PlanError(f"{wanted.device}: {len(place.attached)} devices fit, and one is needed")
    attached = place.attached[0]
    info = attached.identity.info
    profile = profiles.load(wanted.profile) if wanted.profile else attached.identity.profile
    if wanted.profile is None and not attached.identity.is_known:
        raise ProfileError(
            f"{attached.serial}: no profile fits this device",
            hint="write one (device_profiles/README.md) and name it with --profile",
        )
    fingerprint = f"{info.origin.value}; {info.soc}; {info.fingerprint}"
    path = wanted.out or _default_path(profile, fingerprint)
    return _Target(profile, fingerprint, path, attached.serial, info)


def _default_path(profile: DeviceProfile, fingerprint: str) -> Path:
    return document.user_folder() / document.file_name(profile.name, fingerprint)


@contextmanager
def _backend(
    target: _Target,
    clock: Clock,
    folder: Path,
    asked: Sequence[Question],
    journal_path: Path,
    wanted: Wanted,
) -> Iterator[tuple[Backend, list[Answer], Journal]]:
    """The device, entered; what was answered before; where answers go."""
    journal = Journal(journal_path, target.fingerprint)
    known = journal.begin(resume=wanted.resume)
    if target.serial is None:
        opened = backends.of_this_machine((hardware.HOST, Origin.HOST), clock)
    else:
        opened = _attached(target, clock, folder, measure.left(asked, known))
    with opened as backend:
        yield backend, known, journal


def _attached(target: _Target, clock: Clock, folder: Path, asked: Sequence[Question]) -> Backend:
    """A device is told of all runs at once, so all models are written first."""
    models = measure.Models()
    runs = []
    for number, question in enumerate(measure.schedule(asked)):
        model = models.write(question, folder)
        case = measure.case_of(question, number, model.path, target.info.origin)
        runs.append((PlannedRun(number, case.case_id, 0), case))
    info = SessionInfo(
        schema_version=SCHEMA_VERSION,
        session_id=uuid.uuid4().hex,
        name="calibrate",
        created_at=clock.utc_now().isoformat(timespec="seconds"),
        qbench_version="",
        command=tuple(sys.argv),
        devices=(target.info,),
        device_options={"cool_least_s": 0.0},
    )
    return backends.of_device((target.info.name, target.info.origin), info, runs, clock)


def summary(made: Calibration, path: Path) -> Made:
    """What a person wants to know of it."""
    return Made(
        path=str(path),
        device=made.device,
        profile=made.profile,
        runtime=made.runtime,
        answers=len(made.answers),
        contended=make.contended(made.answers),
        drift_ratio=made.drift_ratio,
        groups=tuple(_group(group) for group in made.groups),
    )


def _group(group: Group) -> GroupSummary:
    matmul = group.price("xnnpack/matmul")
    mac_us = matmul.prices.get("macs", 0.0) if matmul is not None else 0.0
    errors = [abs(1 / a.left_out_ratio - 1) for a in group.anchors]
    return GroupSummary(
        dtype=group.dtype.value,
        threads=group.threads,
        tile=group.tiles.product,
        gmacs_per_s=round(1e-3 / mac_us, 1) if mac_us else None,
        median_error_ratio=round(group.cross_validated_ratio, 4),
        scale_ratio=group.scale_ratio,
        networks=len(errors),
        network_mape_ratio=round(sum(errors) / len(errors), 4) if errors else None,
        band_ratio=group.band_ratio,
        band_rule=group.band_rule,
        tier=tier_of(group).value,
    )
