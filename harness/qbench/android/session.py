"""One list of jobs on the device, from its start to its last result, whatever happens between."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import msgspec

from qbench.adb.transport import Transport
from qbench.android.joblist import JobList
from qbench.android.link import Link, Notify
from qbench.android.note import Note
from qbench.android.runner import Runner
from qbench.clock import Clock
from qbench.errors import (
    CommandTimeoutError,
    DeviceError,
    DeviceStorageError,
    RunnerCrashedError,
)
from qbench.formats.runner import Contact, Prepared, ResultFile, SessionState, Waited

_WAIT_S = 5  # one question's worth: a host that is asked to stop does not hang much longer
_BOOT_S = 300.0
_BOOT_POLL_S = 1.0
_ASK_S = 10.0
_SLACK_S = 120.0  # beyond a job's own deadlines, before its runner counts as stuck
_END_S = 60.0
_DEATHS = 2  # of the runner or the device during one job
_LEAST_FREE_BYTES = 1_000_000  # below it even results find no room


class Turn(Protocol):
    """The device's lock, so far as a session has to give way."""

    def is_due(self) -> bool: ...
    def give_way(self) -> None:
        """Let the other have the device, and wait until it is ours again."""
        ...


Make = Callable[[Collection[str]], tuple[JobList, Note]]
"""Of some of the session's jobs: the list, and the note that goes with it. Looks at the device."""


