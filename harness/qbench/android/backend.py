"""An Android device as a backend.

The device gets the whole list of runs at the start and works through it alone; `run` only
collects. So a pulled cable or a dead host costs nothing that the device can do by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from qbench import errors
from qbench.adb.transport import Transport
from qbench.android import command, identity, note, preflight, preparation, raw, state
from qbench.android.joblist import Job, JobList
from qbench.android.link import Link, Notify, Reconnect
from qbench.android.lock import DeviceLock, Turn
from qbench.android.options import Options
from qbench.android.question import Question
from qbench.android.runner import BASE, Runner
from qbench.android.session import DeviceSession, quietly
from qbench.android.workload import FileCache, Workload
from qbench.clock import Clock
from qbench.formats import failure_of
from qbench.formats.runner import Contact, Snapshot, read_report
from qbench.records import (
    Asked,
    Case,
    DeviceInfo,
    DeviceState,
    Failure,
    Origin,
    PlannedRun,
    RawOutput,
    Taint,
)

# Each run's own report tells these at both of its ends, so they are not said of all runs.
_OF_RUNS = frozenset({Taint.LOW_BATTERY, Taint.CHARGING, Taint.THERMAL, Taint.SCREEN_ON})


class AndroidBackend:
    """Backend of one attached device.

    `runs` are what it will be asked to `run`, in that order; a case that is not among them is run
    by itself. `session` names them on the device: a host that is started again with the same
    name and the runs that are left finds what was done meanwhile. `reconnect` waits for a lost
    device. A case in `questions` (by its id) is not timed but answers: qbench.formats.answers.
    """

    def __init__(
        self,
        transport: Transport,
        cache: FileCache,
        *,
        clock: Clock,
        reconnect: Reconnect,
        session: str,
        runs: Sequence[tuple[PlannedRun, Case]] = (),
        options: Options | None = None,
        notify: Notify = lambda _: None,
        base: str = BASE,
        lock_folder: Path | None = None,
        questions: Mapping[str, Question] | None = None,
    ) -> None:
        self._transport = transport
        self._cache = cache
        self._clock = clock
        self._options = options or Options()
        self._notify = notify
        self._base = base
        self._lock_folder = lock_folder
        self._questions = questions or {}
        self._name = hashlib.sha256(session.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._runner = Runner(transport, base=base)
        self._link = Link(
            transport.serial,
            reconnect,
            clock,
            patience_s=self._options.patience_s,
            notify=notify,
        )
        self._waiting = [(f"{run.sequence:04d}", case) for run, case in runs]
        self._unplanned = 0
        self._collected: dict[str, RawOutput] = {}
        self._states: dict[str, tuple[DeviceState, DeviceState]] = {}
        self._last: DeviceState | None = None
        self._session: DeviceSession | None = None
        self._turn: Turn | None = None

    # What it is.

    @cached_property
    def _identity(self) -> identity.Identity:
        return self._link.through(lambda: identity.read_identity(self._transport))

    @property
    def origin(self) -> Origin:
        """`device`, or `emulated` when the device says that it is qbench's virtual one."""
        return self._identity.info.origin

    def describe(self) -> DeviceInfo:
        return self._identity.info

    @cached_property
    def _workload(self) -> Workload:
        return Workload(
            self._transport,
            self._cache,
            self._link,
            self._identity,
            self._options,
            base=self._base,
            programs=self._runner.folder,
            questions=self._questions,
        )

    # Entering and leaving.

    def __enter__(self) -> Self:
        """Take the device, put back what an earlier session left, and start the runs.

        Raises DeviceError (refused taints among them), InputError for a tool that is not there,
        CommandTimeoutError when the device stays another's.
        """
        lock = DeviceLock(self._identity.lock_name, self._clock, folder=self._lock_folder)
        turn = Turn(lock, self._options, self._clock, self._notify, self._transport.serial)
        turn.take()
        self._turn = turn
        try:
            contact = self._link.through(self._runner.contact)
            self._check(contact)
            if self._waiting:
                self._session = self._new_session(self._name, self._waiting)
                self._session.begin(contact)
            elif self._options.is_strict:
                self._admitted(self._link.through(self._runner.state))
        except BaseException:
            self._session = None
            turn.release()
            self._turn = None
            raise
        return self

    def _check(self, contact: Contact) -> None:
        for name in contact.not_restored:
            self._notify(f"device {self._transport.serial}: {name} could not be put back")
        if contact.busy not in (None, self._name):
            raise errors.CommandTimeoutError(
                f"device {self._transport.serial}: session {contact.busy} of another qbench runs "
                "on it",
                hint="wait for it to end, or end it: qbench devices restore",
                serial=self._transport.serial,
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the device as it was. After an error its results stay on it, to be collected."""
        try:
            if self._session is not None:
                if error is None and not self._waiting:
                    self._session.finish()
                elif not isinstance(error, errors.DisconnectedError):
                    quietly(self._session.abort)
        finally:
            self._session = None
            if self._turn is not None:
                self._turn.release()
                self._turn = None

    # Running.

    def settle(self) -> DeviceState:
        """The state before the next run. The device waits by itself until it is cool, so this
        waits for that run, which `run` then has at once."""
        if self._waiting and self._session is not None:
            name, case = self._waiting[0]
            self._collect(self._session, name, case)
            if name in self._states:
                return self._states[name][0]
        return self._look()

    def state(self) -> DeviceState:
        """The state after the last run that was collected; without one, of now."""
        return self._last or self._look()

    def run(self, case: Case) -> RawOutput:
        names = [name for name, _ in self._waiting]
        name = next((n for n, waiting in self._waiting if waiting.case_id == case.case_id), None)
        if name is None or self._session is None:
            return self._run_alone(case)
        output = self._collect(self._session, name, case)
        # Runs come in the order of the plan: those before this one have been given up.
        del self._waiting[: names.index(name) + 1]
        self._last = self._states[name][1] if name in self._states else None
        return output

    def _run_alone(self, case: Case) -> RawOutput:
        """A run that was not announced: a session of its own."""
        self._unplanned += 1
        name = f"x{self._unplanned}"
        session = self._new_session(f"{self._name}-{name}", [(name, case)])
        try:
            session.begin(self._link.through(self._runner.contact))
            output = self._collect(session, name, case)
        except BaseException:
            quietly(session.abort)
            raise
        session.finish()
        self._last = self._states[name][1] if name in self._states else None
        return output

    def _collect(self, session: DeviceSession, name: str, case: Case) -> RawOutput:
        if name not in self._collected:
            known = session.note
            if name in known.failures:
                output = raw.failed_output(known.failures[name], note=known, origin=self.origin)
            else:
                try:
                    output = self._read(session, name, case)
                except errors.RunnerError as error:  # deadly to its runner, or not understood
                    failure = failure_of(error)
                    output = raw.failed_output(failure, note=known, origin=self.origin)
            self._collected[name] = output
        return self._collected[name]

    def _read(self, session: DeviceSession, name: str, case: Case) -> RawOutput:
        result = session.result(name)
        report = read_report(result.report)
        prepared = session.prepared
        self._states[name] = (
            state.state_of(report.before, prepared),
            state.state_of(report.after, prepared),
        )
        return raw.raw_output(
            case, result, report, note=session.note, prepared=prepared, origin=self.origin
        )

    def _look(self) -> DeviceState:
        return state.state_of(self._link.through(self._runner.state))

    # Making sessions.

    def _new_session(self, name: str, runs: Sequence[tuple[str, Case]]) -> DeviceSession:
        assert self._turn is not None, "the backend is entered"
        longest_s = max(case.timeout_s for _, case in runs)
        return DeviceSession(
            name,
            [job for job, _ in runs],
            make=lambda left: self._make([(n, c) for n, c in runs if n in left]),
            runner=self._runner,
            transport=self._transport,
            link=self._link,
            clock=self._clock,
            turn=self._turn,
            notify=self._notify,
            longest_job_s=longest_s + self._options.cool_most_s + self._options.cool_least_s,
        )

    def _make(self, runs: Sequence[tuple[str, Case]]) -> tuple[JobList, note.Note]:
        """Look at the device, put on it what the runs need, and write down what they are."""
        snapshot = self._link.through(self._runner.state)
        taints = self._admitted(snapshot)
        tool = self._workload.tool
        jobs: list[Job] = []
        asked: dict[str, Asked] = {}
        failures: dict[str, Failure] = {}
        for name, case in runs:
            try:
                job, route = self._workload.job(name, case, snapshot)
            except (errors.InputError, errors.NotDelegatedError) as error:
                failures[name] = failure_of(error)
                continue
            jobs.append(job)
            allowed = self._options.is_fallback_allowed
            asked[name] = command.asked(
                case, route, allow_fallback=allowed, is_app=self._options.is_app
            )
        job_list = preparation.job_list(
            jobs, snapshot, self._options, api_level=self._identity.info.api_level
        )
        known = note.Note(
            tool=tool.title,
            tool_sha256=tool.sha256,
            taints=taints,
            asked=asked,
            failures=failures,
        )
        return job_list, known

    def _admitted(self, snapshot: Snapshot) -> tuple[Taint, ...]:
        found = preflight.findings(
            identity.with_cores(self._identity, snapshot),
            snapshot,
            is_stale=bool(self._workload.tool.is_stale),
            may_lock=self._options.locks_clocks,
        )
        admitted = preflight.admit(
            found,
            is_strict=self._options.is_strict,
            accepted=self._options.accepted,
            serial=self._transport.serial,
        )
        return tuple(taint for taint in admitted if taint not in _OF_RUNS)
