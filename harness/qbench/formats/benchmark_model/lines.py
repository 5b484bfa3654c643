"""From captured streams to messages: prefixes taken off, lines that were glued taken apart.

The tool's lines reach us in many coats: bare (TF 1.x .. 2.9), with `INFO: ` and the like (later
builds and the runtime's own lines), through logcat in any of its formats, with CRLF from an old
adb shell, with colours, and with two streams interleaved so that one line ends in the middle of
another. Every step here is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# Where a message of the tool or of the runtime can begin, when a newline before it was lost.
_ANCHORS = (
    "INFO: ",
    "WARN: ",
    "WARNING: ",
    "ERROR: ",
    "FATAL: ",
    "VERBOSE: ",
    "STARTING!",
    "Running benchmark for ",
    "Inference timings in us: ",
    "Average inference timings in us: ",
    "Initialized session in ",
    "The input model file size",
    "Memory footprint delta from",
    "Peak memory footprint (MB)",
    "Overall peak memory footprint",
    "Note: as the benchmark tool",
    "Explicitly applied ",
    "Though ",
    "Replacing ",
    "Created TensorFlow Lite ",
    "Initialized TensorFlow Lite ",
    "Benchmarking failed.",
    "Unconsumed cmdline flags",
    "Profiling Info for Benchmark Init",
    "Operator-wise Profiling Info",
    "============================== ",
    "count=",
)
_MOST_PIECES = 1000  # of one line; more is no log
# Lines that repeat the user's own words: whatever stands in them is no message of the tool.
_QUOTING = (
    "Loaded model ",
    "Unconsumed cmdline flags",
    "Failed to ",
    "Could not open ",
    "Tensor # ",
    "Using signature",
)
_ECHO = re.compile(r"[#\w][^\[\]:]{0,120}: \[")

# Not "Timings (microseconds): count=...", which belongs to a profile.
_COUNT = re.compile(r"(?<!\): )count=\d{1,18} (?:first|curr|p5)=")

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|[()][0-9A-B])")
_EMPTY = re.compile(r"\n\n+")
_OWN_PREFIX = re.compile(r"(VERBOSE|DEBUG|INFO|WARNING|WARN|ERROR|FATAL): ?")
_SOURCE = re.compile(r"\[[^\]\s]{1,200}:\d{1,6}\] ?")  # LITERT_LOG's file and line

_DATE = r"(?:(?:\d{4}-)?\d\d-\d\d {1,4})?\d\d:\d\d:\d\d\.\d{3,9}(?: {1,4}[+-]\d{4})? {1,4}"
_LEVEL = "(?P<level>[VDIWEFAS])"
_TAG = r"(?P<tag>[^:]{0,128}?) {0,32}"
_DATED = tuple(
    re.compile(_DATE + pattern, re.DOTALL)
    for pattern in (
        # threadtime, with or without uid
        r"(?:[a-z0-9_]{1,32} {1,16})?(?P<pid>\d{1,9}) {1,16}\d{1,9} {1,4}"
        rf"{_LEVEL} {_TAG}: ?(?P<text>.*)",
        # time
        rf"{_LEVEL}/{_TAG}\( {{0,16}}(?P<pid>\d{{1,9}})\): ?(?P<text>.*)",
        # Android Studio, old and new
        rf"(?P<pid>\d{{1,9}})-\d{{1,9}}/\S{{1,128}} {_LEVEL}/{_TAG}: ?(?P<text>.*)",
        r"(?P<pid>\d{1,9})-\d{1,9} {1,16}(?P<tag>\S{1,64}) {1,64}\S{1,128} {1,64}"
        rf"{_LEVEL}  (?P<text>.*)",
    )
)
# brief (also what liblog prints to stderr when there is no log daemon), tag, thread
_UNDATED = tuple(
    re.compile(_LEVEL + pattern, re.DOTALL)
    for pattern in (
        r"/(?P<tag>[^(:]{0,128}?) {0,32}\( {0,16}(?P<pid>\d{1,9})\): ?(?P<text>.*)",
        rf"/{_TAG}: ?(?P<text>.*)",
        r"\( {0,16}(?P<pid>\d{1,9})(?:: {0,16}(?:0x)?[0-9a-f]{1,9})?\) (?P<text>.*)",
    )
)
# Lines of logcat itself: the head of a message in the long format, and dividers.
_LOGCAT_LONG = re.compile(
    rf"\[ {_DATE}\d{{1,9}}: {{0,16}}\d{{1,9}} [VDIWEFAS]/[^\]]{{0,128}}\]\s{{0,9}}"
)
_DIVIDERS = ("--------- beginning of", "--------- switch to")
_LETTERS = {
    "V": "VERBOSE",
    "D": "DEBUG",
    "I": "INFO",
    "W": "WARN",
    "E": "ERROR",
    "F": "FATAL",
    "A": "FATAL",
    "S": "INFO",
}


class Line(NamedTuple):
    """One message. `text` is without prefixes, `raw` as it stood.

    `own_prefix`: the level was part of the message (`INFO: `), not logcat's. `cut`: the line went
    on with another message before its own end of line. `first`: it began a line of the stream.
    """

    text: str
    raw: str
    level: str | None = None
    own_prefix: bool = False
    logcat: bool = False
    pid: str | None = None
    cut: bool = False
    first: bool = True


def read_lines(stream: str) -> Iterator[Line]:
    """The messages of one stream, in order; blank lines are left out."""
    if "\x1b" in stream:
        stream = _ANSI.sub("", stream)
    stream = _EMPTY.sub("\n", stream.replace("\r", "\n").replace("\x00", ""))
    anchors = tuple(anchor for anchor in _ANCHORS if anchor in stream)
    start, size = 0, len(stream)
    while start < size:
        end = stream.find("\n", start)
        if end < 0:
            end = size
        raw = stream[start:end]
        start = end + 1
        if raw and not raw.isspace():
            yield from _messages(raw, anchors)


def _messages(raw: str, anchors: tuple[str, ...]) -> Iterator[Line]:
    line = _coat_off(raw)
    if line is None or line.text.isspace() or not line.text:
        return
    pieces = _apart(line.text, anchors)
    head = pieces[0]
    if len(pieces) == 1:
        yield line
        return
    yield line._replace(text=head, raw=raw[: len(raw) - len(line.text) + len(head)], cut=True)
    for number, piece in enumerate(pieces[1:], start=2):
        inner = _own_prefix_off(piece, line._replace(raw=piece))
        yield inner._replace(cut=number < len(pieces), first=False)


def _coat_off(raw: str) -> Line | None:
    """None for logcat's own lines, which carry no message."""
    if raw.startswith(_DIVIDERS) or (raw[0] == "[" and _LOGCAT_LONG.fullmatch(raw)):
        return None
    line = Line(raw, raw)
    for _ in range(2):  # an app that passes on what liblog wrote to stderr
        text = line.text
        patterns = _DATED if text[:1].isdecimal() else _UNDATED if text[1:2] in ("/", "(") else ()
        found = next((m for m in (p.match(text) for p in patterns) if m), None)
        if found is None:
            break
        got = found.groupdict()
        level, pid = _LETTERS[got["level"]], line.pid or got.get("pid")
        line = Line(got["text"], raw, level, logcat=True, pid=pid)
    return _own_prefix_off(line.text, line)


