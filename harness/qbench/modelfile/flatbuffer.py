"""FlatBuffers tables over a FileBytes: just what reading a .tflite file takes.

Wire format: https://flatbuffers.dev/internals/. All numbers are little-endian. A table starts with
an int32 distance back to its vtable: uint16 vtable bytes, uint16 table bytes, then one uint16
per field: where the field is, from the table's start; 0 = absent, so the schema's default holds.
Tables, vectors and strings are reached by uint32 distances, which only point forward: a walk of
fixed depth cannot run in circles.

`slot` is the number of a field in its table, from 0, as in `schema.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NoReturn

from qbench.modelfile.file import FileBytes

_I32 = struct.Struct("<i").unpack
_F32 = struct.Struct("<f").unpack
_VTABLE_HEAD = struct.Struct("<HH").unpack

# More than any slot that is read. Newer schemas may have more fields; they are not looked at.
_FIELDS = 16
_MAX_VTABLES = 4096
_BYTES = {"i": 4, "q": 8}
# Enough for nearly all; more is read when it is not.
_USUAL_TABLE_BYTES = 64
_USUAL_VECTOR_BYTES = 36
_USUAL_TEXT_BYTES = 68

# What one file may make us hold and do in total. Real models stay far below: one with 700 operators
# has 2,500 tables, 6,000 numbers and 30 kB of names. At all limits at once: 0.2 GB, some seconds.
MAX_TABLES = 250_000
MAX_INTS = 2_000_000
MAX_NAME_BYTES = 1 << 16
MAX_ALL_NAMES_BYTES = 1 << 24
MAX_SCANNED_BYTES = 1 << 26
_SCAN_BYTES = 1 << 16


class Document:
    """One FlatBuffers file, with limits on what is taken from it altogether."""

    __slots__ = ("_ints", "_names", "_scanned", "_tables", "_vtables", "file")

    def __init__(self, file: FileBytes) -> None:
        self.file = file
        self._vtables: dict[int, tuple[tuple[int, ...], int]] = {}
        self._tables = 0
        self._ints = 0
        self._names = 0
        self._scanned = 0

    def root(self) -> Table:
        return Table(self, self.u32(0))

    def u32(self, at: int) -> int:
        return int.from_bytes(self.file.read(at, 4), "little")

    def table_at(self, at: int) -> tuple[tuple[int, ...], bytes]:
        """Where the fields of the table at `at` are, from its start, and its bytes."""
        self._tables += 1
        if self._tables > MAX_TABLES:
            self.file.bad(f"has more than {MAX_TABLES} tables: qbench does not read such a file")
        data = self.file.peek(at, 4, _USUAL_TABLE_BYTES)
        (back,) = _I32(data[:4])
        vtable = self._vtables.get(at - back)
        if vtable is None:
            vtable = self._vtable(at - back)
        distances, size = vtable
        return distances, data if size <= len(data) else self.file.peek(at, len(data), size)

    def _vtable(self, place: int) -> tuple[tuple[int, ...], int]:
        vtable_bytes, table_bytes = _VTABLE_HEAD(self.file.read(place, 4))
        if vtable_bytes < 4 or vtable_bytes % 2:
            self.file.bad(f"a vtable of {vtable_bytes} bytes at {place}: damaged")
        count = min((vtable_bytes - 4) // 2, _FIELDS)
        present = struct.unpack(f"<{count}H", self.file.read(place + 4, 2 * count))
        distances = present + (0,) * (_FIELDS - count)
        if len(self._vtables) >= _MAX_VTABLES:
            self._vtables.clear()
        self._vtables[place] = distances, table_bytes
        return distances, table_bytes

    def ints(self, at: int, count: int, code: str) -> tuple[int, ...]:
        """`count` numbers of struct format `code` (i or q) from `at`."""
        self._count_ints(count)
        return struct.unpack(f"<{count}{code}", self.file.read(at, count * _BYTES[code]))

    def vector_of_ints(self, at: int, code: str) -> tuple[int, ...]:
        """The vector at `at`, of struct format `code` (i or q)."""
        data = self.file.peek(at, 4, _USUAL_VECTOR_BYTES)
        count = int.from_bytes(data[:4], "little")
        if 4 + count * _BYTES[code] > len(data):
            return self.ints(at + 4, count, code)
        self._count_ints(count)
        return struct.unpack_from(f"<{count}{code}", data, 4)

    def _count_ints(self, count: int) -> None:
        self._ints += count
        if self._ints > MAX_INTS:
            self.file.bad(
                f"has more than {MAX_INTS} numbers in its vectors: qbench does not read such a file"
            )

    def float32(self, at: int) -> float:
        value: float = _F32(self.file.read(at, 4))[0]
        return value

    def text(self, at: int) -> str:
        data = self.file.peek(at, 4, _USUAL_TEXT_BYTES)
        count = int.from_bytes(data[:4], "little")
        if count > MAX_NAME_BYTES:
            self.file.bad(f"a name of {count} bytes, at most {MAX_NAME_BYTES} are read")
        self._names += count
        if self._names > MAX_ALL_NAMES_BYTES:
            self.file.bad(f"names of more than {MAX_ALL_NAMES_BYTES} bytes in total")
        if 4 + count > len(data):
            data = self.file.read(at, 4 + count)
        return data[4 : 4 + count].decode("utf-8", "replace")

    def all_zero(self, at: int, count: int) -> bool:
        """Are the `count` bytes from `at` all zero? Read piece by piece."""
        self._scanned += count
        if self._scanned > MAX_SCANNED_BYTES:
            self.file.bad(f"quantization of more than {MAX_SCANNED_BYTES} bytes in total")
        self.check_inside(at, count)
        for place in range(at, at + count, _SCAN_BYTES):
            piece = self.file.read(place, min(_SCAN_BYTES, at + count - place))
            if piece.count(0) != len(piece):
                return False
        return True

    def check_inside(self, at: int, count: int) -> None:
        """Raise ModelFileError when `count` bytes from `at` are not all in the file."""
        if at < 0 or at + count > self.file.size:
            self.file.bad(
                f"{count} bytes of data at {at} end beyond the file's "
                f"{self.file.size} bytes: cut short or damaged"
            )


class Table:
    """One table. Absent fields give the default that the caller passes."""

    __slots__ = ("_at", "_data", "_document", "_fields")

    def __init__(self, document: Document, at: int) -> None:
        self._document = document
        self._at = at
        self._fields, self._data = document.table_at(at)

    def has(self, slot: int) -> bool:
        return self._fields[slot] != 0

    def _bytes(self, slot: int, size: int) -> bytes:
        """The bytes of a field; none when it is absent."""
        distance = self._fields[slot]
        if not distance:
            return b""
        data = self._data[distance : distance + size]
        # A table may tell a size that its fields exceed; what counts is the file.
        return data if len(data) == size else self._document.file.read(self._at + distance, size)

    def unsigned(self, slot: int, size: int, default: int = 0) -> int:
        data = self._bytes(slot, size)
        return int.from_bytes(data, "little") if data else default

    def signed(self, slot: int, size: int, default: int = 0) -> int:
        data = self._bytes(slot, size)
        return int.from_bytes(data, "little", signed=True) if data else default

    def boolean(self, slot: int, default: bool = False) -> bool:
        return self.unsigned(slot, 1, default) != 0

    def float32(self, slot: int, default: float = 0.0) -> float:
        data = self._bytes(slot, 4)
        value: float = _F32(data)[0] if data else default
        return value

    def _target(self, slot: int) -> int:
        """What an offset points at; 0 (no place of any object) when it is absent."""
        data = self._bytes(slot, 4)
        return self._at + self._fields[slot] + int.from_bytes(data, "little") if data else 0

    def table(self, slot: int) -> Table | None:
        target = self._target(slot)
        return Table(self._document, target) if target else None

    def vector(self, slot: int, item_bytes: int) -> tuple[int, int]:
        """Offset and length of a vector; (0, 0) when absent. Its bytes are all in the file."""
        target = self._target(slot)
        if not target:
            return 0, 0
        count = self._document.u32(target)
        self._document.check_inside(target + 4, count * item_bytes)
        return target + 4, count

    def ints(self, slot: int, code: str = "i") -> tuple[int, ...]:
        target = self._target(slot)
        return self._document.vector_of_ints(target, code) if target else ()

    def tables(self, slot: int) -> Tables:
        at, count = self.vector(slot, 4)
        return Tables(self._document, at, count)

    def text(self, slot: int) -> str:
        target = self._target(slot)
        return self._document.text(target) if target else ""

    def bad(self, what: str) -> NoReturn:
        self._document.file.bad(what)


class Tables:
    """A vector of tables; each is looked at when asked for."""

    __slots__ = ("_at", "_count", "_document")

    def __init__(self, document: Document, at: int, count: int) -> None:
        if count > MAX_TABLES:
            document.file.bad(f"a vector of {count} tables, at most {MAX_TABLES} are read")
        self._document = document
        self._at = at
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Table]:
        distances = struct.unpack(
            f"<{self._count}I", self._document.file.read(self._at, 4 * self._count)
        )
        for index, distance in enumerate(distances):
            yield Table(self._document, self._at + 4 * index + distance)

    def __getitem__(self, index: int) -> Table:
        place = self._at + 4 * index
        return Table(self._document, place + self._document.u32(place))
