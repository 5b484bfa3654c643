"""Sockets through the device: `adb forward` (host to device) and `adb reverse`."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from qbench.virtual.stream import Stream, StreamClosedError

if TYPE_CHECKING:
    from qbench.virtual.connection import Connection

_BLOCK_BYTES = 65536


async def connect(connection: Connection, stream: Stream, *, kind: str, address: str) -> None:
    """Join the stream to a socket of the device; closes it when there is none."""
    try:
        if kind == "tcp":
            reader, writer = await asyncio.open_connection("127.0.0.1", int(address.split(":")[0]))
        elif kind == "localabstract":
            reader, writer = await asyncio.open_unix_connection("\0" + address)
        else:
            reader, writer = await asyncio.open_unix_connection(address)
    except (OSError, ValueError, OverflowError):
        return
    await _join(stream, reader, writer)


async def reverse(connection: Connection, stream: Stream, *, request: str) -> None:
    """`forward:REMOTE;LOCAL`, `list-forward`, `killforward:REMOTE`, `killforward-all`.

    A list is answered without OKAY; the others with OKAY or FAIL, and `tcp:0` with the port.
    """
    listeners = connection.reverse_listeners
    verb, _, rest = request.partition(":")
    if verb == "list-forward":
        lines = "".join(f"UsbFfs {name} {local}\n" for name, (_, local) in listeners.items())
        await stream.write(_framed(lines))
    elif verb == "forward":
        await stream.write(await _listen(connection, rest.removeprefix("norebind:")))
    elif verb == "killforward" and rest not in listeners:
        await stream.write(b"FAIL" + _framed(f"listener '{rest}' not found"))
    elif verb in ("killforward", "killforward-all"):
        for name in [rest] if verb == "killforward" else list(listeners):
            listeners.pop(name)[0].close()
        await stream.write(b"OKAY")
    else:
        await stream.write(b"FAIL" + _framed(f"unknown reverse request '{verb}'"))


async def _listen(connection: Connection, spec: str) -> bytes:
    remote, _, local = spec.partition(";")
    kind, _, port_text = remote.partition(":")
    if kind != "tcp" or not port_text.isdecimal() or int(port_text) > 65535:
        return b"FAIL" + _framed(f"cannot listen on '{remote}'")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _join(await connection.open_to_host(local), reader, writer)
        except StreamClosedError:
            writer.close()

    try:
        listener = await asyncio.start_server(accept, "127.0.0.1", int(port_text))
    except OSError as error:
        return b"FAIL" + _framed(f"cannot bind: {error.strerror}")
    port = listener.sockets[0].getsockname()[1]
    connection.reverse_listeners[f"tcp:{port}"] = (listener, local)
    return b"OKAY" + (_framed(str(port)) if port_text == "0" else b"")


def _framed(text: str) -> bytes:
    raw = os.fsencode(text)
    return b"%04x" % len(raw) + raw


async def _join(stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def to_host() -> None:
        while data := await reader.read(_BLOCK_BYTES):
            await stream.write(data)

    async def to_socket() -> None:
        while data := await stream.read_some():
            writer.write(data)
            await writer.drain()

    tasks = [asyncio.ensure_future(to_host()), asyncio.ensure_future(to_socket())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
        stream.close()
