"""Numbers and words as the runner writes them. What is not of that form is damage, and told."""

from __future__ import annotations

import re

from qbench.errors import RunnerOutputError

_COUNT = re.compile(r"[0-9]{1,18}")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_SECONDS = re.compile(r"[0-9]{1,12}\.[0-9]{1,6}")
_WORD = re.compile(r"[A-Za-z0-9_.@:+-]{1,64}")
_QUOTED = 120


def damaged(what: str, line: str) -> RunnerOutputError:
    return RunnerOutputError(f"android_runner: {what}: {line[:_QUOTED]!r}")


def count(text: str, line: str) -> int:
    """A number of things, >= 0."""
    if not _COUNT.fullmatch(text):
        raise damaged(f"{text[:20]!r} is no count", line)
    return int(text)


def whole(text: str, line: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise damaged(f"{text[:20]!r} is no whole number", line)
    return int(text)


def seconds(text: str, line: str) -> float:
    """Seconds since boot, as /proc/uptime prints them."""
    if not _SECONDS.fullmatch(text):
        raise damaged(f"{text[:20]!r} is no time", line)
    return float(text)


def word(text: str, line: str) -> str:
    if not _WORD.fullmatch(text):
        raise damaged(f"{text[:20]!r} is no word", line)
    return text


def yes_or_no(text: str, line: str) -> bool:
    if text not in ("yes", "no"):
        raise damaged(f"{text[:20]!r} is neither yes nor no", line)
    return text == "yes"
