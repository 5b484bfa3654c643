"""SHA-256 of model files, remembered, since a hash reads every byte."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path

from qbench.modelfile.file import open_regular, same_content, unreadable

_PIECE_BYTES = 1 << 20
_MAX_ENTRIES = 512
_MAX_CACHE_BYTES = 1 << 20
# Two writes within one tick of the file system's clock leave one mtime (ext4: 10 ms, FAT: 2 s), so
# a file as young as this is not remembered. Git calls such an entry racy.
_RACY_NS = 2_000_000_000


def cache_file() -> Path:
    """Where hashes are remembered: $XDG_CACHE_HOME/qbench/sha256.json, or under ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~")) / ".cache"  # noqa: PTH111, PTH117
    return root / "qbench" / "sha256.json"


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hex.

    Remembered by absolute path, size and mtime; also by ctime and inode, since two builds of one
    size may have the same fixed mtime. A file that was written to while it was hashed is not
    remembered. Without a usable cache it just hashes. Raises ModelFileError when the file cannot
    be read.
    """
    descriptor, before = open_regular(path)
    try:
        key = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
        stamp = [before.st_size, before.st_mtime_ns, before.st_ctime_ns, before.st_ino]
        known = _load().get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        digest = _hash(path, descriptor, before.st_size)
        with contextlib.suppress(OSError):
            if same_content(before, os.fstat(descriptor)):
                _remember(key, stamp, digest)
        return digest
    finally:
        os.close(descriptor)


def _hash(path: Path, descriptor: int, size: int) -> str:
    hasher = hashlib.sha256()
    left = size  # not "until the end": somebody may be writing as fast as this reads
    try:
        while left and (piece := os.read(descriptor, min(left, _PIECE_BYTES))):
            hasher.update(piece)
            left -= len(piece)
    except OSError as error:
        raise unreadable(path, error) from error
    return hasher.hexdigest()


_Entries = dict[str, tuple[list[int], str]]


def _load() -> _Entries:
    """What is remembered; nothing when the cache is missing, unreadable or damaged."""
    try:
        with cache_file().open("rb") as stream:
            found = json.loads(stream.read(_MAX_CACHE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    entries: _Entries = {}
    for key, value in found.items():
        match value:
            case [[int(), int(), int(), int()] as stamp, str() as digest] if len(digest) == 64:
                entries[key] = (stamp, digest)
            case _:
                continue
    return entries


def _remember(key: str, stamp: list[int], digest: str) -> None:
    target = cache_file()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix="sha256-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            now_ns = os.fstat(descriptor).st_mtime_ns  # this file system's clock
            if now_ns - stamp[1] < _RACY_NS:
                return
            entries = _load()
            entries.pop(key, None)
            entries[key] = (stamp, digest)
            json.dump(dict(list(entries.items())[-_MAX_ENTRIES:]), stream)
        os.replace(name, target)  # noqa: PTH105
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108
