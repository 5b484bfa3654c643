"""From what the user asked to a calibration on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from qbench.backend import Backend
from qbench.cli import backends, calibrated_device, hardware, heating
from qbench.cli.calibrated_device import Target
from qbench.clock import Clock, SystemClock
from qbench.records import Origin
from qbench.report.calibration import ClassSummary, GroupSummary, Made, Plan
from qbench.simulator.calibration import document, heat, make, measure, plausible
from qbench.simulator.calibration.document import Answer, Calibration, Group
from qbench.simulator.calibration.journal import Journal
from qbench.simulator.calibration.measure import Question
from qbench.simulator.kernels import Dtype
from qbench.simulator.predict import tier_of

_UNSURE_RATIO = 0.2
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
    step_test_min: float | None = None


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
        step_test_s=None if wanted.step_test_min is None else round(wanted.step_test_min * 60),
        budget_s=wanted.budget_s,
        asks_again=target.serial is None,
    )


def perform(wanted: Wanted) -> tuple[Calibration, Path]:
    """Measure, fit and write. Raises what backends raise, ProfileError when the answers make no
    calibration (the journal stays), InputError for a journal that is in the way."""
    target = _target(wanted)
    clock = SystemClock()
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
        target.with_cores_that_ran(),
        target.info,
        target.fingerprint,
        clock.utc_now().isoformat(timespec="seconds"),
    )
    # Clocks are those of the device, also where its cores are lent.
    made = msgspec.structs.replace(made, max_khz=plausible.fastest_khz(target.profile))
    if wanted.step_test_min is not None:
        made = heating.with_step_test(made, target, clock, wanted.step_test_min)
    document.save(made, target.path)
    journal.end()
    return made, target.path


def _target(wanted: Wanted) -> Target:
    """Raises as `calibrated_device.find`, and for a step test that the device cannot be asked."""
    target = calibrated_device.find(wanted.device, wanted.profile, wanted.out)
    if wanted.step_test_min is not None:
        heating.refuse_impossible(target)
    return target


def _questions(wanted: Wanted) -> list[Question]:
    dtypes = [Dtype(p) for p in wanted.precisions] or [Dtype.FP32, Dtype.INT8]
    return measure.questions(
        dtypes,
        wanted.threads or (1,),
        most_singles=wanted.singles,
        nets=wanted.networks,
    )


@contextmanager
def _backend(
    target: Target,
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


def _attached(target: Target, clock: Clock, folder: Path, asked: Sequence[Question]) -> Backend:
    """A device is told of all runs at once, so all models are written first."""
    models = measure.Models()
    cases = []
    for number, question in enumerate(measure.schedule(asked)):
        model = models.write(question, folder)
        cases.append(measure.case_of(question, number, model.path, target.info.origin))
    return target.attached(cases, clock)


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
        heat=_heat(made),
    )


def _heat(made: Calibration) -> str:
    found = made.step_test
    if found is None:
        return made.step_test_remark or heat.NOT_DONE
    values = (
        f"chip {found.chip_c_per_w:.3g} C/W, {found.chip_j_per_c:.3g} J/C; "
        f"skin {found.skin_c_per_w:.3g} C/W, {found.skin_j_per_c:.3g} J/C"
    )
    unsure = [f"{name} +-{s:.0%}" for name, s in found.sigma_ratio.items() if s > _UNSURE_RATIO]
    told = f"; hardly shown by so short a test: {', '.join(unsure)}" if unsure else ""
    return f"{values}; within {found.rms_c} C of {found.looks} looks, {found.power_basis}{told}"


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
        classes=tuple(
            ClassSummary(kind=p.kind, singles=p.singles, residual_ratio=p.residual_ratio)
            for p in group.prices
            if p.kind != document.GRAPH
        ),
    )