def _own_prefix_off(text: str, line: Line) -> Line:
    level, own = line.level, False
    for _ in range(3):  # unbuffered writers leave two prefixes in a row
        found = _OWN_PREFIX.match(text)
        if not found:
            break
        level, own, text = found[1], True, text[found.end() :]
        if level == "WARNING":
            level = "WARN"
    if own:
        source = _SOURCE.match(text)
        if source:
            text = text[source.end() :]
    return line._replace(text=text, level=level, own_prefix=own)


def _apart(text: str, anchors: tuple[str, ...]) -> list[str]:
    if text.startswith(_QUOTING) or (text.rstrip().endswith("]") and _ECHO.match(text)):
        return [text]
    starts: set[int] = set()
    for anchor in anchors:
        at = text.find(anchor, 1)
        while at > 0 and len(starts) < _MOST_PIECES:
            if anchor != "count=" or _COUNT.match(text, at):
                starts.add(at)
            at = text.find(anchor, at + 1)
    if not starts:
        return [text]
    pieces, begin = [], 0
    for at in sorted(starts):
        between = text[begin:at]
        if not between.strip() or _OWN_PREFIX.fullmatch(between):
            continue  # a prefix belongs to what follows it
        pieces.append(between)
        begin = at
    pieces.append(text[begin:])
    return pieces
