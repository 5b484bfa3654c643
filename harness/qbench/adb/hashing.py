"""SHA-256 beside a transfer: in a thread of its own, since hashlib lets others run meanwhile."""

from __future__ import annotations

import hashlib
import queue
import threading
from types import TracebackType
from typing import Self

_MAX_QUEUED = 32  # pieces; bounds the memory when the link is faster than the hash


class BackgroundSha256:
    """Hashes what it is given, as a whole or in blocks of `block_bytes`.

    `known`: the hash of the whole, when it need not be computed. Pieces must not cross the end of
    a block.
    """

    def __init__(self, known: str | None = None, *, block_bytes: int | None = None) -> None:
        self._known = known
        self._block_bytes = block_bytes
        self._whole = hashlib.sha256()
        self._block = hashlib.sha256()
        self._in_block_bytes = 0
        self._digests: list[str] = []
        self._changed = threading.Condition()
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_MAX_QUEUED)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._known is None or self._block_bytes is not None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish()

    def update(self, data: memoryview) -> None:
        """`data` is copied: its owner may overwrite it at once."""
        if self._thread is not None:
            self._pieces.put(bytes(data))

    def finish(self) -> None:
        """No more data."""
        if self._thread is not None:
            self._pieces.put(None)
            self._thread.join()
            self._thread = None

    def hexdigest(self) -> str:
        """Of the whole; not with blocks."""
        self.finish()
        return self._known or self._whole.hexdigest()

    def block_digest(self, number: int) -> str:
        """Of one block, waiting until it is complete; "" when there is none."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._digests) > number or self._thread is None)
            return self._digests[number] if number < len(self._digests) else ""

    def _work(self) -> None:
        while (piece := self._pieces.get()) is not None:
            if self._block_bytes is None:
                self._whole.update(piece)
                continue
            self._block.update(piece)
            self._in_block_bytes += len(piece)
            if self._in_block_bytes == self._block_bytes:
                self._end_block()
        if self._in_block_bytes:
            self._end_block()

    def _end_block(self) -> None:
        with self._changed:
            self._digests.append(self._block.hexdigest())
            self._changed.notify_all()
        self._block = hashlib.sha256()
        self._in_block_bytes = 0
