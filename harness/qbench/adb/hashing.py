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
    """A context manager whose `_work` runs meanwhile; leaving it waits for the end."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        raise NotImplementedError

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
    """Hashes a file that is being sent, block by block, from a stream of its own."""

    def __init__(self, opener: Callable[[], IO[bytes]], block_bytes: int) -> None:
        super().__init__()
        self._opener = opener
        self._block_bytes = block_bytes
        self._blocks: list[str] = []
        self._changed = threading.Condition()
        self._is_done = False
        self._is_stopped = False

    def block(self, number: int) -> str:
        """The hash of one block, waiting until it is known; "" when there is none."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._blocks) > number or self._is_done)
            return self._blocks[number] if number < len(self._blocks) else ""

    def finish(self) -> None:
        self._is_stopped = True
        super().finish()

    def _work(self) -> None:
        piece = memoryview(bytearray(_PIECE_BYTES))
        try:
            with self._opener() as stream:
                while not self._is_stopped and (digest := self._hash_block(stream, piece)):
                    with self._changed:
                        self._blocks.append(digest)
                        self._changed.notify_all()
        except OSError:
            pass  # the sender reads the same file and tells
        finally:
            with self._changed:
                self._is_done = True
                self._changed.notify_all()

    def _hash_block(self, stream: IO[bytes], piece: memoryview) -> str:
        digest, left_bytes = hashlib.sha256(), self._block_bytes
        while left_bytes:
            size: int = stream.readinto(piece[: min(left_bytes, _PIECE_BYTES)])  # type: ignore[attr-defined]
            if not size:
                break
            if self._is_stopped:
                return ""
            digest.update(piece[:size])
            left_bytes -= size
        return digest.hexdigest() if left_bytes < self._block_bytes else ""


class StreamHash(_InThread):
    """Hashes what arrives."""

    def __init__(self) -> None:
        super().__init__()
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
