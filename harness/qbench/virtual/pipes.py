"""Non-blocking reads and writes of file descriptors inside the event loop."""

from __future__ import annotations

import asyncio
import os

_BLOCK_BYTES = 65536


async def read_fd(fd: int) -> bytes:
    """The next bytes of a non-blocking descriptor; b"" at its end (also a pty without a child)."""
    while True:
        try:
            return os.read(fd, _BLOCK_BYTES)
        except BlockingIOError:
            await _ready(fd, for_write=False)
        except OSError:  # EIO: the other end of the pty is closed
            return b""


async def write_fd(fd: int, data: bytes) -> None:
    """Write all to a non-blocking descriptor. Raises BrokenPipeError when nobody reads."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            await _ready(fd, for_write=True)


async def _ready(fd: int, *, for_write: bool) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    if for_write:
        loop.add_writer(fd, wake)
    else:
        loop.add_reader(fd, wake)
    try:
        await ready
    finally:
        if for_write:
            loop.remove_writer(fd)
        else:
            loop.remove_reader(fd)
