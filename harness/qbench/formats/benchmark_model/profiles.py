"""Op profile tables: tab-separated, CSV, with and without `[start]`, in any width.

From TensorFlow's stats_calculator.cc and profile_summary_formatter.cc. Only "Run Order" tables
become rows; "Top by ..." repeats them and "Summary by node type" adds them up. A damaged row is
no row: the caller keeps it among the unknown lines.
"""

from __future__ import annotations

import re

from qbench.formats.benchmark_model.memory import mib_to_bytes
from qbench.formats.benchmark_model.report import OpRow
from qbench.formats.benchmark_model.timings import NUMBER, number

_TITLE = re.compile(r"={10,60} (?P<title>[A-Z][A-Za-z ]{1,60}) ={10,60}\s{0,9}")
_GRAPH = re.compile(
    r"(?:Primary graph|Subgraph \(index: (?P<index>\d{1,9})[^\n]{0,400}?\))"
    r"(?: \(name: [^\n]{0,400}\))? (?:profile|summary):\s{0,9}"
)
_TIMINGS = re.compile(
    r"(?:Subgraph \(index: [^\n]{0,400}\) )?(?:Timings \(microseconds\)|Memory \(bytes\)): count="
)
_CLOSING = re.compile(
    r"(?:Number of nodes executed: (?P<executed>\d{1,9})|\d{1,9} nodes observed)\s{0,9}"
)
_NUMBER = re.compile(NUMBER)
_COUNT = re.compile(r"\d{1,18}")
_GAP = re.compile(r"\s{2,}|\t")  # a copied log often holds blanks in place of tabs
_LONGEST_ROW = 20_000

_COLUMNS = {
    "[node type]": "type",
    "node type": "type",
    "[start]": "start",
    "start": "start",
    "[first]": "first",
    "first": "first",
    "[avg ms]": "avg",
    "avg_ms": "avg",
    "[%]": "share",
    "%": "share",
    "[cdf%]": "cdf",
    "cdf%": "cdf",
    "[mem kb]": "mem",
    "mem kb": "mem",
    "[times called]": "times",
    "times called": "times",
    "[name]": "name",
    "name": "name",
}
_ROW_COLUMNS = ("type", "first", "avg", "share", "cdf", "mem", "times", "name")


class ProfileReader:
    """Reads the profile part of one stream, line by line."""

    def __init__(self) -> None:
        self.rows: list[OpRow] = []
        self.whole = True  # every table so far held as many rows as it said
        self._counted = 0
        self._open = False  # a profile has begun: its lines are ours
        self._init = False
        self._internal = False
        self._subgraph = 0
        self._title = ""
        self._columns: tuple[str, ...] = ()
        self._csv = False

    @property
    def unfinished(self) -> bool:
        """The log ends inside a table."""
        return self._counted != len(self.rows)

    def take(self, text: str) -> bool:
        """True if the line belongs to a profile (and was understood)."""
        if text.startswith(("Profiling Info for", "Operator-wise Profiling Info")):
            self._begin(init="Initialization" in text)
            return True
        if text.startswith("====="):
            return self._title_line(text)
        if text.startswith("Delegate internal:"):
            self._internal, self._columns, self._open = True, (), True
            return True
        if text.startswith(("Primary graph", "Subgraph (index")):
            return self._graph_line(text)
        if text.startswith(("Timings (micro", "Memory (bytes)")):
            self._columns = ()
            return _TIMINGS.match(text) is not None
        closing = _CLOSING.fullmatch(text)
        if closing:
            self._columns = ()
            if closing["executed"] is not None:
                self.whole &= int(closing["executed"]) == len(self.rows) - self._counted
                self._counted = len(self.rows)
            return True
        return self._open and len(text) < _LONGEST_ROW and self._table_line(text)

    def _begin(self, *, init: bool) -> None:
        self._open, self._init, self._internal = True, init, False
        self._subgraph, self._title, self._columns = 0, "", ()

    def _title_line(self, text: str) -> bool:
        found = _TITLE.fullmatch(text)
        if not found:
            return False
        # before TF 2.1 the profile had no heading of its own: its first table opens it
        self._open, self._title, self._columns = True, found["title"], ()
        return True

    def _graph_line(self, text: str) -> bool:
        found = _GRAPH.fullmatch(text)
        if found:
            self._open, self._subgraph = True, int(found["index"] or 0)
            self._internal, self._columns = False, ()
            return True
        return _TIMINGS.match(text) is not None

    def _table_line(self, text: str) -> bool:
        lowered = text.lower()
        if "node type" in lowered and "times called" in lowered:
            self._csv = "\t" not in text and ", " in text
            parts = text.split(", ") if self._csv else _GAP.split(text.strip())
            self._columns = tuple(_COLUMNS.get(p.strip().lower(), p) for p in parts)
            return True
        if not self._columns:
            return False
        if self._title == "Summary by node type":
            return text.count(", ") >= 6 if self._csv else len(_GAP.split(text.strip())) >= 7
        if self._title.startswith("Top by"):
            return self._row(text) is not None
        row = self._row(text)
        if row is None:
            return False
        self.rows.append(row)
        return True

    def _row(self, text: str) -> OpRow | None:
        columns = self._columns
        if not set(_ROW_COLUMNS) <= set(columns):
            return None
        if self._csv:  # the node type holds unescaped commas: count from the right
            parts = text.rsplit(", ", len(columns) - 1)
        else:
            parts = _GAP.split(text.strip(), maxsplit=len(columns) - 1)
            if "\t" in text:
                parts = text.lstrip("\t").split("\t", len(columns) - 1)
        if len(parts) != len(columns):
            return None
        cell = {name: part.strip() for name, part in zip(columns, parts, strict=True)}
        numbers = [cell["first"], cell["avg"], cell["mem"], cell.get("start", "0")]
        numbers += [cell[k].removesuffix("%") for k in ("share", "cdf")]
        if not all(_NUMBER.fullmatch(n) for n in numbers) or not _COUNT.fullmatch(cell["times"]):
            return None
        share = number(cell["share"].removesuffix("%"))
        mem_kib = number(cell["mem"])  # KiB, whatever the head says
        return OpRow(
            node_type=cell["type"],
            name=cell["name"],
            first_us=_us(cell["first"]),
            avg_us=_us(cell["avg"]),
            share_ratio=None if share is None else round(share / 100, 9),
            mem_bytes=None if mem_kib is None else mib_to_bytes(mem_kib / 1024),
            times_called=int(cell["times"]),
            start_us=_us(cell["start"]) if "start" in cell else None,
            subgraph=self._subgraph,
            internal=self._internal or cell["name"].startswith("Delegate/"),
            init=self._init,
        )


def _us(text: str) -> float | None:
    ms = number(text)
    return None if ms is None else round(ms * 1000, 6)
