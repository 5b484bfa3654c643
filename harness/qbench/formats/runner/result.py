"""A finished job's file, and the lines that the runner's verbs print."""

from __future__ import annotations

import re

import msgspec

from qbench.errors import RunnerVersionError
from qbench.formats.runner.lines import count, damaged, seconds, word, yes_or_no
from qbench.formats.runner.snapshot import Snapshot, read_snapshot
from qbench.formats.runner.telemetry import Sample, read_telemetry

PROTOCOL_VERSION = 1  # android_runner/runner.sh and PROTOCOL.md have the same
_PARTS = ("before", "after", "telemetry", "stdout", "stderr")
_HEAD = (
    "job",
    "status",
    "not_run",
    "timed_out",
    "is_cool",
    "cooled_ds",
    "started",
    "ended",
    "sizes",
)
_END = b"end\n"
_LONGEST_HEAD_BYTES = 2000


class ResultFile(msgspec.Struct, frozen=True):
    """`report` is all but the tool's streams: text, read by `read_report`."""

    job: str
    report: str
    stdout: bytes
    stderr: bytes


class JobReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the runner says of one job.

    `status` is the shell's: 128 + n when signal n ended the tool; None: it was not run, and
    `not_run` says why (`hot`, `battery 12`). `is_cool`: the device was as cool as was asked
    within the time given. `before` may have been taken right after the last job.
    """

    job: str
    status: int | None
    not_run: str | None
    is_timed_out: bool
    is_cool: bool
    cooled_s: float
    started_s: float
    ended_s: float
    before: Snapshot
    after: Snapshot
    samples: tuple[Sample, ...]


def split_result(data: bytes) -> ResultFile:
    """Take a result file apart. Raises RunnerOutputError for one that is not whole,
    RunnerVersionError for one of another version."""
    head, position = _head(data)
    sizes = [count(size, head["sizes"]) for size in head["sizes"].split(" ")]
    if len(sizes) != len(_PARTS):
        raise damaged("a result with other parts", head["sizes"])
    if position + sum(sizes) + len(_END) != len(data) or not data.endswith(_END):
        raise damaged(
            f"a result of {len(data)} bytes that should have {position + sum(sizes) + len(_END)}",
            head["sizes"],
        )
    parts: dict[str, bytes] = {}
    reported = position + sum(sizes[:3])
    for name, size in zip(_PARTS, sizes, strict=True):
        parts[name] = data[position : position + size]
        position += size
    return ResultFile(
        job=head["job"],
        report=data[:reported].decode("utf-8", "backslashreplace"),
        stdout=parts["stdout"],
        stderr=parts["stderr"],
    )


def _head(data: bytes) -> tuple[dict[str, str], int]:
    first, _, _ = data[:_LONGEST_HEAD_BYTES].partition(b"\n")
    _check_version(first.decode("ascii", "replace"), "qbench-result")
    position = len(first) + 1
    told: dict[str, str] = {}
    for key in _HEAD:
        end = data.find(b"\n", position, position + _LONGEST_HEAD_BYTES)
        line = data[position : max(end, position)].decode("ascii", "replace")
        name, _, value = line.partition(" ")
        if end < 0 or name != key or not value:
            raise damaged(f"a result without its line {key!r}", line)
        told[key] = value
        position = end + 1
    word(told["job"], told["job"])
    return told, position


def read_report(report: str) -> JobReport:
    """Understand a report. Raises RunnerOutputError, RunnerVersionError."""
    told, rest = _told(report)
    before, rest = _snapshot(rest)
    after, rest = _snapshot(rest)
    not_run = None if told["not_run"] == "no" else told["not_run"]
    status = None if told["status"] == "none" else count(told["status"], told["status"])
    if (status is None) == (not_run is None) or (status or 0) > 255:
        raise damaged("a job that neither ran nor did not", f"{told['status']}, {told['not_run']}")
    started_s = seconds(told["started"], told["started"])
    ended_s = seconds(told["ended"], told["ended"])
    if ended_s < started_s:
        raise damaged("a job that ended before it started", f"{started_s}, {ended_s}")
    return JobReport(
        job=word(told["job"], told["job"]),
        status=status,
        not_run=not_run,
        is_timed_out=yes_or_no(told["timed_out"], told["timed_out"]),
        is_cool=yes_or_no(told["is_cool"], told["is_cool"]),
        cooled_s=count(told["cooled_ds"], told["cooled_ds"]) / 10,
        started_s=started_s,
        ended_s=ended_s,
        before=before,
        after=after,
        samples=read_telemetry(rest),
    )


def read_watched(report: str) -> tuple[float, tuple[Sample, ...]]:
    """When the job started, and the telemetry alone: a tenth of the work where a thousand reports
    are drawn as one curve. Raises RunnerOutputError, RunnerVersionError."""
    told, rest = _told(report)
    for _ in ("before", "after"):
        rest = rest[_end_of_snapshot(rest) :]
    return seconds(told["started"], told["started"]), read_telemetry(rest)


def _told(report: str) -> tuple[dict[str, str], list[str]]:
    """The head's lines by name, and all lines after it."""
    lines = report.split("\n")
    _check_version(lines[0], "qbench-result")
    told = {}
    for key, line in zip(_HEAD, lines[1:], strict=False):
        name, _, value = line.partition(" ")
        if name != key or not value:
            raise damaged(f"a report without its line {key!r}", line)
        told[key] = value
    rest = lines[1 + len(_HEAD) :]
    if len(told) < len(_HEAD) or not rest:
        raise damaged("a report that is cut", lines[-1])
    # The watcher is stopped in the middle of whatever it does: a last line without its end goes.
    rest.pop()
    return told, rest


