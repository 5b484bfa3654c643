"""Damaged and hostile files: each either reads, or is refused with a ModelFileError."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.real import built_in_models, face_detection_models, fixtures
from qbench.errors import ModelFileError
from qbench.modelfile import read
from qbench.records import ModelInfo

FIXTURES = fixtures()
REAL = [*face_detection_models(), *built_in_models()]
PER_FIXTURE = 500
PER_REAL = 900
PER_REAL_HEAVY = 10_000
_AWKWARD = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def _table_bytes(content: bytes) -> list[int]:
    """The offsets of the bytes that are not weights: where damage is noticed at all."""
    model = schema.Model.GetRootAs(content, 0)
    mask = bytearray(b"\1") * len(content)
    for i in range(model.BuffersLength()):
        data = model.Buffers(i).DataAsNumpy()
        if not isinstance(data, int) and len(data) > 64:
            start = data.__array_interface__["data"][0] - _address(content)
            mask[start : start + len(data)] = bytes(len(data))
    return [i for i, kept in enumerate(mask) if kept]


def _address(content: bytes) -> int:
    import numpy as np

    address: int = np.frombuffer(content, np.uint8).__array_interface__["data"][0]
    return address


class _Mutator:
    """Seeded damage to one file. Each method returns a whole new content."""

    def __init__(self, content: bytes, seed: int) -> None:
        self.content = content
        self.random = random.Random(seed)
        self.places = _table_bytes(content)

    def _place(self) -> int:
        return self.random.choice(self.places)

    def mutate(self) -> bytes:
        kinds: list[Callable[[bytearray], None]] = [
            self._flip_bits,
            self._flip_bits,
            self._set_bytes,
            self._edit_offset,
            self._edit_offset,
            self._awkward_number,
            self._splice,
            self._truncate,
        ]
        damaged = bytearray(self.content)
        for _ in range(self.random.choice((1, 1, 1, 2, 8))):
            self.random.choice(kinds)(damaged)
            if not damaged:
                break
        return bytes(damaged)

    def _at(self, damaged: bytearray, size: int) -> int:
        return min(self._place(), max(0, len(damaged) - size))

    def _flip_bits(self, damaged: bytearray) -> None:
        damaged[self._at(damaged, 1)] ^= 1 << self.random.randrange(8)

    def _set_bytes(self, damaged: bytearray) -> None:
        at = self._at(damaged, 1)
        count = self.random.randrange(1, 9)
        damaged[at : at + count] = self.random.randbytes(len(damaged[at : at + count]))

    def _edit_offset(self, damaged: bytearray) -> None:
        at = self._at(damaged, 4) & ~3
        if at + 4 <= len(damaged):
            (old,) = struct.unpack_from("<I", damaged, at)
            step = self.random.choice((-64, -8, -4, -2, -1, 1, 2, 4, 8, 64))
            struct.pack_into("<I", damaged, at, (old + step) & 0xFFFFFFFF)

    def _awkward_number(self, damaged: bytearray) -> None:
        at = self._at(damaged, 4) & ~3
        if at + 4 <= len(damaged):
            struct.pack_into("<I", damaged, at, self.random.choice((*_AWKWARD, len(damaged), at)))

    def _splice(self, damaged: bytearray) -> None:
        count = self.random.choice((4, 8, 16, 64, 256))
        source, target = self._at(damaged, count), self._at(damaged, count)
        piece = damaged[source : source + count]
        damaged[target : target + len(piece)] = piece

    def _truncate(self, damaged: bytearray) -> None:
        del damaged[
            self.random.choice((self._at(damaged, 1), self.random.randrange(len(damaged)))) :
        ]


@contextmanager
def _scratch(path: Path) -> Iterator[Callable[[bytes], ModelInfo | None]]:
    """A function that writes a content to `path` and reads it; None when it is refused."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)

    def attempt(content: bytes) -> ModelInfo | None:
        os.ftruncate(descriptor, len(content))
        os.pwrite(descriptor, content, 0)
        try:
            return read(path)
        except ModelFileError as error:
            if str(path) not in str(error):
                raise
            return None

    try:
        yield attempt
    finally:
        os.close(descriptor)


