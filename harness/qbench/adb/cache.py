"""Files on the device by content: what was pushed once is not pushed again.

`/data/local/tmp/qbench/<sha256>`; the modification time is when a file was last used.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from pathlib import Path

import msgspec

from qbench.adb.device import WORK_FOLDER, AdbDevice
from qbench.adb.transport import OnProgress, RemoteFile
from qbench.errors import DeviceStorageError, InputError

CACHE_FOLDER = f"{WORK_FOLDER}/qbench"
DEFAULT_QUOTA_BYTES = 4_000_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = re.compile(r"\.qbench-[0-9a-f]{16}\.part")
_TIMEOUT_S = 20.0


class Cached(msgspec.Struct, frozen=True):
    """Where a file is on the device, and whether it had to be sent."""

    path: str
    pushed_bytes: int


class DeviceCache:
    """The cache of one device. Names carry the content, so a file is never changed in place.

    What was asked for through one and the same object is still needed, and stays.
    """

    def __init__(self, device: AdbDevice, *, quota_bytes: int = DEFAULT_QUOTA_BYTES) -> None:
        self._device = device
        self._quota_bytes = quota_bytes
        self._needed: set[str] = set()

    def ensure(
        self,
        source: Path,
        sha256: str,
        *,
        is_program: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Cached:
        """Have `source`, whose hash is `sha256`, on the device; the least recently used files go
        when the quota would be exceeded.

        Raises DeviceStorageError when what is needed exceeds the quota, and as Transport.push.
        """
        if not _SHA256.fullmatch(sha256):
            raise InputError(f"{source}: {sha256!r} is not a SHA-256")
        self._needed.add(sha256)
        size_bytes = source.stat().st_size
        path = f"{CACHE_FOLDER}/{sha256}"
        mode = 0o755 if is_program else 0o644
        # One round trip when it is there: a file of that name and size was verified when it came.
        # `touch` marks the use; the mode is set anew, as content says nothing about it.
        quoted = shlex.quote(path)
        known = self._device.run(
            f"[ -f {quoted} ] && touch {quoted} && chmod {mode:o} {quoted} && wc -c <{quoted}",
            timeout_s=_TIMEOUT_S,
        )
        if known.exit_code == 0 and known.text.strip() == str(size_bytes):
            return Cached(path=path, pushed_bytes=0)
        self._make_room(size_bytes)
        self._device.push(source, path, mode=mode, sha256=sha256, on_progress=on_progress)
        self._device.run(["touch", path], timeout_s=_TIMEOUT_S, check=True)
        return Cached(path=path, pushed_bytes=size_bytes)

    def files(self) -> tuple[RemoteFile, ...]:
        """What is cached, the least recently used first."""
        return tuple(file for file in self._entries() if _SHA256.fullmatch(file.name))

    def clean(self, *, keep: Collection[str] = ()) -> int:
        """Remove all but `keep` (hashes), unfinished transfers too; returns the bytes freed."""
        unfinished = [file for file in self._entries() if _UNFINISHED.fullmatch(file.name)]
        return self._remove(unfinished + [file for file in self.files() if file.name not in keep])

    def discard(self, hashes: Collection[str]) -> int:
        """Remove these only; returns the bytes freed."""
        return self._remove([file for file in self.files() if file.name in hashes])

    def _entries(self) -> list[RemoteFile]:
        found = self._device.list_folder(CACHE_FOLDER, timeout_s=_TIMEOUT_S)
        return sorted(found, key=lambda file: file.modified_s)

    def _make_room(self, size_bytes: int) -> None:
        files = self.files()
        used_bytes = sum(file.size_bytes for file in files)
        leaving = []
        for file in files:
            if used_bytes + size_bytes <= self._quota_bytes:
                break
            if file.name not in self._needed:
                leaving.append(file)
                used_bytes -= file.size_bytes
        if used_bytes + size_bytes > self._quota_bytes:
            raise DeviceStorageError(
                f"device {self._device.serial}: cache: {used_bytes + size_bytes} bytes are needed, "
                f"more than the quota of {self._quota_bytes}",
                serial=self._device.serial,
                hint="raise it with --cache-quota BYTES, or run fewer models at once",
            )
        self._remove(leaving)

    def _remove(self, files: list[RemoteFile]) -> int:
        if files:
            paths = [f"{CACHE_FOLDER}/{file.name}" for file in files]
            self._device.run(["rm", "-f", *paths], timeout_s=_TIMEOUT_S, check=True)
        return sum(file.size_bytes for file in files)
