"""The sync service from the host's side: send, receive, stat, list.

Records: AOSP packages/modules/adb/file_sync_protocol.h. Version 1 of SEND and RECV does on every
device; LIST and STAT are asked in version 2 where the device has it, as version 1 cuts sizes to
32 bits.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Callable, Iterator
from typing import IO

from qbench.adb.deadline import Deadline
from qbench.adb.server import receive_exactly, receive_into, send
from qbench.adb.transport import RemoteFile
from qbench.errors import CommandError, DeviceStorageError, DisconnectedError, InputError

BLOCK_BYTES = 64 * 1024
_MAX_PATH_BYTES = 960  # adb takes 1024, of which a few are for the mode and a temporary name
_BLOCKS_PER_SEND = 16  # about 1 MiB with each system call
_REQUEST = struct.Struct("<4sI")
_STAT_V1 = struct.Struct("<4sIII")
_STAT_V2 = struct.Struct("<4sIQQIIIIQqqq")
_STORAGE_REASONS = ("No space left", "Read-only file system", "Disk quota", "Input/output error")
_DAMAGED_REASON = "Read-only file system"
_REGULAR_FILE = 0o100000


# Takes the payload in order; what it gets is only valid during the call.
Sink = Callable[[memoryview], object]


def send_file(
    connection: socket.socket,
    source: IO[bytes],
    path: str,
    *,
    mode: int,
    modified_s: int,
    deadline: Deadline,
    on_sent: Callable[[int], object],
) -> None:
    """Send all of `source`; `on_sent` gets the bytes of it that each step has sent.

    Raises DeviceStorageError, CommandError with the device's reason, DisconnectedError,
    CommandTimeoutError.
    """
    head = _encode_path(b"SEND", path, suffix=f",{_REGULAR_FILE | mode}".encode())
    send(connection, head, deadline)
    buffer = bytearray(_BLOCKS_PER_SEND * (_REQUEST.size + BLOCK_BYTES))
    view = memoryview(buffer)
    is_at_end = False
    try:
        while not is_at_end:
            filled = payload_bytes = 0
            for _ in range(_BLOCKS_PER_SEND):
                start = filled + _REQUEST.size
                size = source.readinto(view[start : start + BLOCK_BYTES])  # type: ignore[attr-defined]
                if not size:
                    is_at_end = True
                    break
                _REQUEST.pack_into(buffer, filled, b"DATA", size)
                filled = start + size
                payload_bytes += size
            if filled:
                send(connection, view[:filled], deadline)
                on_sent(payload_bytes)
            # A device that has no room says so at once, and takes the rest for nothing.
            if select.select([connection], [], [], 0)[0]:
                break
        if is_at_end:
            send(connection, _REQUEST.pack(b"DONE", modified_s), deadline)
    except DisconnectedError:
        # What the device said before it closed is the better reason.
        if not select.select([connection], [], [], 0)[0]:
            raise
    name, size = _REQUEST.unpack(receive_exactly(connection, _REQUEST.size, deadline))
    if name == b"FAIL":
        raise _failure(receive_exactly(connection, size, deadline))
    if name != b"OKAY" or not is_at_end:
        raise DisconnectedError(f"adb: {name!r} is no answer to a file")


def receive_file(connection: socket.socket, path: str, deadline: Deadline, sink: Sink) -> None:
    """Hand all of a file's bytes to `sink`. Raises as `send_file`, and what `sink` raises."""
    send(connection, _encode_path(b"RECV", path), deadline)
    buffer = memoryview(bytearray(BLOCK_BYTES))
    while True:
        name, size = _REQUEST.unpack(receive_exactly(connection, _REQUEST.size, deadline))
        if name == b"DONE":
            return
        if name == b"FAIL":
            raise _failure(receive_exactly(connection, size, deadline))
        if name != b"DATA" or size > BLOCK_BYTES:
            raise DisconnectedError(f"adb: {name!r} of {size} bytes inside a file")
        receive_into(connection, buffer[:size], deadline)
        sink(buffer[:size])


def stat(
    connection: socket.socket, path: str, deadline: Deadline, *, is_v2: bool
) -> RemoteFile | None:
    """What `path` is, links followed where the device has version 2; None: it is not there."""
    send(connection, _encode_path(b"STA2" if is_v2 else b"STAT", path), deadline)
    if is_v2:
        raw = receive_exactly(connection, _STAT_V2.size, deadline)
        _, error, _, _, mode, _, _, _, size, _, modified_s, _ = _STAT_V2.unpack(raw)
        is_there = error == 0
    else:
        raw = receive_exactly(connection, _STAT_V1.size, deadline)
        _, mode, size, modified_s = _STAT_V1.unpack(raw)
        is_there = mode != 0
    if not is_there:
        return None
    return RemoteFile(name=path, mode=mode, size_bytes=size, modified_s=modified_s)


def entries(
    connection: socket.socket, path: str, deadline: Deadline, *, is_v2: bool
) -> Iterator[RemoteFile]:
    """Entries of a folder but `.` and `..`, in the device's order."""
    send(connection, _encode_path(b"LIS2" if is_v2 else b"LIST", path), deadline)
    form = _STAT_V2 if is_v2 else struct.Struct("<4sIII")
    while True:
        raw = receive_exactly(connection, form.size + 4, deadline)
        if raw.startswith(b"DONE"):
            return
        (length,) = struct.unpack_from("<I", raw, form.size)
        name = os.fsdecode(receive_exactly(connection, length, deadline))
        if is_v2:
            _, _, _, _, mode, _, _, _, size, _, modified_s, _ = form.unpack_from(raw)
        else:
            _, mode, size, modified_s = form.unpack_from(raw)
        if name not in (".", ".."):
            yield RemoteFile(name=name, mode=mode, size_bytes=size, modified_s=modified_s)


def check_path(path: str) -> None:
    """Raises InputError for what cannot be a path on a device."""
    raw = os.fsencode(path)
    if not path.startswith("/") or b"\0" in raw:
        raise InputError(f"{path!r}: not an absolute path on a device")
    if len(raw) > _MAX_PATH_BYTES:
        raise InputError(
            f"{path[:40]}...: a path of {len(raw)} bytes, adb takes up to {_MAX_PATH_BYTES}"
        )


def _encode_path(name: bytes, path: str, suffix: bytes = b"") -> bytes:
    raw = os.fsencode(path)
    return _REQUEST.pack(name, len(raw + suffix)) + raw + suffix


def _failure(raw: bytes) -> CommandError | DeviceStorageError:
    reason = raw.decode("utf-8", "replace").strip() or "failed, with no reason given"
    if any(known in reason for known in _STORAGE_REASONS):
        hint = "make room on the device: qbench devices clean"
        if _DAMAGED_REASON in reason:
            hint = "Android turned its storage read-only, as after an error: restart the device"
        return DeviceStorageError(f"adb: {reason}", hint=hint)
    return CommandError(f"adb: {reason}")
