"""What the host that made a session's jobs knows of them, left on the device beside the list.

A host that comes later collects by it, and need not ask the device again in the middle of a
measurement, nor have the tool and the models.
"""

from __future__ import annotations

import msgspec

from qbench.errors import RunnerOutputError
from qbench.records import Asked, Failure, Taint


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`asked` by the job's name; `failures` of runs that never became a job."""

    tool: str
    tool_sha256: str
    taints: tuple[Taint, ...]
    asked: dict[str, Asked]
    failures: dict[str, Failure]


def render(note: Note) -> bytes:
    return msgspec.json.encode(note)


def read(data: bytes) -> Note:
    """Raises RunnerOutputError for what is no note of this version."""
    try:
        return msgspec.json.decode(data, type=Note)
    except msgspec.MsgspecError as error:
        raise RunnerOutputError(
            f"session on the device: its note cannot be read: {error}"
        ) from None
