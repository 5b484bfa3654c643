"""Sessions as a commit has them: read from git's objects, whatever is checked out."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from qbench.clock import SystemClock
from qbench.errors import StoreError
from qbench.host import process
from qbench.store import Session

_TIMEOUT_S = 60.0
_LIMIT_BYTES = 256 << 20
_FILES = ("session.json", "plan.json", "runs.jsonl")  # raw output is not needed to compare


def checkout(ref: str, path: str, into: Path) -> tuple[Session, str, str]:
    """The session at `path` (or the newest one in it) as `ref` has it: a copy under `into`, its
    path in the repository, and the commit. `path` is relative to the current folder.

    Raises StoreError when there is no git, no such commit, or no session.
    """
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    sha = commit.decode().strip()
    if not sha:
        raise StoreError(
            f"git: {ref!r} is no commit of the repository in {Path.cwd()}",
            hint="write git:REF:FOLDER, for instance git:main:results/nightly",
        )
    folder = PurePosixPath(os.path.normpath(path)).as_posix()
    listed = _git("ls-tree", "-r", "-z", "--name-only", sha, "--", folder).decode()
    plans = [name for name in listed.split("\0") if PurePosixPath(name).name == "plan.json"]
    depth = 0 if folder == "." else len(PurePosixPath(folder).parts)
    inside = sorted(n for n in plans if len(PurePosixPath(n).parts) - depth in (1, 2))
    if not inside:
        raise StoreError(
            f"git: commit {sha[:12]} has no session in {path}",
            hint="results/ is ignored by git; sessions that are to be compared have to be "
            "committed (git add --force)",
        )
    found = str(PurePosixPath(inside[-1]).parent)
    copy = into / f"{sha[:12]}-{PurePosixPath(found).name}"
    copy.mkdir(parents=True, exist_ok=True)
    there = set(listed.split("\0"))
    for name in _FILES:
        if (member := f"{found}/{name}") in there:
            (copy / name).write_bytes(_git("show", f"{sha}:./{member}"))
    return Session(copy), found, sha


def _git(*words: str) -> bytes:
    """What git prints; nothing where it fails."""
    try:
        ended = process.run(
            ("git", *words),
            request=b"",
            environment=os.environ,
            clock=SystemClock(),
            timeout_s=_TIMEOUT_S,
            stdout_limit_bytes=_LIMIT_BYTES,
            stderr_limit_bytes=1 << 20,
        )
    except OSError as error:
        raise StoreError(f"git: cannot be started: {error}", hint="install git") from error
    return ended.stdout if ended.exit_code == 0 else b""
