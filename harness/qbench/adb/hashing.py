"""SHA-256 beside a transfer: in threads of their own, since hashlib and reads let others run."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

_PIECE_BYTES = 1 << 20
_MAX_QUEUED = 8  # pieces; bounds the memory when the link is faster than the hash


class _InThread:
    """A context manager whose `work` runs meanwhile; leaving it waits for the end."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish()

    def finish(self) -> None:
        self._thread.join()


class SourceHash(_InThread):
    """Hashes a file that is being sent, from a stream of its own; nothing to do where the hash is
    `known`."""

    def __init__(self, opener: Callable[[], IO[bytes]], known: str | None) -> None:
        super().__init__(self._work)
        self._opener = opener
        self._digest = known or ""
        self._is_stopped = False

    def hexdigest(self) -> str:
        """Waits for it. Raises OSError when the file cannot be read any more."""
        self._thread.join()
        return self._digest or sha256_of(self._opener)

    def finish(self) -> None:
        self._is_stopped = True
        super().finish()

    def _work(self) -> None:
        if self._digest:
            return
        digest, piece = hashlib.sha256(), memoryview(bytearray(_PIECE_BYTES))
        try:
            with self._opener() as stream:
                while size := stream.readinto(piece):  # type: ignore[attr-defined]
                    if self._is_stopped:
                        return
                    digest.update(piece[:size])
        except OSError:
            return  # the sender reads the same file and tells
        self._digest = digest.hexdigest()


class StreamHash(_InThread):
    """Hashes what arrives."""

    def __init__(self) -> None:
        super().__init__(self._work)
        self._digest = hashlib.sha256()
        self._pieces: queue.Queue[bytearray | None] = queue.Queue(_MAX_QUEUED)
        self._piece = bytearray()

    def update(self, data: memoryview) -> None:
        """`data` is copied: its owner may overwrite it at once."""
        self._piece += data
        if len(self._piece) >= _PIECE_BYTES:
            self._pieces.put(self._piece)
            self._piece = bytearray()

    def finish(self) -> None:
        if self._thread.is_alive():
            self._pieces.put(self._piece)
            self._pieces.put(None)
            super().finish()

    def hexdigest(self) -> str:
        self.finish()
        return self._digest.hexdigest()

    def _work(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._digest.update(piece)


def sha256_of(opener: Callable[[], IO[bytes]]) -> str:
    """The hash of all that a stream has."""
    with opener() as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
