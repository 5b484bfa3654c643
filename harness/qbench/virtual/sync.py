"""The sync service: stat, list, pull and push (AOSP adb/file_sync_protocol.h, versions 1 and 2).

Error texts are those of AOSP adb/daemon/file_sync_service.cpp; hosts show them to people.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qbench.virtual.sync_receive import FileReceiver

if TYPE_CHECKING:
    from qbench.virtual.connection import Connection
    from qbench.virtual.stream import Stream

BLOCK_BYTES = 64 * 1024
_MAX_PATH_BYTES = 1024
_BLOCKS_PER_WRITE = 12  # several DATA records per transport packet
_REQUEST = struct.Struct("<4sI")
_STAT_V2 = struct.Struct("<4sIQQIIIIQqqq")
_FLAG_DRY_RUN = 0x80000000


async def serve(connection: Connection, stream: Stream) -> None:
    await _Session(connection, stream).run()


class _Session:
    def __init__(self, connection: Connection, stream: Stream) -> None:
        self._stream = stream
        self._faults = connection.device.gate.faults
        self._handlers: dict[bytes, Callable[[str], Awaitable[bool]]] = {
            b"STAT": self._stat_v1,
            b"STA2": self._stat_v2,
            b"LST2": self._lstat_v2,
            b"LIST": self._list_v1,
            b"LIS2": self._list_v2,
            b"RECV": self._send_file,
            b"RCV2": self._send_file_v2,
            b"SEND": self._receive_v1,
            b"SND2": self._receive_v2,
        }

    async def run(self) -> None:
        """Requests until QUIT or one after which the session cannot go on."""
        while True:
            name, size = _REQUEST.unpack(await self._stream.read_exactly(_REQUEST.size))
            if name == b"QUIT":
                return
            handler = self._handlers.get(name)
            if size > _MAX_PATH_BYTES or handler is None:
                await self._fail(f"unknown command {name!r} of {size} bytes")
                return
            path = (await self._stream.read_exactly(size)).split(b"\0")[0]
            if not await handler(os.fsdecode(path)):
                return

    async def _fail(self, text: str) -> None:
        message = text.encode("utf-8", "surrogateescape")
        await self._stream.write(_REQUEST.pack(b"FAIL", len(message)) + message)

    def _look(self, path: str, *, follow: bool = False) -> os.stat_result:
        return Path(path).stat(follow_symlinks=follow)

    async def _stat_v1(self, path: str) -> bool:
        try:
            found = self._look(path)
            values = (found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime) & 0xFFFFFFFF)
        except OSError:
            values = (0, 0, 0)
        await self._stream.write(struct.pack("<4sIII", b"STAT", *values))
        return True

    async def _stat_v2(self, path: str) -> bool:
        return await self._answer_stat(b"STA2", path, follow=True)

    async def _lstat_v2(self, path: str) -> bool:
        return await self._answer_stat(b"LST2", path, follow=False)

    async def _answer_stat(self, name: bytes, path: str, *, follow: bool) -> bool:
        try:
            answer = _pack_stat(name, self._look(path, follow=follow))
        except OSError as error:
            answer = _STAT_V2.pack(name, error.errno or 0, *[0] * 10)
        await self._stream.write(answer)
        return True

    async def _list_v1(self, path: str) -> bool:
        answer = bytearray()
        for name, found in self._entries(path):
            answer += struct.pack(
                "<4sIIII",
                b"DENT",
                found.st_mode,
                found.st_size & 0xFFFFFFFF,
                int(found.st_mtime) & 0xFFFFFFFF,
                len(name),
            )
            answer += name
        await self._stream.write(answer + b"DONE" + bytes(16))
        return True

    async def _list_v2(self, path: str) -> bool:
        answer = bytearray()
        for name, found in self._entries(path):
            answer += _pack_stat(b"DNT2", found) + struct.pack("<I", len(name)) + name
        await self._stream.write(answer + b"DONE" + bytes(72))
        return True

    def _entries(self, path: str) -> list[tuple[bytes, os.stat_result]]:
        try:
            folder = Path(path)
            names = [".", "..", *(entry.name for entry in folder.iterdir())]
        except OSError:
            return []
        entries = []
        for name in names:
            try:
                entries.append((os.fsencode(name), self._look(f"{path}/{name}")))
            except OSError:
                continue
        return entries

    async def _send_file_v2(self, path: str) -> bool:
        await self._stream.read_exactly(8)  # the request's name again, and no flags
        return await self._send_file(path)

    async def _send_file(self, path: str) -> bool:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            await self._fail(f"open failed: {error.strerror}")
            return True
        with os.fdopen(fd, "rb", buffering=0) as file:
            while records := self._next_records(file.read):
                await self._stream.write(records)
        await self._stream.write(_REQUEST.pack(b"DONE", 0))
        return True

    @staticmethod
    def _next_records(read: Callable[[int], bytes | None]) -> bytearray:
        records = bytearray()
        for _ in range(_BLOCKS_PER_WRITE):
            block = read(BLOCK_BYTES)
            if not block:
                break
            records += _REQUEST.pack(b"DATA", len(block))
            records += block
        return records

    async def _receive_v1(self, spec: str) -> bool:
        path, _, mode = spec.rpartition(",")
        if not mode.isdecimal():
            await self._fail("bad mode in ID_SEND")
            return False
        return await self._receive(path, int(mode))

    async def _receive_v2(self, path: str) -> bool:
        _name, mode, flags = struct.unpack("<4sII", await self._stream.read_exactly(12))
        if flags & ~_FLAG_DRY_RUN:
            await self._fail("compression not supported")
            return False
        return await self._receive(path, mode)

    async def _receive(self, path: str, mode: int) -> bool:
        receiver = FileReceiver(path, mode, no_space_after_bytes=self._faults.no_space_after_bytes)
        try:
            problem = receiver.open()
            if problem:
                await self._fail(problem)
            while True:
                name, value = _REQUEST.unpack(await self._stream.read_exactly(_REQUEST.size))
                if name == b"DONE":
                    break
                if name != b"DATA" or value > BLOCK_BYTES:
                    receiver.abandon()
                    await self._fail("invalid data message")
                    return False
                problem = receiver.write(await self._stream.read_exactly(value))
                if problem:
                    # adbd tells at once and goes on reading until DONE.
                    await self._fail(problem)
            if receiver.has_failed:
                return True
            problem = receiver.finish(modified_s=value)
        finally:
            receiver.abandon()
        if problem:
            await self._fail(problem)
        else:
            await self._stream.write(_REQUEST.pack(b"OKAY", 0))
        return True


def _pack_stat(name: bytes, found: os.stat_result) -> bytes:
    return _STAT_V2.pack(
        name,
        0,
        found.st_dev,
        found.st_ino,
        found.st_mode,
        found.st_nlink,
        found.st_uid,
        found.st_gid,
        found.st_size,
        int(found.st_atime),
        int(found.st_mtime),
        int(found.st_ctime),
    )
