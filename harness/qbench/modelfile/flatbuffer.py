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
from collections.abc import Iterator, Sequence
from typing import NoReturn, overload

from qbench.modelfile.file import FileBytes

_I32 = struct.Struct("<i").unpack
_U32 = struct.Struct("<I").unpack
_F32 = struct.Struct("<f").unpack
_VTABLE_HEAD = struct.Struct("<HH").unpack

# Newer schemas add fields; no table of the known one has more than 19.
_MAX_FIELDS = 64
_MAX_VTABLES = 4096

# What a file may make us hold or do in total; real models stay far below.
MAX_TABLES = 500_000
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
        self._vtables: dict[int, tuple[int, ...]] = {}
        self._tables = 0
        self._ints = 0
        self._names = 0
        self._scanned = 0

    def root(self) -> Table:
        return Table(self, self.u32(0))

    def u32(self, at: int) -> int:
        return int.from_bytes(self.file.read(at, 4), "little")

    def fields(self, at: int) -> tuple[int, ...]:
        """The field distances of the table at `at`."""
        self._tables += 1
        if self._tables > MAX_TABLES:
            self.file.bad(f"has more than {MAX_TABLES} tables: qbench does not read such a file")
        (back,) = _I32(self.file.read(at, 4))
        place = at - back
        known = self._vtables.get(place)
        if known is not None:
            return known
        vtable_bytes, _ = _VTABLE_HEAD(self.file.read(place, 4))
        if vtable_bytes < 4 or vtable_bytes % 2:
            self.file.bad(f"a vtable of {vtable_bytes} bytes at {place}: damaged")
        count = min((vtable_bytes - 4) // 2, _MAX_FIELDS)
        distances = struct.unpack(f"<{count}H", self.file.read(place + 4, 2 * count))
        if len(self._vtables) >= _MAX_VTABLES:
            self._vtables.clear()
        self._vtables[place] = distances
        return distances

    def ints(self, at: int, count: int, code: str) -> tuple[int, ...]:
        """`count` numbers of struct format `code` (i, I, q) from `at`."""
        self._ints += count
        if self._ints > MAX_INTS:
            self.file.bad(
                f"has more than {MAX_INTS} numbers in its vectors: qbench does not read such a file"
            )
        size = 8 if code == "q" else 4
        return struct.unpack(f"<{count}{code}", self.file.read(at, count * size))

    def float32(self, at: int) -> float:
        value: float = _F32(self.file.read(at, 4))[0]
        return value

    def text(self, at: int) -> str:
        count = self.u32(at)
        if count > MAX_NAME_BYTES:
            self.file.bad(f"a name of {count} bytes, at most {MAX_NAME_BYTES} are read")
        self._names += count
        if self._names > MAX_ALL_NAMES_BYTES:
            self.file.bad(f"names of more than {MAX_ALL_NAMES_BYTES} bytes in total")
        return self.file.read(at + 4, count).decode("utf-8", "replace")

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

    __slots__ = ("_at", "_document", "_fields")

    def __init__(self, document: Document, at: int) -> None:
        self._document = document
        self._at = at
        self._fields = document.fields(at)

    def _place(self, slot: int) -> int:
        """Where field `slot` is; 0 (never a field's place) when it is absent."""
        distance = self._fields[slot] if slot < len(self._fields) else 0
        return self._at + distance if distance else 0

    def has(self, slot: int) -> bool:
        return self._place(slot) != 0

    def unsigned(self, slot: int, size: int, default: int = 0) -> int:
        place = self._place(slot)
        return int.from_bytes(self._document.file.read(place, size), "little") if place else default

    def signed(self, slot: int, size: int, default: int = 0) -> int:
        place = self._place(slot)
        if not place:
            return default
        return int.from_bytes(self._document.file.read(place, size), "little", signed=True)

    def boolean(self, slot: int, default: bool = False) -> bool:
        return self.unsigned(slot, 1, default) != 0

    def float32(self, slot: int, default: float = 0.0) -> float:
        place = self._place(slot)
        return self._document.float32(place) if place else default

    def _target(self, slot: int) -> int:
        place = self._place(slot)
        return place + self._document.u32(place) if place else 0

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
        at, count = self.vector(slot, 8 if code == "q" else 4)
        return self._document.ints(at, count, code) if count else ()

    def tables(self, slot: int) -> Tables:
        at, count = self.vector(slot, 4)
        return Tables(self._document, at, count)

    def text(self, slot: int) -> str:
        target = self._target(slot)
        return self._document.text(target) if target else ""

    def bad(self, what: str) -> NoReturn:
        self._document.file.bad(what)


class Tables(Sequence[Table]):
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
        return map(self._item, range(self._count))

    @overload
    def __getitem__(self, index: int) -> Table: ...
    @overload
    def __getitem__(self, index: slice) -> list[Table]: ...
    def __getitem__(self, index: int | slice) -> Table | list[Table]:
        if isinstance(index, slice):
            return [self._item(i) for i in range(*index.indices(self._count))]
        return self._item(range(self._count)[index])

    def _item(self, index: int) -> Table:
        place = self._at + 4 * index
        return Table(self._document, place + self._document.u32(place))
