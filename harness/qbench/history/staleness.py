"""Is the last number still about what is there now?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from qbench.history.rows import tool_name
from qbench.history.series import Point

if TYPE_CHECKING:
    from qbench.history.database import Database

FileSha = Callable[[str, datetime | None], str | None]


class Seen(msgspec.Struct, frozen=True):
    """A machine with a system and a tool, and when it was last seen with them."""

    origin: str
    machine: str | None
    device: str
    system: str | None
    tool: str | None
    tool_sha256: str | None
    at: datetime


def seen(database: Database, since: datetime | None) -> list[Seen]:
    """What each machine was seen with after `since`, newest first."""
    rows = database.connection.execute(
        "SELECT origin, machine, device, system, tool, tool_sha256, "
        f"max(coalesce(case_at, created_at)) AS last FROM ({database.select(since)}) "
        "WHERE case_run = 0 AND coalesce(case_at, created_at) > ? GROUP BY ALL ORDER BY last DESC",
        [since or datetime.min],  # noqa: DTZ901 - the table's times are naive UTC
    ).fetchall()
    return [Seen(*row) for row in rows]


def stale(last: Point, machines: Sequence[Seen], file_sha256: FileSha) -> tuple[str, ...]:
    """Why the number is stale, in words; empty: nothing speaks against it.

    The machine has been seen since with another system or another build of the same tool, or the
    model's file is another one now (`file_sha256(path, at)`: None if it is not there).
    """
    reasons = []
    now = file_sha256(last.model_path, last.at)
    if now is not None and now != last.model_sha256:
        reasons.append("the model file is another one now")
    here = (last.origin, last.machine, last.device if last.machine is None else None)
    later = [
        s
        for s in machines
        if (s.origin, s.machine, s.device if s.machine is None else None) == here
        and (last.at is None or s.at > last.at)
    ]
    system = next((s.system for s in later if s.system), None)
    if last.system and system and system != last.system:
        reasons.append(f"the system is {system} since")
    tools = [s for s in later if s.tool_sha256 and tool_name(s.tool) == tool_name(last.tool)]
    if last.tool_sha256 and tools and tools[0].tool_sha256 != last.tool_sha256:
        reasons.append(f"the tool is {tools[0].tool} since")
    return tuple(reasons)
