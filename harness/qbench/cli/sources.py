"""What BASELINE and CANDIDATE of a comparison mean.

SESSION            a session's folder, or the newest session in a folder
SESSION:GLOB       those of its cases whose id fits, such as  results/x:*-t1@host
:GLOB              (candidate) other cases of the baseline's sessions
A,B,C  or  'X/*'   several sessions, with :GLOB for all of them
git:REF:FOLDER     the newest session in FOLDER as that commit has it, with :GLOB as well
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from qbench.cli import git_results
from qbench.errors import StoreError
from qbench.records import Case
from qbench.report.comparison import SideInfo
from qbench.store import Session


class Source(msgspec.Struct, frozen=True):
    sessions: tuple[Session, ...]
    pattern: str
    info: SideInfo

    def cases(self) -> tuple[Case, ...]:
        """The cases of all sessions whose id fits, each id once. Raises StoreError for none."""
        plans = [session.plan() for session in self.sessions]
        every = {case.case_id: case for plan in plans for case in plan.cases}
        found = tuple(c for c in every.values() if fnmatchcase(c.case_id, self.pattern))
        if not found:
            some = ", ".join(list(every)[:3])
            raise StoreError(
                f"{self.info.asked}: no case fits {self.pattern!r}", hint=f"cases are: {some} ..."
            )
        return found


def find(asked: str, scratch: Path, *, other: Source | None = None) -> Source:
    """`scratch` receives what is read from git; `other` is what `:GLOB` refers to."""
    if asked.startswith("git:"):
        return _from_git(asked, scratch)
    path, pattern = _split(asked)
    if not path and other is not None:
        info = msgspec.structs.replace(other.info, asked=asked)
        return Source(other.sessions, pattern, info)
    sessions = _sessions(path)
    names = tuple(str(session.folder) for session in sessions)
    return Source(sessions, pattern, SideInfo(asked=asked, sessions=names))


def _from_git(asked: str, scratch: Path) -> Source:
    parts = asked.split(":", 3)
    if len(parts) < 3 or not parts[1] or not parts[2]:
        raise StoreError(
            f"{asked}: not of the form git:REF:FOLDER", hint="git:main:results/nightly"
        )
    pattern = parts[3] if len(parts) == 4 else "*"
    session, folder, commit = git_results.checkout(parts[1], parts[2], scratch)
    return Source((session,), pattern, SideInfo(asked=asked, sessions=(folder,), commit=commit))


def _split(asked: str) -> tuple[str, str]:
    if ":" not in asked or Path(asked).exists():
        return asked, "*"
    path, _, pattern = asked.rpartition(":")
    return path, pattern or "*"


def _sessions(path: str) -> tuple[Session, ...]:
    found: list[Session] = []
    for part in [path] if Path(path).exists() else path.split(","):
        found += [Session.find(Path(name)) for name in _expanded(part)]
    ids = [session.info().session_id for session in found]
    twice = {str(s.folder) for s, i in zip(found, ids, strict=True) if ids.count(i) > 1}
    if twice:
        raise StoreError(f"the same session twice: {', '.join(sorted(twice))}")
    return tuple(found)


def _expanded(part: str) -> Sequence[str]:
    """A pattern that the shell left alone means the sessions that fit it."""
    if Path(part).exists() or not any(sign in part for sign in "*?["):
        return [part]
    anchor = Path(part).anchor
    named = Path(anchor).glob(part.removeprefix(anchor))
    fitting = sorted(str(n) for n in named if (n / "plan.json").is_file())
    if not fitting:
        raise StoreError(f"{part}: no session fits this pattern")
    return fitting