def _snapshot(lines: list[str]) -> tuple[Snapshot, list[str]]:
    end = _end_of_snapshot(lines)
    return read_snapshot(lines[:end]), lines[end:]


def _end_of_snapshot(lines: list[str]) -> int:
    if "end" not in lines:
        raise damaged("a report without a snapshot", lines[-1] if lines else "")
    return lines.index("end") + 1


def _check_version(line: str, kind: str) -> None:
    found = re.fullmatch(rf"{kind} ([0-9]{{1,9}})", line)
    if not found:
        raise damaged(f"not a {kind}", line)
    if int(found[1]) != PROTOCOL_VERSION:
        raise RunnerVersionError(
            f"android_runner: a result of protocol version {found[1]}, and this is "
            f"{PROTOCOL_VERSION}",
            hint="it was made by another version of qbench: collect it with that one",
        )


def read_state(text: str) -> Snapshot:
    """What the verb `state` prints. Raises RunnerOutputError."""
    lines = text.split("\n")
    if lines.pop() != "":
        raise damaged("a snapshot whose last line is cut", text[-80:])
    return read_snapshot(lines)


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """A session on the device. `phase`: unknown, preparing, cooling, running, ended.

    Of an ended one, `reason` begins with done, yielded, stopped, refused or failed, and
    `is_restored` says whether the device is as it was; None: not told.
    """

    name: str
    phase: str
    job: str | None = None
    reason: str | None = None
    is_restored: bool | None = None


_PHASES = ("unknown", "preparing", "cooling", "running", "ended")


def read_session(line: str) -> SessionState:
    """`session NAME PHASE ...`. Raises RunnerOutputError."""
    words = line.split(" ", 3)
    if len(words) < 3 or words[0] != "session" or words[2] not in _PHASES:
        raise damaged("no state of a session", line)
    name, phase = word(words[1], line), words[2]
    rest = words[3] if len(words) > 3 else ""
    if phase == "ended":
        restored, _, reason = rest.partition(" ")
        key, _, value = restored.partition("=")
        if key != "restored" or not reason:
            raise damaged("an end without its reason", line)
        return SessionState(
            name=name, phase=phase, reason=reason, is_restored=yes_or_no(value, line)
        )
    if phase in ("cooling", "running"):
        return SessionState(name=name, phase=phase, job=word(rest, line))
    return SessionState(name=name, phase=phase)


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """What the verbs `contact` and `stop` found and did.

    `busy`: the session that runs now. `restored` and `not_restored` name settings.
    """

    busy: str | None
    restored: tuple[str, ...]
    not_restored: tuple[str, ...]
    sessions: tuple[SessionState, ...]
    free_bytes: int | None


def read_contact(text: str) -> Contact:
    """Raises RunnerOutputError for a line that no runner prints."""
    busy: str | None = None
    free_bytes: int | None = None
    settings: dict[str, list[str]] = {"restored": [], "not-restored": []}
    sessions: list[SessionState] = []
    for line in text.splitlines():
        key, _, rest = line.partition(" ")
        match key:
            case "busy":
                busy = word(rest.partition(" ")[0], line)
            case "restored" | "not-restored":
                settings[key].append(rest)
            case "session":
                sessions.append(read_session(line))
            case "free_kb":
                free_bytes = count(rest, line) * 1024
            case _:
                raise damaged("an answer that means nothing", line)
    return Contact(
        busy=busy,
        restored=tuple(settings["restored"]),
        not_restored=tuple(settings["not-restored"]),
        sessions=tuple(sessions),
        free_bytes=free_bytes,
    )


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """`outcome`: result (it is there), running (not yet), gone (no runner works on it)."""

    outcome: str
    session: SessionState | None = None
    log: tuple[str, ...] = ()


def read_waited(text: str) -> Waited:
    """What the verb `wait` prints. Raises RunnerOutputError."""
    lines = text.splitlines()
    if not lines or lines[0] not in ("result", "running", "gone"):
        raise damaged("no answer to a wait", lines[0] if lines else "")
    session = None
    log = []
    for line in lines[1:]:
        if line.startswith("log "):
            log.append(line.removeprefix("log "))
        else:
            session = read_session(line)
    return Waited(outcome=lines[0], session=session, log=tuple(log))


class Prepared(msgspec.Struct, frozen=True):
    """Which settings the device took (`power fixed_performance`), and which not, and why."""

    taken: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def is_fixed_performance(self) -> bool:
        return "power fixed_performance" in self.taken

    @property
    def has_locked_governor(self) -> bool:
        return any(name.endswith("/scaling_governor") for name in self.taken)


def read_prepared(text: str) -> Prepared:
    """The session's file `prepared`. Raises RunnerOutputError."""
    found: dict[str, list[str]] = {"taken": [], "refused": []}
    for line in text.splitlines():
        key, _, rest = line.partition(" ")
        if key not in found or not rest:
            raise damaged("a line of preparation that means nothing", line)
        found[key].append(rest)
    return Prepared(tuple(found["taken"]), tuple(found["refused"]))
