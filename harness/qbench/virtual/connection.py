"""One TCP connection from an adb server: handshake, streams, faults of the link."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import TYPE_CHECKING

from qbench.virtual import packets
from qbench.virtual.auth import TOKEN_BYTES, is_signed_by
from qbench.virtual.faults import Countdown
from qbench.virtual.packets import BadPacketError, Header
from qbench.virtual.services import find_service
from qbench.virtual.stream import Stream, StreamClosedError

if TYPE_CHECKING:
    import logging

    from qbench.virtual.device import VirtualDevice
    from qbench.virtual.services import Service

_UNKNOWN_PEER_PAYLOAD_BYTES = 4096  # until its CNXN says more


class Connection:
    """Serves one host until the connection ends."""

    def __init__(
        self,
        device: VirtualDevice,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        log: logging.Logger,
    ) -> None:
        self.device = device
        self.max_payload_bytes = _UNKNOWN_PEER_PAYLOAD_BYTES
        self.reverse_listeners: dict[str, tuple[asyncio.Server, str]] = {}
        self.log = log
        self._reader = reader
        self._writer = writer
        self._streams: dict[int, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_id = 0
        self._token = b""
        self._is_online = False
        self._with_checksum = True
        self._peer_wants_checksum = False
        self._drops_after_flush = False
        faults = device.gate.faults
        self._received = Countdown(faults, "received")
        self._sent = Countdown(faults, "sent")

    # What streams need (stream.PacketSender).

    def send(self, command: int, arg0: int, arg1: int, data: bytes = b"") -> None:
        if self._writer.is_closing() or self._drops_after_flush or self.device.gate.faults.is_mute:
            return
        header = packets.encode_header(command, arg0, arg1, data, checksum=self._with_checksum)
        if command == packets.WRTE:
            data, self._drops_after_flush = self._sent.strike(data)
        self._writer.write(header)
        if data:
            self._writer.write(data)

    async def flush(self, size_bytes: int) -> None:
        await self.device.gate.spend(size_bytes)
        await self._writer.drain()
        if self._drops_after_flush:
            self.drop()

    def forget(self, stream: Stream) -> None:
        self._streams.pop(stream.local_id, None)

    # Life.

    async def serve(self) -> None:
        try:
            while True:
                header = packets.decode_header(await self._reader.readexactly(packets.HEADER_BYTES))
                data = await self._reader.readexactly(header.size_bytes)
                await self.device.gate.pass_packet(header.size_bytes)
                is_dropped = False
                if header.command == packets.WRTE:
                    data, is_dropped = self._received.strike(data)
                self._handle(header, data)
                if is_dropped:
                    self.drop()
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except BadPacketError as error:
            self.log.warning("connection ended: %s", error)
        finally:
            self._shut()

    def drop(self) -> None:
        """End the connection as a pulled cable does: reset, nothing is delivered any more."""
        self.log.info("connection dropped")
        raw = self._writer.get_extra_info("socket")
        if raw is not None and not self._writer.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def go_online(self) -> None:
        """Answer the host's CNXN: from now on it may open streams."""
        self._is_online = True
        self.send(packets.CNXN, packets.VERSION, packets.MAX_PAYLOAD_BYTES, self.device.banner())
        self._with_checksum = self._peer_wants_checksum

    async def open_to_host(self, service: str) -> Stream:
        """Open a stream from the device's side. Raises StreamClosedError when it is refused."""
        stream = self._new_stream(remote_id=0)
        self.send(packets.OPEN, stream.local_id, 0, service.encode() + b"\0")
        await stream.wait_until_open()
        return stream

    def _shut(self) -> None:
        for stream in list(self._streams.values()):
            stream.hang_up()
        for listener, _ in self.reverse_listeners.values():
            listener.close()
        self._streams.clear()
        self.device.forget(self)
        self._writer.close()

    # Packets.

    def _handle(self, header: Header, data: bytes) -> None:
        command, arg0, arg1, _ = header
        if command == packets.WRTE:
            stream = self._streams.get(arg1)
            if stream is None:
                self.send(packets.CLSE, 0, arg0)
            else:
                stream.accept(data)
        elif command == packets.OKAY:
            stream = self._streams.get(arg1)
            if stream is not None:
                stream.remote_id = arg0
                stream.allow_send()
        elif command == packets.OPEN:
            # a C string: what follows a NUL is not seen by adbd either
            self._open(arg0, data.split(b"\0")[0].decode("utf-8", "surrogateescape"))
        elif command == packets.CLSE:
            stream = self._streams.pop(arg1, None)
            if stream is not None:
                # adbd answers a CLSE with one of its own; adb-shell waits for it.
                self.send(packets.CLSE, stream.local_id, arg0)
                stream.hang_up()
        elif command == packets.CNXN:
            self._greet(arg0, arg1)
        elif command == packets.AUTH:
            self._authenticate(arg0, data)

    def _greet(self, version: int, max_payload_bytes: int) -> None:
        self.max_payload_bytes = min(max_payload_bytes, packets.MAX_PAYLOAD_BYTES)
        self._peer_wants_checksum = version <= packets.VERSION_WITH_CHECKSUM
        if self.device.gate.faults.is_offline:
            return
        if self.device.authorization == "none":
            self.go_online()
        else:
            self._challenge()

    def _challenge(self) -> None:
        self._token = os.urandom(TOKEN_BYTES)
        self.send(packets.AUTH, packets.AUTH_TOKEN, 0, self._token)

    def _authenticate(self, kind: int, data: bytes) -> None:
        if kind == packets.AUTH_SIGNATURE:
            if any(is_signed_by(key, self._token, data) for key in self.device.keys):
                self.go_online()
            else:
                self._challenge()
        elif kind == packets.AUTH_PUBLIC_KEY:
            self.device.offer_key(data, self)

    def _open(self, remote_id: int, name: str) -> None:
        self.log.debug("open %.200r", name)
        service = find_service(name)
        if not self._is_online or service is None or self.device.gate.faults.refuses(name):
            self.send(packets.CLSE, 0, remote_id)
            return
        stream = self._new_stream(remote_id)
        stream.allow_send()
        self.send(packets.OKAY, stream.local_id, remote_id)
        task = asyncio.create_task(self._run(service, stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _new_stream(self, remote_id: int) -> Stream:
        self._last_id += 1
        stream = Stream(self, self._last_id, remote_id)
        self._streams[stream.local_id] = stream
        return stream

    async def _run(self, service: Service, stream: Stream) -> None:
        try:
            await service(self, stream)
        except (StreamClosedError, ConnectionError):
            pass
        except Exception:  # one broken service must not end the device
            self.log.exception("service failed")
        finally:
            stream.close()
