"""A model file as bytes at offsets, read in blocks, never whole.

Why `pread` and not `mmap`: a mapped file that somebody truncates, or a network disk that fails,
kills the process with SIGBUS, which Python cannot catch. `pread` gives a short read or an OSError,
so the caller gets a ModelFileError. Weights are not touched either way: only blocks that hold
tables are read, and at most `_MAX_BLOCKS` of them are kept.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from qbench.errors import ModelFileError

_BLOCK_BITS = 14
_BLOCK_BYTES = 1 << _BLOCK_BITS
_MAX_BLOCKS = 512  # 8 MiB

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


def open_regular(path: Path) -> tuple[int, os.stat_result]:
    """A file descriptor for reading, and the file's state when it was opened.

    Raises ModelFileError when there is no such file, it cannot be read, or it is not a regular
    file: a pipe would block, a device need not end.
    """
    try:
        _refuse_special(path, path.stat())
        # The name may have become a pipe since stat(): O_NONBLOCK keeps open() from waiting.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            state = os.fstat(descriptor)
            _refuse_special(path, state)
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:  # a null byte in the name
        raise ModelFileError(f"{str(path)!r}: is not a file name: {error}") from error
    return descriptor, state


def unreadable(path: Path, error: OSError) -> ModelFileError:
    """The error to raise when the system does not let us read a file."""
    return ModelFileError(f"{path}: cannot be read: {error.strerror or error}")


def _refuse_special(path: Path, state: os.stat_result) -> None:
    if stat.S_ISREG(state.st_mode):
        return
    kind = next((word for test, word in _KINDS if test(state.st_mode)), "not a regular file")
    raise ModelFileError(f"{path}: is {kind}, not a model file", hint="give a .tflite file")


def same_content(before: os.stat_result, after: os.stat_result) -> bool:
    """As far as the file system tells."""
    return (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)


class FileBytes:
    """Bytes of an open file at any offset. A context manager; closes the file.

    `where` names what is being read (`tensor 3 of subgraph 0`) for the error message.
    """

    __slots__ = ("_blocks", "_descriptor", "_state", "path", "size", "where")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor, self._state = open_regular(path)
        self.size = self._state.st_size
        self.where: tuple[str | int, ...] = ()
        self._blocks: dict[int, bytes] = {}

    def bad(self, what: str, *, hint: str | None = None) -> NoReturn:
        """Raise the ModelFileError that names the file, the place in it, and `what` is wrong."""
        place = " ".join(map(str, self.where))
        raise ModelFileError(
            f"{self.path}: {place}: {what}" if place else f"{self.path}: {what}", hint=hint
        )

    def read(self, at: int, count: int) -> bytes:
        """Exactly `count` bytes from offset `at`."""
        if at < 0 or at + count > self.size:
            self.bad(
                f"an offset points outside the file ({count} bytes at {at}, "
                f"the file has {self.size}): damaged or cut short"
            )
        start = at & (_BLOCK_BYTES - 1)
        block = self._blocks.get(at >> _BLOCK_BITS)
        if block is None:
            block = self._fetch(at >> _BLOCK_BITS)
        piece = block[start : start + count]
        return piece if len(piece) == count else self._pread(at, count)

    def peek(self, at: int, least: int, most: int) -> bytes:
        """Between `least` and `most` bytes from offset `at`: as many as are at hand."""
        block = self._blocks.get(at >> _BLOCK_BITS)
        if block is not None and at >= 0:
            start = at & (_BLOCK_BYTES - 1)
            piece = block[start : start + most]
            if len(piece) >= least:
                return piece
        return self.read(at, min(most, max(least, self.size - at)))

    def _fetch(self, number: int) -> bytes:
        if len(self._blocks) >= _MAX_BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        at = number << _BLOCK_BITS
        block = self._pread(at, min(_BLOCK_BYTES, self.size - at))
        self._blocks[number] = block
        return block

    def _pread(self, at: int, count: int) -> bytes:
        try:
            data = os.pread(self._descriptor, count, at)
        except OSError as error:
            raise unreadable(self.path, error) from error
        if len(data) != count:
            self.where = ()
            self.bad("became shorter while it was being read")
        return data

    def check_unchanged(self) -> None:
        """Raise ModelFileError when the file has been written to since it was opened."""
        try:
            now = os.fstat(self._descriptor)
        except OSError as error:
            raise unreadable(self.path, error) from error
        if not same_content(self._state, now):
            self.where = ()
            self.bad("was changed while it was being read", hint="wait until it is written")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
