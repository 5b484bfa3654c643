"""One file as adbd receives it: removed again when it does not arrive whole."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class FileReceiver:
    """Each step returns the text of adbd's FAIL, or None.

    After a failure further data is taken and thrown away, as adbd does until the host is done.
    """

    def __init__(self, path: str, mode: int, *, no_space_after_bytes: int | None = None) -> None:
        self._path = Path(path)
        self._mode = mode
        self._limit_bytes = no_space_after_bytes
        self._fd: int | None = None
        self._link = bytearray()
        self._written_bytes = 0
        self.has_failed = False
        self._is_finished = False

    def open(self) -> str | None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return self._failed("secure_mkdirs failed", error)
        try:
            if not self._is_link:
                if not stat.S_ISREG(self._current_mode()):
                    self._path.unlink(missing_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
                self._fd = os.open(self._path, flags, self._mode & 0o777)
                os.fchmod(self._fd, self._mode & 0o777)
        except OSError as error:
            return self._failed("couldn't create file", error)
        return None

    def write(self, data: bytes) -> str | None:
        if self.has_failed:
            return None
        self._written_bytes += len(data)
        try:
            self._check_limit()
            if self._fd is None:
                self._link += data
            else:
                view = memoryview(data)
                while view:
                    view = view[os.write(self._fd, view) :]
        except OSError as error:
            problem = self._failed("write failed", error)
            self.abandon()
            return problem
        return None

    def finish(self, *, modified_s: int) -> str | None:
        try:
            if self._is_link:
                self._path.unlink(missing_ok=True)
                self._path.symlink_to(os.fsdecode(bytes(self._link).rstrip(b"\0")))
            self._close()
            os.utime(self._path, (modified_s, modified_s), follow_symlinks=False)
        except OSError as error:
            return self._failed("couldn't create file", error)
        self._is_finished = True
        return None

    def abandon(self) -> None:
        """Remove what there is of an unfinished file."""
        if self._fd is not None and not self._is_finished:
            self._close()
            self._path.unlink(missing_ok=True)

    def _check_limit(self) -> None:
        if self._limit_bytes is not None and self._written_bytes > self._limit_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @property
    def _is_link(self) -> bool:
        return stat.S_ISLNK(self._mode)

    def _current_mode(self) -> int:
        try:
            return self._path.lstat().st_mode
        except FileNotFoundError:
            return stat.S_IFREG

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _failed(self, what: str, error: OSError) -> str:
        self.has_failed = True
        return f"{what}: {error.strerror}"
