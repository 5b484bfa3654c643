"""SHA-256 of model files, remembered, since a hash reads every byte."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from qbench.modelfile.file import open_regular, same_content, unreadable

_PIECE_BYTES = 1 << 20
_MAX_ENTRIES = 512
_MAX_CACHE_BYTES = 1 << 20
# Two writes within one tick of the file system's clock leave one mtime (ext4: 10 ms, FAT: 2 s), so
# a file as young as this is not remembered. Git calls such an entry racy.
_RACY_NS = 2_000_000_000


class _Stamp(msgspec.Struct, frozen=True, array_like=True):
    """What changes when a file does; ctime and inode, since builds may fix their mtimes."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    stamp: _Stamp
    digest: str


_Entries = dict[str, _Entry]


def cache_file() -> Path:
    """Where hashes are remembered: $XDG_CACHE_HOME/qbench/sha256.json, or under ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path is to be ignored: XDG Base Directory Specification.
    root = base if base.startswith("/") else os.path.expanduser("~/.cache")  # noqa: PTH111
    return Path(root) / "qbench" / "sha256.json"


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hex.

    Remembered by absolute path, size, mtime, ctime and inode. A file that was written to while it
    was hashed is not remembered. Without a usable cache it just hashes. Raises ModelFileError when
    the file cannot be read.
    """
    descriptor, before = open_regular(path)
    try:
        key = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
        stamp = _Stamp(before.st_size, before.st_mtime_ns, before.st_ctime_ns, before.st_ino)
        known = _load().get(key)
        if known is not None and known.stamp == stamp and len(known.digest) == 64:
            return known.digest
        digest = _hash(path, descriptor, before.st_size)
        # UnicodeError: a file name that is not UTF-8 cannot be a key.
        with contextlib.suppress(OSError, UnicodeError):
            if same_content(before, os.fstat(descriptor)):
                _remember(key, _Entry(stamp, digest))
        return digest
    finally:
        os.close(descriptor)


def _hash(path: Path, descriptor: int, size: int) -> str:
    import hashlib  # loads OpenSSL, which those who only read a model need not wait for

    hasher = hashlib.sha256()
    left = size  # not "until the end": somebody may be writing as fast as this reads
    try:
        while left and (piece := os.read(descriptor, min(left, _PIECE_BYTES))):
            hasher.update(piece)
            left -= len(piece)
    except OSError as error:
        raise unreadable(path, error) from error
    return hasher.hexdigest()


def _load() -> _Entries:
    """What is remembered; nothing when the cache is missing, unreadable or damaged."""
    try:
        with cache_file().open("rb") as stream:
            return msgspec.json.decode(stream.read(_MAX_CACHE_BYTES), type=_Entries)
    except (OSError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return {}


def _remember(key: str, entry: _Entry) -> None:
    """Write a new cache beside the old one, then replace it: readers see one or the other."""
    target = cache_file()
    if not target.is_absolute():  # nobody knows this user's home
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"sha256-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with draft.open("xb") as stream:
            now_ns = os.fstat(stream.fileno()).st_mtime_ns  # this file system's clock
            if now_ns - entry.stamp.mtime_ns < _RACY_NS:
                return
            entries = _load()
            entries.pop(key, None)  # so that it becomes the newest
            entries[key] = entry
            stream.write(msgspec.json.encode(dict(list(entries.items())[-_MAX_ENTRIES:])))
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
