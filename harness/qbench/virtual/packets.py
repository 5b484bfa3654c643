"""ADB transport packets: a 24-byte header and up to `MAX_PAYLOAD_BYTES` of data.

Source: AOSP packages/modules/adb/protocol.txt and adb.h.
"""

from __future__ import annotations

import struct
from typing import NamedTuple


def _word(name: bytes) -> int:
    return int.from_bytes(name, "little")


CNXN, AUTH, OPEN, OKAY, WRTE, CLSE = (
    _word(name) for name in (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"WRTE", b"CLSE")
)

AUTH_TOKEN, AUTH_SIGNATURE, AUTH_PUBLIC_KEY = 1, 2, 3

VERSION = 0x01000001
VERSION_WITH_CHECKSUM = 0x01000000  # peers up to this one verify the sum of the payload
MAX_PAYLOAD_BYTES = 1 << 20  # what adb 29.0.6 and 36.0.0 both announce

HEADER_BYTES = 24
_HEADER = struct.Struct("<6I")


class BadPacketError(Exception):
    """Bytes that are no ADB packet; the connection cannot go on."""


class Header(NamedTuple):
    command: int
    arg0: int
    arg1: int
    size_bytes: int


def encode_header(command: int, arg0: int, arg1: int, data: bytes, *, checksum: bool) -> bytes:
    total = sum(data) & 0xFFFFFFFF if checksum else 0
    return _HEADER.pack(command, arg0, arg1, len(data), total, command ^ 0xFFFFFFFF)


def decode_header(raw: bytes) -> Header:
    """Raises BadPacketError when the magic or the size is wrong."""
    command, arg0, arg1, size_bytes, _checksum, magic = _HEADER.unpack(raw)
    if magic != command ^ 0xFFFFFFFF:
        raise BadPacketError(f"magic {magic:#x} does not fit command {command:#x}")
    if size_bytes > MAX_PAYLOAD_BYTES:
        raise BadPacketError(f"payload of {size_bytes} bytes, at most {MAX_PAYLOAD_BYTES}")
    return Header(command, arg0, arg1, size_bytes)