def _check_indices(model: ModelInfo) -> None:
    """What readers of a ModelInfo rely on without looking."""
    assert model.subgraphs
    for subgraph in model.subgraphs:
        count = len(subgraph.tensors)
        assert all(0 <= i < count for i in (*subgraph.inputs, *subgraph.outputs))
        for op in subgraph.ops:
            assert all(-1 <= i < count for i in op.inputs)
            assert all(0 <= i < count for i in op.outputs)
            assert op.macs is None or op.macs >= 0
        assert all(t.nbytes is None or 0 <= t.nbytes < 1 << 63 for t in subgraph.tensors)
    assert model.macs is None or model.macs >= 0
    assert model.io_dtypes is not None


def _fuzz(path: Path, count: int, folder: Path) -> tuple[int, int]:
    mutator = _Mutator(path.read_bytes(), seed=count + path.stat().st_size)
    readable = refused = 0
    with _scratch(folder / "damaged.tflite") as attempt:
        for _ in range(count):
            model = attempt(mutator.mutate())
            if model is None:
                refused += 1
            else:
                readable += 1
                _check_indices(model)
    return readable, refused


def test_at_least_20_000_mutations_are_tried() -> None:
    assert PER_FIXTURE * len(FIXTURES) + PER_REAL * len(REAL) >= 20_000


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_damaged_fixture_reads_or_is_refused(path: Path, tmp_path: Path) -> None:
    readable, refused = _fuzz(path, PER_FIXTURE, tmp_path)
    assert readable > 0
    assert refused > 0


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_a_damaged_real_model_reads_or_is_refused(path: Path, tmp_path: Path) -> None:
    readable, refused = _fuzz(path, PER_REAL, tmp_path)
    assert readable > 0
    assert refused > 0


@pytest.mark.heavy
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_a_real_model_damaged_ten_thousand_times_reads_or_is_refused(
    path: Path, tmp_path: Path
) -> None:
    readable, refused = _fuzz(path, PER_REAL_HEAVY, tmp_path)
    assert readable > 0
    assert refused > 0


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_file_cut_anywhere_in_its_weights_or_tables_is_refused(
    path: Path, tmp_path: Path
) -> None:
    """Each prefix that lacks a byte that something points at; the last bytes may be padding."""
    content = path.read_bytes()
    with _scratch(tmp_path / "cut.tflite") as attempt:
        readable = [n for n in range(len(content)) if attempt(content[:n]) is not None]
    assert all(n > len(content) - 16 for n in readable)


_any_bytes = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_any_bytes
@given(content=st.binary(max_size=400))
@example(content=b"")
@example(content=b"\0\0\0\0TFL3")
@example(content=b"\x08\0\0\0TFL3\0\0\0\0")
@example(content=b"\x08\0\0\0TFL3\x04\0\0\x80")
def test_any_bytes_at_all_are_refused(content: bytes, tmp_path: Path) -> None:
    with _scratch(tmp_path / "any.tflite") as attempt:
        assert attempt(content) is None


@_any_bytes
@given(content=st.binary(max_size=400), root=st.integers(0, 400))
def test_any_bytes_behind_a_right_head_read_or_are_refused(
    content: bytes, root: int, tmp_path: Path
) -> None:
    with _scratch(tmp_path / "any.tflite") as attempt:
        model = attempt(struct.pack("<I", root) + b"TFL3" + content)
        if model is not None:
            _check_indices(model)


@_any_bytes
@given(data=st.data(), path=st.sampled_from(FIXTURES))
def test_any_word_anywhere_reads_or_is_refused(
    data: st.DataObject, path: Path, tmp_path: Path
) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) // 4 - 1)) * 4
        struct.pack_into("<I", content, at, data.draw(st.integers(0, 0xFFFFFFFF)))
    with _scratch(tmp_path / "any.tflite") as attempt:
        model = attempt(bytes(content))
        if model is not None:
            _check_indices(model)
