"""The JSON report over one or several sessions, and its schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from qbench.records import SessionInfo
from qbench.report.flat import CaseRow

# History of the printed object:
#   1  first form
SCHEMA_VERSION: Literal[1] = 1


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What `qbench report --format json` prints. All latencies are integer microseconds; absent
    values are null, never 0."""

    schema_version: Literal[1]
    made_at: str
    qbench_version: str
    sessions: list[SessionInfo]
    results: list[CaseRow]


def render(
    made_at: str, version: str, sessions: Sequence[SessionInfo], rows: Sequence[CaseRow]
) -> str:
    body = Document(
        schema_version=SCHEMA_VERSION,
        made_at=made_at,
        qbench_version=version,
        sessions=list(sessions),
        results=list(rows),
    )
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the object."""
    return msgspec.json.schema(Document)
