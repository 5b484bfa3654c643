"""One pass over a log: every line goes to the reader that knows it, or to the unknown lines."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from qbench.formats.benchmark_model import known, litert
from qbench.formats.benchmark_model import memory as memory_lines
from qbench.formats.benchmark_model.delegates import DelegateFacts
from qbench.formats.benchmark_model.generations import Fingerprint
from qbench.formats.benchmark_model.lines import Line, read_lines
from qbench.formats.benchmark_model.profiles import ProfileReader
from qbench.formats.benchmark_model.report import KEPT_UNKNOWN_LINES, MemoryUse, OpRow
from qbench.formats.benchmark_model.timings import (
    KEY_PREFIXES,
    Count,
    Running,
    Session,
    Summary,
    read_count,
    read_running,
    read_session,
    read_summary,
)

_ECHO = re.compile(r"(?P<name>[#\w][^\[\]:]{0,120}?) ?: \[(?P<value>.*)\]\s{0,9}", re.DOTALL)
_SENTENCES = ("Replacing ", "Explicitly applied ", "Applied ", "Though ", "Created ")
_JOINABLE = (*KEY_PREFIXES, *memory_lines.PREFIXES, *_SENTENCES)
_LOGCAT = re.compile(r"^(?:[VDIWEFAS][/(]|(?:\d{4}-)?\d\d-\d\d +\d\d:|\d\d:\d\d:\d\d\.|\[ )", re.M)
_CREATED = " delegate created."
_PROVIDERS = ("GPU", "NNAPI", "Hexagon", "XNNPACK", "YNNPACK", "EXTERNAL", "COREML")
_UNCONSUMED = "Unconsumed cmdline flags"
_LOOK_AHEAD = 8  # lines of the other stream that may stand inside a cut one
_KEPT = 200
_LONGEST = 2000  # of a line that is kept
_PROTO = re.compile(r" {0,80}(?:\w{1,80} \{|\}|\w{1,80}: .{0,4000})\s{0,9}")
_PROTO_HEADS = ("init_profile {", "runtime_profile {", "model_name:", "model_profile {")


@dataclass
class Scan:
    """All that a log holds, sorted, not yet judged."""

    counts: list[Count] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    runnings: list[Running] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)  # lines that should hold a time and do not
    memory: MemoryUse = field(default_factory=MemoryUse)
    echo: dict[str, str] = field(default_factory=dict)
    unconsumed: list[str] = field(default_factory=list)
    delegates: DelegateFacts = field(default_factory=DelegateFacts)
    rows: list[OpRow] = field(default_factory=list)
    rows_whole: bool = True
    litert: litert.BlockReader = field(default_factory=litert.BlockReader)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    trouble: list[str] = field(default_factory=list)
    failed_invokes: list[str] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)
    gave_up: str | None = None  # "Benchmarking failed."
    warnings: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unknown_count: int = 0
    last: str | None = None
    pids: set[str] = field(default_factory=set)  # of the processes that logcat saw measure

    def add_unknown(self, line: Line) -> None:
        self.unknown_count += 1
        if len(self.unknown) < KEPT_UNKNOWN_LINES:
            self.unknown.append(line.raw.rstrip()[:_LONGEST])


def scan(stdout: str, stderr: str) -> Scan:
    """Read both streams; either may hold everything, or both the same."""
    found = Scan()
    streams = [stdout] if stdout == stderr else [stdout, stderr]
    sources: list[Iterable[Line]] = [_whole(read_lines(stream)) for stream in streams]
    if any(_LOGCAT.search(stream) for stream in streams):
        sources = _heard_once([list(source) for source in sources], found)
    for source in sources:
        reader = _StreamReader(found)
        for line in source:
            reader.take(line)
        found.rows += reader.profile.rows
        found.rows_whole &= reader.profile.whole and not reader.profile.unfinished
    return found


def _heard_once(sources: list[list[Line]], found: Scan) -> list[Iterable[Line]]:
    """An Android build writes each message to logcat too: what the console holds counts once.

    Of logcat only the process of the run is listened to, where that can be told.
    """
    lines = [line for source in sources for line in source]
    console = Counter(line.text for line in lines if not line.logcat)
    pids = {line.pid for line in lines if line.logcat and line.text.startswith(KEY_PREFIXES)}
    own = pids.pop() if len(pids) == 1 else None
    kept: list[Iterable[Line]] = []
    for source in sources:
        heard = []
        for line in source:
            if line.logcat and own is not None and line.pid not in (own, None):
                found.add_unknown(line)
            elif line.logcat and console[line.text] > 0:
                console[line.text] -= 1
            else:
                heard.append(line)
        kept.append(heard)
    return kept


def _whole(lines: Iterator[Line]) -> Iterator[Line]:
    """Put lines together again that a line of another stream had cut in two."""
    window: deque[Line] = deque()
    for line in lines:
        window.append(line)
        if len(window) > _LOOK_AHEAD:
            yield _joined(window)
    while window:
        yield _joined(window)


def _joined(window: deque[Line]) -> Line:
    head = window.popleft()
    if not head.cut and (not head.text.startswith(_JOINABLE) or _is_whole(head.text)):
        return head
    alone = _makes_sense(head.text)
    for at, tail in enumerate(window):
        if tail.own_prefix or not tail.first or tail.logcat != head.logcat:
            continue
        if len(head.text) + len(tail.text) > _LONGEST or _makes_sense(tail.text):
            continue
        text = head.text + tail.text
        if _is_whole(text) or (head.cut and not alone and _makes_sense(text)):
            del window[at]
            return head._replace(text=text, raw=head.raw + tail.raw, cut=False)
    return head


def _makes_sense(text: str) -> bool:
    """Whether a line can stand alone, as far as can be told without its context."""
    if text.startswith(_JOINABLE):
        return _is_whole(text)
    if text.startswith("\t"):
        return text.count("\t") >= 7 and text.rstrip()[-1:] != "\t"
    if text.endswith(_CREATED):
        return text.removesuffix(_CREATED) in _PROVIDERS
    return _ECHO.fullmatch(text) is not None or known.is_quiet(text) or known.is_noise(text)


def _is_whole(text: str) -> bool:
    if len(text) > _LONGEST:
        return False
    if text.startswith("count="):
        return read_count(text) is not None
    if text.startswith(KEY_PREFIXES):
        return any(read(text) is not None for read in (read_summary, read_session, read_running))
    if text.startswith(memory_lines.PREFIXES):
        return memory_lines.read_memory(text, MemoryUse()) is not None
    if text.startswith(_SENTENCES):
        return DelegateFacts().take(Line(text, text))
    return False


class _StreamReader:
    """The state of one stream: inside a table, a dump, a usage text, or outside of all."""

    def __init__(self, found: Scan) -> None:
        self._found = found
        self.profile = ProfileReader()
        self._in_state = False
        self._in_usage = False
        self._proto_depth = 0

    def take(self, line: Line) -> None:
        found, text = self._found, line.text
        found.fingerprint.see_line(line)
        if not self._understood(line, text):
            found.add_unknown(line)
        elif not known.is_noise(text):
            found.last = line.raw[:_LONGEST]

    def _understood(self, line: Line, text: str) -> bool:
        found = self._found
        if text.startswith(KEY_PREFIXES):
            self._time(line, text)
            return True
        if text.startswith(_UNCONSUMED):
            found.unconsumed.append(line.raw[:_LONGEST])
            return True
        if text.startswith(memory_lines.PREFIXES):
            self._memory(text)
            return True
        if known.is_failed_invoke(text):
            _keep(found.failed_invokes, line)
            return True
        if len(text) < _LONGEST and found.delegates.take(line):
            if _may_be_trouble(line) and known.is_trouble(text):
                _keep(found.trouble, line)
            return True
        echo = _ECHO.fullmatch(text)
        if echo:
            name = echo["name"].strip().lower()
            found.echo.setdefault(name, echo["value"][:_LONGEST])
            found.fingerprint.see_echo(name)
            return True
        if self._state_border(text):
            return True
        if found.litert.take(text):
            found.fingerprint.litert_model = True
            return True
        if self.profile.take(text):
            return True
        if self._trouble(line, text) or known.is_quiet(text) or known.is_noise(text):
            return True
        return self._section(line, text)

    def _time(self, line: Line, text: str) -> None:
        found = self._found
        if line.logcat and line.pid:
            found.pids.add(line.pid)
        if len(text) > _LONGEST:
            _keep(found.damaged, line)
        elif (count := read_count(text)) is not None:
            found.counts.append(count)
            found.fingerprint.see(count)
        elif (summary := read_summary(text)) is not None:
            found.summaries.append(summary)
            found.fingerprint.see(summary)
            if summary.memory is not None:
                self._memory(summary.memory)
        elif (session := read_session(text)) is not None:
            found.sessions.append(session)
        elif (running := read_running(text)) is not None:
            found.runnings.append(running)
            found.fingerprint.see(running)
        else:
            _keep(found.damaged, line)

    def _memory(self, text: str) -> None:
        found = self._found
        read = memory_lines.read_memory(text, found.memory) if len(text) < _LONGEST else None
        if read is None:
            _keep(found.damaged, Line(text, text))
            return
        found.memory = read
        found.fingerprint.see_memory(text)

    def _state_border(self, text: str) -> bool:
        if "Printing out TfLite interpreter" not in text[:60]:
            return False
        self._in_state = "begins" in text
        if self._in_state:
            self._found.delegates.begin_state()
        return True

    def _section(self, line: Line, text: str) -> bool:
        """Texts of many lines, of which the first alone has a prefix."""
        if line.own_prefix and not text.startswith(_PROTO_HEADS):
            return False
        if self._in_state and len(text) < _LONGEST:
            self._found.delegates.take_state(text)
            return True
        proto = self._proto_depth > 0 or text.startswith(_PROTO_HEADS)
        if proto and len(text) < _LONGEST and _PROTO.fullmatch(text):
            self._proto_depth += text.rstrip().endswith("{") - text.strip().startswith("}")
            return True
        return self._in_usage and text.startswith(("Flags:", "\t--"))

    def _trouble(self, line: Line, text: str) -> bool:
        found = self._found
        if known.is_death(text) or known.is_no_tool(text):
            _keep(found.deaths, line)
            return True
        if text.startswith("Benchmarking failed"):
            found.gave_up = line.raw.rstrip()
            return True
        if text.startswith(("usage: ", "Usage: ")):
            self._in_usage = True
            _keep(found.trouble, line)
            return True
        if line.level == "FATAL" and not line.logcat:
            _keep(found.deaths, line)
            return True
        trouble = _may_be_trouble(line) and known.is_trouble(text)
        if line.level == "ERROR" or trouble:
            _keep(found.trouble, line)
            return line.own_prefix or trouble
        if line.level == "WARN" and line.own_prefix and not known.is_noise(text):
            _keep(found.warnings, line)
            return True
        return False


def _may_be_trouble(line: Line) -> bool:
    """Not what the tool itself calls information."""
    return not (line.own_prefix and line.level in ("INFO", "VERBOSE", "DEBUG"))


def _keep(lines: list[str], line: Line) -> None:
    if len(lines) < _KEPT:
        lines.append(line.raw.rstrip()[:_LONGEST])
