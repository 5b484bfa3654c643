"""Faults at given times, from YAML: a list of `{at_s: 1.5, fault: reboot, value: 3}`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from qbench.errors import InputError
from qbench.virtual.catalogue import request_for


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at_s: float
    fault: str
    value: float | None = None


def load_schedule(path: Path) -> list[tuple[float, str, dict[str, Any]]]:
    """(seconds from now, request, its arguments), by time.

    Raises InputError that names the file and the entry.
    """
    import yaml

    try:
        entries = msgspec.convert(yaml.safe_load(path.read_text()), list[_Entry])
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: {error}", hint="a list of {at_s: SECONDS, fault: NAME, value: NUMBER}"
        ) from None
    found = []
    for entry in sorted(entries, key=lambda entry: entry.at_s):
        if entry.at_s < 0:
            raise InputError(f"{path}: {entry.fault}: at_s {entry.at_s:g} is in the past")
        try:
            op, arguments = request_for(entry.fault, entry.value)
        except InputError as error:
            raise InputError(f"{path}: at_s {entry.at_s:g}: {error}", hint=error.hint) from None
        found.append((entry.at_s, op, arguments))
    return found
