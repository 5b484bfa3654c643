"""JSON lines between the processes of one device: a request has an `op`, its answer `ok`."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]


class LinkError(Exception):
    """The other process refused the request, or is gone."""


class Link:
    """The asking side; one request at a time. `on_event` gets what comes unasked."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_event: Callable[[Message], None] | None = None,
    ) -> None:
        self._writer = writer
        self._answers: asyncio.Queue[Message | None] = asyncio.Queue()
        self._lock = asyncio.Lock()
        self._is_gone = False
        self._task = asyncio.create_task(self._read(reader, on_event))

    @classmethod
    async def over(
        cls, end: socket.socket, on_event: Callable[[Message], None] | None = None
    ) -> Link:
        return cls(*await asyncio.open_connection(sock=end), on_event)

    async def request(self, op: str, **arguments: object) -> Message:
        """Raises LinkError with the other side's reason."""
        async with self._lock:
            if self._is_gone:
                raise LinkError("the process is gone")
            self._writer.write(json.dumps({"op": op, **arguments}).encode() + b"\n")
            answer = await self._answers.get()
        if answer is None:
            raise LinkError("the process is gone")
        if not answer["ok"]:
            raise LinkError(answer["error"])
        return answer

    def close(self) -> None:
        self._task.cancel()
        self._writer.close()

    async def _read(
        self, reader: asyncio.StreamReader, on_event: Callable[[Message], None] | None
    ) -> None:
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if "event" not in message:
                    self._answers.put_nowait(message)
                elif on_event is not None:
                    on_event(message)
        except ConnectionError:
            pass  # the other process ended with a request unread
        finally:
            self._is_gone = True
            self._answers.put_nowait(None)


async def answer_requests(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    handle: Callable[[str, Message], Awaitable[Message]],
) -> None:
    """The answering side, until the other closes. What `handle` raises becomes an answer."""
    while line := await reader.readline():
        try:
            message = json.loads(line)
            answer = {"ok": True, **await handle(message.pop("op"), message)}
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            answer = {"ok": False, "error": str(error) or type(error).__name__}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
