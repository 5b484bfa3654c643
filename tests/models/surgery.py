"""Edits .tflite files byte by byte, to make what no writer makes: hostile and huge files."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

MODEL_SUBGRAPHS = 2
MODEL_BUFFERS = 4
SUBGRAPH_TENSORS = 0
SUBGRAPH_OPERATORS = 3


def root(file: bytes | bytearray) -> int:
    """Where the Model table is."""
    return _u32(file, 0)


def field(file: bytes | bytearray, table: int, slot: int) -> int:
    """Where a field of a table is. It must be there."""
    (back,) = struct.unpack_from("<i", file, table)
    (distance,) = struct.unpack_from("<H", file, table - back + 4 + 2 * slot)
    assert distance
    return table + int(distance)


def target(file: bytes | bytearray, place: int) -> int:
    """What the offset at `place` points at."""
    return place + _u32(file, place)


def item(file: bytes | bytearray, vector_field: int, index: int) -> int:
    """Where item `index` of a vector of tables is: the place of its offset."""
    return target(file, vector_field) + 4 + 4 * index


def subgraph(file: bytes | bytearray, index: int = 0) -> int:
    """Where a SubGraph table is."""
    return target(file, item(file, field(file, root(file), MODEL_SUBGRAPHS), index))


def point(file: bytearray, place: int, to: int) -> None:
    """Make the offset at `place` point at `to`, which must lie behind it."""
    struct.pack_into("<I", file, place, to - place)


def append_table(file: bytearray, fields: Sequence[tuple[int, bytes]]) -> int:
    """Append a table with these (slot, content) fields of 1, 2, 4 or 8 bytes; returns its place.

    A field that is an offset is to be set later, by `point(file, field(...), ...)`.
    """
    _align(file, 8)
    slots = 1 + max((slot for slot, _ in fields), default=-1)
    vtable = [0] * slots
    body = bytearray(4)
    for slot, content in fields:
        _align(body, len(content))
        vtable[slot] = len(body)
        body += content
    start = len(file)
    file += struct.pack(f"<HH{slots}H", 4 + 2 * slots, len(body), *vtable)
    _align(file, 8)
    table = len(file)
    struct.pack_into("<i", body, 0, table - start)
    file += body
    return table


def append_shared(file: bytearray, count: int, fields: Sequence[tuple[int, bytes]]) -> int:
    """Append a vector of `count` times one and the same table; returns the vector's place."""
    _align(file, 8)
    vector = len(file)
    file += struct.pack("<I", count) + bytes(4 * count)
    table = append_table(file, fields)
    places = vector + 4 + 4 * np.arange(count, dtype=np.uint64)
    file[vector + 4 : vector + 4 + 4 * count] = (table - places).astype("<u4").tobytes()
    return vector


def _u32(file: bytes | bytearray, at: int) -> int:
    return int.from_bytes(file[at : at + 4], "little")


def _align(data: bytearray, size: int) -> None:
    data += bytes(-len(data) % size)
