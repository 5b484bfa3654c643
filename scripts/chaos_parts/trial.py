"""One trial: a virtual device, `qbench run` on it, something going wrong, and what must hold."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from scripts.chaos_parts.matrix import DONE, IN_PART, LOST, MATRIX, Trouble

from fakes.desk import Desk, inside, left_behind, settings_of
from qbench import stats
from qbench.errors import DeviceError, QBenchError
from qbench.execute import missing
from qbench.records import (
    Failure,
    InvokeAggregate,
    Measurement,
    Origin,
    Prediction,
    RunRecord,
    Taint,
)
from qbench.store import Session
from qbench.virtual import instances
from qbench.virtual.catalogue import request_for

DEADLINE_S = 100.0  # of one command; the patience below and the longest silence are less than half
_PATIENCE_S = 12
_RESTORED_S = 15.0
_STRIKE_S = 10.0
_DELEGATES = ("nnapi", "gpu", "cpu")
_FAST_RATIO, _CLEAN_RATIO, _FREE_RATIO = 0.8, 1.6, 20.0  # of the simulator's number


class Outcome(NamedTuple):
    """`wrong`: the promises that were broken. `codes`: of the commands, in order."""

    fault: str
    version: str
    number: int
    wrong: tuple[str, ...]
    codes: tuple[int | None, ...]
    is_restored_by_hand: bool
    duration_s: float
    story: str


class Trial:
    """`span_s`: how long a run takes with nothing wrong, from which the moment is drawn."""

    def __init__(self, desk: Desk, fault: str, number: int, seed: int, span_s: float) -> None:
        self._desk = desk
        self._fault = fault
        self._trouble: Trouble = MATRIX[fault]
        self._number = number
        self._random = Random(f"{seed}/{fault}/{number}")
        self._span_s = span_s
        self._serial = f"{fault}-{desk.folder.name}-{number}"
        self._out = desk.folder / "out" / f"{fault}-{number}"
        self._wrong: list[str] = []
        self._codes: list[int | None] = []
        self._story: list[str] = []
        self._struck_s: float | None = None
        self._cured_s: float | None = None
        self._by_hand = False

    def perform(self) -> Outcome:
        start_s = time.monotonic()
        try:
            settings: dict[str, Any] = {
                "data_bytes": 64 * 1024**2,
                "time_scale": 0.0,
                **self._trouble.settings,
            }
            with self._desk.phone(self._serial, **settings) as phone:
                self._address = phone.address
                self._before = settings_of(self._serial)
                self._run_into_trouble()
                self._afterwards()
        except (QBenchError, OSError, subprocess.TimeoutExpired) as error:
            self._wrong.append(f"{type(error).__name__}: {error}"[:300])
        return Outcome(
            self._fault,
            self._desk.folder.name,
            self._number,
            tuple(self._wrong),
            tuple(self._codes),
            self._by_hand,
            time.monotonic() - start_s,
            "\n".join(self._story),
        )

    # What happens.

    def _run_into_trouble(self) -> None:
        trouble = self._trouble
        value = trouble.value(self._random)
        moment_s = self._random.uniform(0, self._span_s)
        # Of what lasts, one trial in four has it from the start.
        is_before = trouble.is_set_before or (
            trouble.codes == {DONE, IN_PART} and self._random.random() < 0.25
        )
        is_cured = bool(trouble.cure) and self._random.random() < 0.5
        cured_after_s = self._random.uniform(0.2, 4)
        self._tell(f"value {value}, moment {'before' if is_before else f'{moment_s:.2f} s'}")
        self._is_from_start = is_before
        end = threading.Event()

        def happen() -> None:
            if not is_before and end.wait(moment_s):
                return
            self._strike(value)
            if is_cured and not end.wait(cured_after_s):
                self._tell("cured")
                self._cure()

        if is_before:
            self._strike(value)
        striker = threading.Thread(target=happen) if not is_before or is_cured else None
        if striker is not None and not is_before:
            striker.start()
        try:
            self._command(*self._first_command())
        finally:
            end.set()
            if striker is not None and striker.ident is not None:
                striker.join()

    def _first_command(self) -> tuple[str, ...]:
        if self._trouble.timeout_s is not None:
            return ("resume", str(self._copy_of_control(self._trouble.timeout_s)))
        delegates = [word for name in _DELEGATES for word in ("--delegate", name)]
        return (
            *("run", "smallcnn", "--precision", "int8", "--device", "sd865"),
            *("--serial", self._address, *delegates, "--repetitions", "1", "--rest", "0"),
            *("--patience", str(_PATIENCE_S), "--out", str(self._out), *self._trouble.options),
        )

    def _copy_of_control(self, timeout_s: int) -> Path:
        """The session of the control trial, unperformed, of this device and with that timeout."""
        (source,) = (self._desk.folder / "out" / "none-0").iterdir()
        folder = self._out / source.name
        folder.mkdir(parents=True)
        plan = json.loads((source / "plan.json").read_text())
        for case in plan["cases"]:
            case["timeout_s"] = timeout_s
        (folder / "plan.json").write_text(json.dumps(plan))
        info = json.loads((source / "session.json").read_text())
        info["session_id"] = self._serial
        for device in info["devices"]:
            if device["origin"] == "emulated":
                device["serial"] = self._address
        (folder / "session.json").write_text(json.dumps(info))
        return folder

    def _command(self, *arguments: str) -> int | None:
        try:
            ran = self._desk.qbench(*arguments, timeout_s=DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._wrong.append(f"{arguments[0]}: not ended in {DEADLINE_S:.0f} s")
            self._codes.append(None)
            return None
        self._codes.append(ran.returncode)
        self._tell(f"qbench {arguments[0]}: exit code {ran.returncode}\n{ran.stderr.strip()}")
        if ran.returncode not in (DONE, LOST, IN_PART) or "Traceback" in ran.stderr:
            last = ran.stderr.strip().splitlines()[-2:]
            self._wrong.append(f"{arguments[0]}: exit code {ran.returncode}: {last}")
        return ran.returncode

    def _strike(self, value: float | None) -> None:
        self._struck_s = _uptime_s()
        for fault in self._trouble.faults:
            self._ask(fault, value if fault == self._trouble.faults[0] else None)
        self._tell(f"{self._fault} struck")

    def _cure(self) -> None:
        for cure in self._trouble.cure:
            self._ask(cure, None)
        self._cured_s = _uptime_s()

    def _ask(self, fault: str, value: float | None) -> None:
        """Linux makes a disk read-only when no file is open for writing: tried until then."""
        end_s = time.monotonic() + _STRIKE_S
        while True:
            try:
                if fault == "kill":
                    instances.kill(self._serial)
                else:
                    op, arguments = request_for(fault, value)
                    instances.ask(self._serial, op, **arguments)
            except DeviceError as error:
                if "busy" in str(error) and time.monotonic() < end_s:
                    time.sleep(0.005)
                    continue
                self._wrong.append(f"the fault could not be made: {error}")
            return

    # What must hold.

    def _afterwards(self) -> None:
        code = self._codes[-1]
        if code is not None and code not in self._trouble.codes:
            self._wrong.append(f"exit code {code} where {sorted(self._trouble.codes)} are right")
        session = self._session()
        if code == DONE and session is None:
            self._wrong.append("exit code 0 without a session")
        if session is not None and code is not None:
            self._check_code(session, code)
        if self._trouble.is_deadly:
            self._after_death(session)
            return
        self._cure()
        if code == LOST and session is not None:
            self._resume(session)
        if session is not None:
            self._check_records(session)
        self._check_device(is_ours_to_wait=code == LOST)

    def _session(self) -> Session | None:
        found = sorted(self._out.glob("*/plan.json"))
        return Session.find(found[0].parent) if found else None

    def _check_code(self, session: Session, code: int) -> None:
        records = session.records()
        left = missing(session.plan(), records)
        failed = [r for r in records if isinstance(r.outcome, Failure)]
        right = LOST if left else IN_PART if failed else DONE
        if code != right:
            self._wrong.append(
                f"exit code {code}, but {len(left)} runs are left and {len(failed)} failed"
            )

    def _resume(self, session: Session) -> None:
        """What the device did and what the session had is there once, and as it was."""
        had = {r.sequence: r for r in session.records()}
        done = self._results_on_device()
        code = self._command("resume", str(session.folder))
        if code is None:
            return
        allowed = {DONE} | (self._trouble.codes & {IN_PART})
        if code not in allowed:
            self._wrong.append(f"resume: exit code {code}")
        now = {r.sequence: r for r in session.records()}
        changed = [number for number, record in had.items() if now.get(number) != record]
        if changed:
            self._wrong.append(f"resume changed the records of runs {changed}")
        for raw in session.raw_runs():
            started = _started(raw.raw.report or "")
            if raw.sequence in done and raw.sequence not in had and started != done[raw.sequence]:
                self._wrong.append(f"run {raw.sequence} was finished on the device, and lost")

    def _results_on_device(self) -> dict[int, str | None]:
        found: dict[int, str | None] = {}
        with contextlib.suppress(OSError, DeviceError):
            base = inside(self._serial) / "data/local/tmp/qbench/sessions"
            for path in base.glob("*/results/[0-9]*"):
                if path.name.isdigit():
                    found[int(path.name)] = _started(path.read_bytes().decode("latin-1"))
        return found

    def _check_records(self, session: Session) -> None:
        plan, records = session.plan(), session.records()
        numbers = [record.sequence for record in records]
        if len(set(numbers)) != len(numbers):
            self._wrong.append(f"runs recorded twice: {numbers}")
        left = missing(plan, records)
        if left and self._codes[-1] in (DONE, IN_PART):
            self._wrong.append(f"{len(left)} runs were lost")
        cases = {case.case_id: case for case in plan.cases}
        expected = {
            cases[r.case_id].delegate: r.outcome.p50_us
            for r in records
            if isinstance(r.outcome, Prediction)
        }
        reports = {raw.sequence: raw.raw.report or "" for raw in session.raw_runs()}
        derived = {s.case.case_id: set(s.taints) for s in stats.summarize(plan.cases, records)}
        for record in records:
            if record.origin is not Origin.EMULATED:
                continue
            delegate = cases[record.case_id].delegate
            if isinstance(record.outcome, Failure):
                self._check_failure(record)
            elif isinstance(record.outcome, Measurement):
                truth_us = expected.get(delegate) if delegate != "cpu" else None
                self._check_number(record, record.outcome, truth_us, derived[record.case_id])
                self._check_taint(record, record.outcome, reports[record.sequence])
        self._check_all_failed(records, cases)

    def _check_failure(self, record: RunRecord) -> None:
        assert isinstance(record.outcome, Failure)
        if record.outcome.error not in self._trouble.failures:
            self._wrong.append(
                f"{record.case_id} failed: {record.outcome.error}: {record.outcome.message}"[:300]
            )

    def _check_all_failed(self, records: list[RunRecord], cases: dict[str, Any]) -> None:
        """A tool that is broken from the start gives no number at all."""
        if not self._trouble.failures or not self._is_from_start:
            return
        touched = {"delegate-refused": ("nnapi", "gpu"), "nnapi-reference-only": ("nnapi",)}
        delegates = touched.get(self._fault.removeprefix("tool-"), _DELEGATES)
        for record in records:
            is_number = isinstance(record.outcome, Measurement)
            is_touched = cases[record.case_id].delegate in delegates
            if record.origin is Origin.EMULATED and is_number and is_touched:
                self._wrong.append(f"{record.case_id}: a number out of a broken run")

    def _check_number(
        self,
        record: RunRecord,
        measured: Measurement,
        truth_us: int | None,
        taints: set[Taint],
    ) -> None:
        """`taints`: those of the case, with what the statistics found."""
        invokes = measured.invokes
        p50_us = invokes.p50_us if isinstance(invokes, InvokeAggregate) else None
        if p50_us is None or p50_us <= 0:
            self._wrong.append(f"{record.case_id}: p50 {p50_us}")
            return
        if truth_us is None:  # of this machine's processor: only its order is known
            if not 50 < p50_us < 1_000_000:
                self._wrong.append(f"{record.case_id}: p50 {p50_us} us on the CPU")
            return
        # A wait on a busy machine ends late, and the record says so; less time there never is.
        highest = _FREE_RATIO if taints & {Taint.CONTENDED, Taint.THERMAL} else _CLEAN_RATIO
        if not _FAST_RATIO <= p50_us / truth_us <= highest:
            self._wrong.append(
                f"{record.case_id}: p50 {p50_us} us where {truth_us} is right, "
                f"taints {sorted(taints)}"
            )

    def _check_taint(self, record: RunRecord, measured: Measurement, report: str) -> None:
        taint = self._trouble.taint
        started, ended = (_field(report, name) for name in ("started", "ended"))
        if taint is None or self._struck_s is None or started is None or ended is None:
            return
        if self._fault == "heat":  # what starts later has waited until it was cool
            is_touched = started < self._struck_s < ended - 0.3
        else:
            is_touched = ended > self._struck_s + 0.3
        if is_touched and taint not in measured.taints:
            self._wrong.append(f"{record.case_id}: no {taint.value} taint")
        if ended < self._struck_s - 0.5 and taint in measured.taints:
            self._wrong.append(f"{record.case_id}: {taint.value} before it happened")

    def _check_device(self, *, is_ours_to_wait: bool) -> None:
        """As it was, to the byte. A device that lost its host needs a moment to do it alone."""
        end_s = time.monotonic() + (_RESTORED_S if is_ours_to_wait else 0.0)
        if self._fault == "reboot":
            end_s = time.monotonic() + _RESTORED_S  # it may have come after the last run
        while (found := self._difference()) and time.monotonic() < end_s:
            time.sleep(0.2)
        if not found:
            return
        self._by_hand = True
        code = self._command("devices", "restore", "--serial", self._address)
        if code != DONE:
            self._wrong.append(f"devices restore: exit code {code}")
        if found := [line for line in self._difference() if "sessions/" not in line]:
            self._wrong.append(f"not restored: {found}")
        elif not is_ours_to_wait and self._fault != "reboot":
            self._wrong.append("restored by hand only, after a run that qbench saw to its end")

    def _difference(self) -> list[str]:
        after = settings_of(self._serial)
        names = after.keys() | self._before.keys()
        if self._fault == "throttle":
            names = {name for name in names if "scaling_max_freq" not in name}
        changed = sorted(n for n in names if after.get(n) != self._before.get(n))
        changed = [f"{n}: {self._before.get(n)!r} -> {after.get(n)!r}" for n in changed]
        return [*changed, *left_behind(self._serial)]

    def _after_death(self, session: Session | None) -> None:
        """The session is whole and says that its device is gone; another device is no trouble."""
        if session is not None and self._codes[-1] == LOST:
            had = session.records()
            code = self._command("resume", str(session.folder), "--json")
            if code != LOST:
                self._wrong.append(f"resume without the device: exit code {code}")
            if session.records()[: len(had)] != had:
                self._wrong.append("records changed")

    def _tell(self, text: str) -> None:
        self._story.append(text)


def keep_or_remove(desk: Desk, outcome: Outcome) -> None:
    """The sessions of good trials are not needed any more, but for the control's."""
    if not outcome.wrong and outcome.fault != "none":
        shutil.rmtree(desk.folder / "out" / f"{outcome.fault}-{outcome.number}", True)


def _uptime_s() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


def _started(report: str) -> str | None:
    found = re.search(r"^started (\S+)$", report, re.MULTILINE)
    return found[1] if found else None


def _field(report: str, name: str) -> float | None:
    found = re.search(rf"^{name} (\S+)$", report, re.MULTILINE)
    return float(found[1]) if found else None