class DeviceSession:
    """`name` is the session's folder on the device; a host that comes later finds it by that.

    `longest_job_s`: with its cooling and its deadline no job takes longer.
    """

    def __init__(
        self,
        name: str,
        jobs: Sequence[str],
        *,
        make: Make,
        runner: Runner,
        transport: Transport,
        link: Link,
        clock: Clock,
        turn: Turn,
        notify: Notify,
        longest_job_s: float,
    ) -> None:
        self.name = name
        self._left = list(jobs)
        self._make = make
        self._runner = runner
        self._transport = transport
        self._link = link
        self._clock = clock
        self._turn = turn
        self._notify = notify
        self._stuck_s = longest_job_s + _SLACK_S
        self._deaths: dict[str, int] = {}
        self._given_up: dict[str, str] = {}
        self._prepared: Prepared | None = None
        self._note: Note | None = None
        self._is_yielding = False

    def begin(self, contact: Contact) -> None:
        """Start it; or join it when it runs already; or nothing, when all of it is done.

        Raises DeviceError, InputError, and what `make` raises.
        """
        known = any(session.name == self.name for session in contact.sessions)
        if known:
            self._note = self._link.through(lambda: self._runner.note(self.name))
        if contact.busy == self.name and self._note is not None:
            self._notify(f"device {self._transport.serial}: it is still at work; joining")
            return
        done = self._link.through(lambda: self._runner.done(self.name)) if known else frozenset()
        self._start(done)

    @property
    def note(self) -> Note:
        assert self._note is not None, "the session has begun"
        return self._note

    def result(self, job: str) -> ResultFile:
        """Wait for a job's result.

        Raises RunnerCrashedError when the device or its runner dies with it again and again,
        DeviceError when the device cannot go on, RunnerOutputError for a damaged result.
        """
        self._raise_if_given_up(job)
        seen: SessionState | None = None
        since_s = self._clock.monotonic_s()
        while True:
            waited = self._link.through(lambda: self._runner.wait(self.name, job, _WAIT_S))
            if waited.outcome == "result":
                found = self._link.through(lambda: self._runner.result(self.name, job))
                self._left.remove(job)
                if self._left and not self._is_yielding and self._turn.is_due():
                    self._is_yielding = True
                    self._link.through(lambda: self._runner.end_early(self.name))
                return found
            if waited.outcome == "gone":
                self._go_on(waited, job)
                continue
            if waited.session != seen:
                seen, since_s = waited.session, self._clock.monotonic_s()
            if self._clock.monotonic_s() - since_s > self._stuck_s:
                raise CommandTimeoutError(
                    f"device {self._transport.serial}: its runner has not moved for "
                    f"{self._stuck_s:.0f} s",
                    hint="qbench devices restore ends it and puts the device back",
                    serial=self._transport.serial,
                )

    @property
    def prepared(self) -> Prepared:
        """What of the settings the device took; known once there is a result."""
        if self._prepared is None:
            self._prepared = self._link.through(lambda: self._runner.prepared(self.name))
        return self._prepared

    def finish(self) -> None:
        """After the last result: wait until the device is put back, then remove its traces."""
        end_s = self._clock.monotonic_s() + _END_S
        while self._clock.monotonic_s() < end_s:
            waited = self._link.through(lambda: self._runner.wait(self.name, "none", _WAIT_S))
            if waited.outcome == "gone":
                self._tell_restored(waited.session)
                self._link.through(lambda: self._runner.forget(self.name))
                return
        self.abort()

    def abort(self) -> None:
        """End it now; the device is put back, and its results stay for a later host."""
        self._tell_contact(self._runner.stop())

    def _start(self, done: Collection[str]) -> None:
        """Give the device the jobs that have no result yet, and the note of all."""
        wanted = [job for job in self._left if job not in done or job not in self._asked()]
        if not wanted and self._note is not None:
            return
        jobs, note = self._make(wanted)
        if self._note is not None:  # of what was done before
            note = msgspec.structs.replace(
                note,
                asked=self._note.asked | note.asked,
                failures=self._note.failures | note.failures,
            )

        def start() -> None:
            # A runner that a lost connection kept us from seeing is there already.
            if self._runner.contact().busy != self.name:
                self._runner.give(self.name, jobs, note)
                self._runner.start(self.name)

        self._note = note
        self._prepared = None
        if jobs.jobs:
            self._link.through(start)

    def _asked(self) -> Collection[str]:
        return self._note.asked if self._note is not None else ()

    def _go_on(self, waited: Waited, job: str) -> None:
        """Nobody works on the list any more and the result is not there: find out why, put the
        device back, start again."""
        state = waited.session
        reason = (state.reason or "") if state is not None and state.phase == "ended" else ""
        if reason.startswith("yielded"):
            self._tell_restored(state)
            self._turn.give_way()
            self._is_yielding = False
            self._again()
            return
        serial = self._transport.serial
        said = reason or "; ".join(waited.log) or "no reason told"
        if reason.startswith(("refused", "stopped")):
            raise DeviceError(f"device {serial}: the session was {reason}", serial=serial)
        self._link.through(self._wait_until_booted)
        contact = self._link.through(self._runner.contact)
        self._tell_contact(contact)
        if contact.free_bytes is not None and contact.free_bytes < _LEAST_FREE_BYTES:
            raise DeviceStorageError(
                f"device {serial}: {said}; {contact.free_bytes} bytes are free",
                hint="make room on the device: qbench devices clean",
                serial=serial,
            )
        self._bury(state.job if state is not None and state.job else job, said)
        self._raise_if_given_up(job)
        self._notify(f"device {serial}: its runner died ({said}); starting again")
        self._again()

    def _bury(self, job: str, said: str) -> None:
        """Count a death in a job; one that is deadly again and again is left out."""
        self._deaths[job] = self._deaths.get(job, 0) + 1
        if self._deaths[job] >= _DEATHS and job in self._left:
            self._left.remove(job)
            self._given_up[job] = said

    def _raise_if_given_up(self, job: str) -> None:
        if job in self._given_up:
            raise RunnerCrashedError(
                f"device {self._transport.serial}: it restarted, or its runner died, {_DEATHS} "
                f"times in this run: {self._given_up[job]}",
                hint="a device that restarts while a model runs has to be looked at: adb logcat",
            )

    def _again(self) -> None:
        self._start(self._link.through(lambda: self._runner.done(self.name)))

    def _wait_until_booted(self) -> None:
        """Services answer only when Android has started; until then settings cannot be put back.
        A device that never says so has to do without."""
        end_s = self._clock.monotonic_s() + _BOOT_S
        while self._clock.monotonic_s() < end_s:
            answer = self._transport.run(["getprop", "sys.boot_completed"], timeout_s=_ASK_S)
            if answer.text.strip() == "1":
                return
            self._clock.sleep_s(_BOOT_POLL_S)

    def _tell_contact(self, contact: Contact) -> None:
        for name in contact.not_restored:
            self._notify(_not_restored(self._transport.serial, name))
        self._tell_restored(next((s for s in contact.sessions if s.name == self.name), None))

    def _tell_restored(self, state: SessionState | None) -> None:
        if state is not None and state.is_restored is False:
            self._notify(_not_restored(self._transport.serial, "some of its settings"))


def _not_restored(serial: str, what: str) -> str:
    return (
        f"device {serial}: {what} could not be put back; qbench devices restore tries again, and "
        "restarting the device resets its clocks"
    )


def quietly(action: Callable[[], object]) -> None:
    """Clean up behind an error that matters more."""
    with contextlib.suppress(DeviceError):
        action()
