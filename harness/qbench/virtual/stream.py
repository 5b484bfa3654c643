"""One stream of a connection: in order, one unacknowledged packet each way."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from qbench.virtual.packets import CLSE, MAX_PAYLOAD_BYTES, OKAY, WRTE


class StreamClosedError(Exception):
    """The peer closed the stream, or the connection is gone."""


class PacketSender(Protocol):
    """What a stream needs of its connection."""

    @property
    def max_payload_bytes(self) -> int: ...

    def send(self, command: int, arg0: int, arg1: int, data: bytes = b"") -> None: ...

    async def flush(self, size_bytes: int) -> None: ...

    def forget(self, stream: Stream) -> None: ...


class Stream:
    """`local_id` is ours, `remote_id` the host's (0 until it has answered our OPEN)."""

    def __init__(self, connection: PacketSender, local_id: int, remote_id: int) -> None:
        self.connection = connection
        self.local_id = local_id
        self.remote_id = remote_id
        self.is_peer_gone = False
        self._is_closed = False
        # Views: the rest of a packet of 1 MiB is cut off 32 times, and a copy each time is dear.
        self._queue: deque[memoryview] = deque()
        self._queued_bytes = 0
        self._is_acknowledged = True
        self._arrived = asyncio.Event()
        self._may_send = asyncio.Event()
        self._gone = asyncio.Event()

    # Called by the connection.

    def accept(self, data: bytes) -> None:
        """Queue a payload. It is acknowledged at once while little is queued (adbd does so once
        the data is in its socketpair), else when the service has caught up."""
        self._queue.append(memoryview(data))
        self._queued_bytes += len(data)
        self._is_acknowledged = False
        self._arrived.set()
        self._acknowledge_below(2 * MAX_PAYLOAD_BYTES)

    def allow_send(self) -> None:
        """The peer has acknowledged our last packet (or our OPEN)."""
        self._may_send.set()

    def hang_up(self) -> None:
        self.is_peer_gone = True
        self._arrived.set()
        self._may_send.set()
        self._gone.set()

    # Called by services.

    async def read_some(self) -> bytes:
        """The next payload or rest of one; b"" when the peer has closed."""
        if not await self._wait_for(1):
            return b""
        data = self._queue.popleft()
        self._took(len(data))
        return bytes(data)

    async def read_exactly(self, size: int) -> bytes:
        """Raises StreamClosedError when the peer closes before `size` bytes."""
        if size == 0:
            return b""
        if not await self._wait_for(size):
            raise StreamClosedError
        first = self._queue.popleft()
        if len(first) < size:
            parts = bytearray(first)
            while len(parts) < size:
                parts += self._queue.popleft()
            first = memoryview(parts)
        if len(first) > size:
            self._queue.appendleft(first[size:])
        self._took(size)
        return bytes(first[:size])

    async def write(self, data: bytes | bytearray) -> None:
        """Raises StreamClosedError when the peer closes before all is sent."""
        step = self.connection.max_payload_bytes
        for start in range(0, len(data), step):
            await self._may_send.wait()
            if self.is_peer_gone:
                raise StreamClosedError
            self._may_send.clear()
            chunk = bytes(data[start : start + step])
            self.connection.send(WRTE, self.local_id, self.remote_id, chunk)
            await self.connection.flush(len(chunk))

    async def wait_until_open(self) -> None:
        """For a stream that we opened. Raises StreamClosedError when the peer refuses it."""
        await self._may_send.wait()
        if self.is_peer_gone:
            raise StreamClosedError

    async def wait_until_gone(self) -> None:
        await self._gone.wait()

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self.connection.forget(self)
        if not self.is_peer_gone:
            self.connection.send(CLSE, self.local_id, self.remote_id)

    async def _wait_for(self, size: int) -> bool:
        while self._queued_bytes < size:
            if self.is_peer_gone:
                return False
            self._arrived.clear()
            await self._arrived.wait()
        return True

    def _took(self, size: int) -> None:
        self._queued_bytes -= size
        self._acknowledge_below(MAX_PAYLOAD_BYTES)

    def _acknowledge_below(self, limit_bytes: int) -> None:
        if not self._is_acknowledged and self._queued_bytes <= limit_bytes:
            self._is_acknowledged = True
            self.connection.send(OKAY, self.local_id, self.remote_id)
