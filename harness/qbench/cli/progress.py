"""How far a session is: what the live view shows, without how it looks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from statistics import median

import msgspec

from qbench.clock import Clock
from qbench.plan import estimate_run_s
from qbench.records import (
    Case,
    DeviceState,
    Failure,
    InvokeSamples,
    Origin,
    Outcome,
    Plan,
    PlannedRun,
    Prediction,
    RunRecord,
)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One device, or what stands in for it. `state` is the last that a run told; `now` the run that
    is going on, for `now_s`."""

    device: str
    origin: Origin
    done: int
    total: int
    failed: int
    state: DeviceState | None
    now: PlannedRun | None
    now_s: float
    left_s: float


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """One case: its runs so far, in this and earlier sittings. `last_us` and `p50_us` are medians,
    of its last run and of all its runs; None: no run has told one."""

    case: Case
    done: int
    total: int
    last_us: float | None
    p50_us: float | None
    failure: Failure | None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """`latest` has the case whose run ended last first. `left_s`: attached devices work at the
    same time, whatever else there is comes before or after them."""

    targets: tuple[Target, ...]
    latest: tuple[Latest, ...]
    done: int
    total: int
    left_s: float


class Progress:
    """Told of every start and end, from several threads if need be; `view` says how far it is."""

    def __init__(
        self, plan: Plan, runs: Sequence[PlannedRun], clock: Clock, done: Sequence[RunRecord] = ()
    ) -> None:
        self._plan, self._clock = plan, clock
        self._lock = threading.Lock()
        self._cases = {case.case_id: case for case in plan.cases}
        self._planned = Counter(run.case_id for run in plan.runs)
        self._medians: dict[str, list[float]] = {}
        self._counts: Counter[str] = Counter()
        self._latest: dict[str, Failure | None] = {}  # the case that ended last stands last
        self._tracks: dict[tuple[str, Origin], _Track] = {}
        for run in runs:
            case = self._cases[run.case_id]
            self._tracks.setdefault((case.device, case.origin), _Track()).waiting[run.sequence] = (
                run
            )
        for record in done:
            self._count(record)
        self._latest.clear()

    def started(self, run: PlannedRun, case: Case) -> None:
        with self._lock:
            track = self._tracks[case.device, case.origin]
            track.now, track.began_s = run, self._clock.monotonic_s()

    def ended(self, record: RunRecord) -> None:
        with self._lock:
            case = self._cases[record.case_id]
            track = self._tracks.get((case.device, case.origin))
            expected_s = self._expected_s(case)  # before this run's own median is known
            self._count(record)
            if track is None or track.waiting.pop(record.sequence, None) is None:
                return
            track.done += 1
            track.failed += isinstance(record.outcome, Failure)
            track.state = record.after or record.before or track.state
            if track.now is not None and track.now.sequence == record.sequence:
                track.took_s += self._clock.monotonic_s() - track.began_s
                track.expected_s += expected_s
                track.now = None

    def view(self) -> View:
        with self._lock:
            targets = tuple(self._target(*key, track) for key, track in self._tracks.items())
            latest = tuple(
                self._latest_of(case_id, failure)
                for case_id, failure in reversed(self._latest.items())
            )
        attached = [t.left_s for t in targets if t.origin in (Origin.DEVICE, Origin.EMULATED)]
        others = [t.left_s for t in targets if t.origin not in (Origin.DEVICE, Origin.EMULATED)]
        return View(
            targets=targets,
            latest=latest,
            done=sum(target.done for target in targets),
            total=sum(target.total for target in targets),
            left_s=max(attached, default=0.0) + sum(others),
        )

    def _count(self, record: RunRecord) -> None:
        self._counts[record.case_id] += 1
        self._latest.pop(record.case_id, None)
        outcome = record.outcome
        self._latest[record.case_id] = outcome if isinstance(outcome, Failure) else None
        if (p50_us := median_us_of(outcome)) is not None:
            self._medians.setdefault(record.case_id, []).append(p50_us)

    def _expected_s(self, case: Case) -> float:
        medians = self._medians.get(case.case_id)
        return estimate_run_s(self._plan, case, median(medians) if medians else 0)

    def _target(self, device: str, origin: Origin, track: _Track) -> Target:
        # How much longer than expected runs have taken here: starting costs, waits for cool skin.
        pace = track.took_s / track.expected_s if track.expected_s else 1.0
        waiting = Counter(run.case_id for run in track.waiting.values())
        left_s, now_s = 0.0, 0.0
        if track.now is not None:
            now_s = self._clock.monotonic_s() - track.began_s
            waiting[track.now.case_id] -= 1
            left_s = max(pace * self._expected_s(self._cases[track.now.case_id]) - now_s, 0.0)
        for case_id, count in waiting.items():
            left_s += count * pace * self._expected_s(self._cases[case_id])
        return Target(
            device=device,
            origin=origin,
            done=track.done,
            total=track.done + len(track.waiting),
            failed=track.failed,
            state=track.state,
            now=track.now,
            now_s=now_s,
            left_s=left_s,
        )

    def _latest_of(self, case_id: str, failure: Failure | None) -> Latest:
        medians = self._medians.get(case_id, [])
        return Latest(
            case=self._cases[case_id],
            done=self._counts[case_id],
            total=self._planned[case_id],
            last_us=medians[-1] if medians and failure is None else None,
            p50_us=median(medians) if medians else None,
            failure=failure,
        )


class _Track:
    """Of one device: the runs that are still to do, by sequence, and how long others took."""

    def __init__(self) -> None:
        self.waiting: dict[int, PlannedRun] = {}
        self.done = self.failed = 0
        self.now: PlannedRun | None = None
        self.began_s = self.took_s = self.expected_s = 0.0
        self.state: DeviceState | None = None


def median_us_of(outcome: Outcome) -> float | None:
    """Of one run, measured or predicted; None: it failed, or told no median."""
    if isinstance(outcome, Failure):
        return None
    if isinstance(outcome, Prediction):
        return outcome.p50_us
    if isinstance(outcome.invokes, InvokeSamples):
        return median(outcome.invokes.latencies_us) if outcome.invokes.latencies_us else None
    return outcome.invokes.p50_us
