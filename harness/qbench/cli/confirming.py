"""Measures again what a history says has stepped.

Where the model's file changed and both files are there, both are measured in turn in one session:
paired runs, which see no difference between days. Where it did not, yesterday's machine cannot be
had back, so three new sessions are compared with those before the step; the session is the unit.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from qbench import modelfile, plan, stats
from qbench.cli import backends, comparing, hardware, perform
from qbench.cli.backends import Key
from qbench.cli.sources import Source
from qbench.clock import SystemClock
from qbench.errors import ModelFileError, QBenchError
from qbench.history.confirmation import Confirmation, Entry, Word, judged
from qbench.history.rows import machine
from qbench.history.series import Point, Series, Step
from qbench.records import Case, DeviceInfo, Metric, Origin, Plan
from qbench.report.comparison import SideInfo
from qbench.stats import Aspect, Ratio
from qbench.stats.comparison import MARGIN_RATIO
from qbench.stats.sides import MIN_SESSIONS_FOR_VERDICT
from qbench.store import Session

_PAIRS = 10
_LEAST_RUNS = 5  # per session, so that one odd process does not make its median
_MOST_BEFORE = 10  # sessions
# The question is whether the step is there; that a tool or a system changed is a part of it.
_ACROSS = (Aspect.DEVICE, Aspect.TOOL, Aspect.TAINTS)


class _Cannot(Exception):
    """Why a step cannot be measured again."""


def confirmed(results: Path, entries: Sequence[Entry]) -> list[Entry]:
    """The entries, each newest step measured again where that is possible."""
    return [
        msgspec.structs.replace(entry, confirmation=_confirm(results, entry.series, entry.step))
        if entry.step is not None
        else entry
        for entry in entries
    ]


def _confirm(results: Path, series: Series, step: Step) -> Confirmation:
    try:
        return _measure(results, series, step)
    except _Cannot as why:
        return Confirmation(word=Word.NOT_RUN, how=str(why))
    except QBenchError as error:  # of this device or session; other series have others
        hint = f" ({error.hint})" if error.hint else ""
        return Confirmation(word=Word.NOT_RUN, how=f"{error}{hint}")


def _measure(results: Path, series: Series, step: Step) -> Confirmation:
    last, earlier = series.last, _before(series, step)
    session = Session(results / last.session)
    case = _case(session, last)
    _check_model(case)
    devices = _devices(case, last.machine)
    old = _case(Session(results / earlier[-1].session), earlier[-1])
    options = session.info().device_options
    repetitions = sum(run.case_id == case.case_id for run in session.plan().runs)
    hardware.say(f"{case.case_id}: measuring again what stepped")
    if old.model_sha256 != case.model_sha256 and _is_there(old):
        pair = (_armed(old, case, "A"), _armed(case, case, "B"))
        made = _plan(pair, max(_PAIRS, repetitions), session.plan())
        new = [_perform(results, made, devices, options)]
        result = _compare(new, pair[0].case_id, new, pair[1].case_id)
        how = f"both model files in turn, {result.basis}"
    else:
        made = _plan((case,), max(_LEAST_RUNS, repetitions), session.plan())
        new = [_perform(results, made, devices, options) for _ in range(MIN_SESSIONS_FOR_VERDICT)]
        before = [Session(results / point.session) for point in earlier[-_MOST_BEFORE:]]
        result = _compare(before, case.case_id, new, case.case_id)
        how = f"measuring it again: {result.basis} before the step"
        if old.model_sha256 != case.model_sha256:
            how += "; the model's file from before is not there, so they could not take turns"
    names = tuple(made.folder.name for made in new)
    return judged(step, result, how=how, sessions=names)


def _before(series: Series, step: Step) -> tuple[Point, ...]:
    """The points with a number of the segment before the step."""
    start = max((s.at for s in series.steps if s.at < step.at), default=0)
    return tuple(p for p in series.points[start : step.at] if p.p50_us)


def _case(session: Session, point: Point) -> Case:
    for case in session.plan().cases:
        if case.case_id == point.case_id:
            return case
    raise _Cannot(f"{session.folder} does not have the case any more")


def _check_model(case: Case) -> None:
    if case.origin is Origin.SIMULATED:
        raise _Cannot("a prediction is a formula: computing it again says the same")
    try:
        now = modelfile.sha256(Path(case.model_path))
    except ModelFileError as error:
        raise _Cannot(f"the model's file is not there: {error}") from error
    if now != case.model_sha256:
        raise _Cannot(f"{case.model_path} is another file than the last session measured")


def _is_there(case: Case) -> bool:
    try:
        return modelfile.sha256(Path(case.model_path)) == case.model_sha256
    except ModelFileError:
        return False


def _devices(case: Case, wanted: str | None) -> Mapping[Key, DeviceInfo]:
    """Who will measure, as the plan calls it. Raises DeviceError, and _Cannot for another one."""
    key = (case.device, case.origin)
    if case.origin is Origin.HOST:
        info = backends.of_this_machine(key, SystemClock()).describe()
        if wanted is not None and machine(info) != wanted:
            raise _Cannot(f"this machine is {machine(info)}, and it was measured on {wanted}")
        return {key: info}
    serials = (wanted,) if case.origin is Origin.DEVICE and wanted is not None else ()
    place = hardware.find(None if serials else case.device, serials, required=True)
    info = place.attached[0].identity.info
    if info.origin is not case.origin:
        raise _Cannot(f"{info.serial} is of origin {info.origin}, not {case.origin}")
    return {key: msgspec.structs.replace(info, name=case.device)}


def _armed(case: Case, like: Case, arm: str) -> Case:
    """That case's model under the settings of `like`."""
    settings, _, where = like.case_id.rpartition("@")
    return msgspec.structs.replace(
        like,
        case_id=f"{settings}-{arm}@{where}",
        arm=arm,
        model_path=case.model_path,
        model_sha256=case.model_sha256,
    )


def _plan(cases: Sequence[Case], repetitions: int, like: Plan) -> Plan:
    return Plan(
        schema_version=like.schema_version,
        name=f"confirm-{cases[0].model}",
        protocol=like.protocol,
        seed=like.seed,
        cases=tuple(cases),
        runs=plan.in_turn(cases, repetitions),
        metric=like.metric,
    )


def _perform(
    results: Path,
    made: Plan,
    devices: Mapping[Key, DeviceInfo],
    options: Mapping[str, object],
) -> Session:
    session = perform.start(made, results, SystemClock(), devices, options)
    perform.perform(session)
    return session


def _compare(
    before: Sequence[Session], old_id: str, after: Sequence[Session], new_id: str
) -> Ratio:
    found = comparing.compare_sources(
        _source(before, old_id),
        _source(after, new_id),
        margin_ratio=MARGIN_RATIO,
        metric=Metric.P50,  # what the history is of
        across=_ACROSS,
    )
    result = found.pairs[0].result
    if isinstance(result, stats.Refusal):
        raise _Cannot(result.reason)
    return result


def _source(sessions: Sequence[Session], case_id: str) -> Source:
    names = tuple(str(session.folder) for session in sessions)
    info = SideInfo(asked=", ".join(names), sessions=names)
    return Source(tuple(sessions), glob.escape(case_id), info)
