"""SHA-256 beside a transfer: in a thread of its own, since hashlib lets others run meanwhile."""

from __future__ import annotations

import hashlib
import queue
import threading
from types import TracebackType
from typing import Self

_MAX_QUEUED = 32  # blocks; bounds the memory when the link is faster than the hash


class BackgroundSha256:
    """Hashes what it is given, unless the result is known already."""

    def __init__(self, known: str | None) -> None:
        self._known = known
        self._digest = hashlib.sha256()
        self._blocks: queue.Queue[bytes | None] = queue.Queue(_MAX_QUEUED)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._known is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._join()

    def update(self, data: memoryview) -> None:
        """`data` is copied: its owner may overwrite it at once."""
        if self._thread is not None:
            self._blocks.put(bytes(data))

    def hexdigest(self) -> str:
        self._join()
        return self._known or self._digest.hexdigest()

    def _join(self) -> None:
        if self._thread is not None:
            self._blocks.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (block := self._blocks.get()) is not None:
            self._digest.update(block)
