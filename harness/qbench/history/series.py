"""The history of a case on one machine: a point per session, and the steps between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import groupby
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec

from qbench.errors import StoreError
from qbench.history.rows import tool_name
from qbench.stats.changes import Changes, change_points

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Of a series, the newest that change points are looked for in: their cost grows with the square.
WINDOW = 250
# A step is placed to within a few points; what else changed that near to it is named with it.
_NEAR = 2


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of the case in one session. `p50_us` None: none of them gave a number."""

    case_id: str
    machine: str | None
    device: str
    origin: str
    model: str
    session: str
    at: datetime | None
    model_path: str
    model_sha256: str
    system: str | None
    tool: str | None
    tool_sha256: str | None
    units: tuple[str, ...]
    p50_us: int | None
    low_us: float | None
    high_us: float | None
    runs: int
    failed_runs: int
    tier: str | None
    taints: tuple[str, ...]


class Step(msgspec.Struct, frozen=True):
    """From `points[at]` on latencies are `ratio` times those before. `differs`: what else is
    another one since about then: model, tool, system, units."""

    at: int
    ratio: float
    differs: tuple[str, ...]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Points oldest first. `changes` is about the newest WINDOW of those that have a number; None:
    there are too few for anything to be said. `steps` are its change points."""

    points: tuple[Point, ...]
    changes: Changes | None
    steps: tuple[Step, ...]

    @property
    def last(self) -> Point:
        return self.points[-1]

    @property
    def numbered(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.p50_us is not None)

    @property
    def change_ratio(self) -> float | None:
        """The last point over the last one before it that has a number."""
        numbered = self.numbered
        if self.last.p50_us is None or len(numbered) < 2:
            return None
        before = numbered[-2].p50_us
        return self.last.p50_us / before if before else None


_COLUMNS = {
    "case_id": "case_id",
    "machine": "machine",
    "device": "device",
    "origin": "origin",
    "model": "model",
    "session": "session",
    "at": "coalesce(case_at, created_at)",
    "model_path": "model_path",
    "model_sha256": "model_sha256",
    "system": "system",
    "tool": "tool",
    "tool_sha256": "tool_sha256",
    "units": "case_executed_by",
    "p50_us": "case_p50_us",
    "low_us": "case_low_us",
    "high_us": "case_high_us",
    "runs": "case_runs",
    "failed_runs": "case_failed_runs",
    "tier": "case_tier",
    "taints": "case_taints",
}
_PAGE = 5_000


def load(
    database: DuckDBPyConnection,
    *,
    pattern: str = "*",
    device: str | None = None,
    since: datetime | None = None,
) -> Iterator[Series]:
    """The series of the cases whose id fits `pattern` (a glob), by case and machine. `device`:
    on that device or machine only; `since`: only points from then on (UTC, naive).

    Cases of an A/A plan are left out: each is a half of one question. Raises StoreError when
    nothing fits.
    """
    conditions = ["case_run = 0", "arm IS NULL"]
    values: list[Any] = []
    if any(sign in pattern for sign in "*?["):
        if pattern != "*":
            conditions.append("case_id IN (SELECT unnest(?))")
            values.append(_fitting(database, pattern))
    else:
        conditions.append("case_id = ?")
        values.append(pattern)
    if device is not None:
        conditions.append("? IN (device, machine)")
        values.append(device)
    if since is not None:
        conditions.append("coalesce(case_at, created_at) >= ?")
        values.append(since)
    columns = ", ".join(f'{source} AS "{name}"' for name, source in _COLUMNS.items())
    rows = database.execute(
        f"SELECT {columns} FROM runs WHERE {' AND '.join(conditions)} "
        'ORDER BY case_id, machine, "at", session',
        values,
    )
    found = False
    for _, points in groupby(_points(rows), key=attrgetter("case_id", "machine")):
        found = True
        yield examined(tuple(points))
    if not found:
        raise _nothing(database, pattern, device, since)


def examined(points: Sequence[Point]) -> Series:
    """The points of one series, oldest first, with their steps."""
    places = [place for place, point in enumerate(points) if point.p50_us][-WINDOW:]
    changes = change_points([float(points[place].p50_us or 0) for place in places])
    steps = [
        Step(places[change.at], change.ratio, _differs(points, places, change.at))
        for change in (changes.changes if changes else ())
    ]
    return Series(points=tuple(points), changes=changes, steps=tuple(steps))


def differences(before: Point, after: Point) -> tuple[str, ...]:
    """In what two points differ beside their numbers. What is not known does not differ."""
    pairs = {
        "model": (before.model_sha256, after.model_sha256),
        "system": (before.system, after.system),
        "units": (before.units or None, after.units or None),
    }
    if tool_name(before.tool) == tool_name(after.tool):
        pairs["tool"] = (before.tool_sha256, after.tool_sha256)
    else:
        pairs["tool"] = (before.tool, after.tool)
    return tuple(name for name, (old, new) in pairs.items() if old and new and old != new)


def _differs(points: Sequence[Point], places: Sequence[int], at: int) -> tuple[str, ...]:
    before, after = places[max(at - 1 - _NEAR, 0)], places[min(at + _NEAR, len(places) - 1)]
    return differences(points[before], points[after])


def _points(rows: DuckDBPyConnection) -> Iterator[Point]:
    names = list(_COLUMNS)
    while page := rows.fetchmany(_PAGE):
        for row in page:
            told: dict[str, Any] = {
                # The same few texts stand in thousands of points.
                name: intern(value) if isinstance(value, str) else value
                for name, value in zip(names, row, strict=True)
            }
            lists = {name: tuple(map(intern, told[name] or ())) for name in ("units", "taints")}
            yield Point(**told | lists)


def _fitting(database: DuckDBPyConnection, pattern: str) -> list[str]:
    every = database.execute("SELECT DISTINCT case_id FROM runs WHERE case_run = 0").fetchall()
    return [each for (each,) in every if each == pattern or fnmatchcase(each, pattern)]


def _nothing(
    database: DuckDBPyConnection, pattern: str, device: str | None, since: datetime | None
) -> StoreError:
    asked = [f"case {pattern!r}"] if pattern != "*" else []
    asked += [f"device {device!r}"] if device else []
    asked += [f"since {since:%Y-%m-%d %H:%M} UTC"] if since else []
    some = database.execute(
        "SELECT DISTINCT case_id FROM runs WHERE case_run = 0 AND arm IS NULL ORDER BY 1 LIMIT 3"
    ).fetchall()
    names = ", ".join(case_id for (case_id,) in some)
    what = ", ".join(asked) or "any case"
    return StoreError(
        f"history: no run fits {what}", hint=f"cases are: {names} ..." if names else None
    )
