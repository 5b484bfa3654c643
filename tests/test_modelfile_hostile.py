"""Files that ask for too much: refused at a bounded cost in memory."""

from __future__ import annotations

import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from models import surgery
from models.make_fixtures import FOLDER
from qbench.errors import ModelFileError
from qbench.modelfile import read
from qbench.modelfile.flatbuffer import (
    MAX_ALL_NAMES_BYTES,
    MAX_INTS,
    MAX_NAME_BYTES,
    MAX_SCANNED_BYTES,
    MAX_TABLES,
)


def _base() -> bytearray:
    return bytearray((FOLDER / "cnn_fp32.tflite").read_bytes())


def _tensors_field(file: bytearray) -> int:
    return surgery.field(file, surgery.subgraph(file), surgery.SUBGRAPH_TENSORS)


def _refused_within(content: bytearray, folder: Path, megabytes: int) -> str:
    """The refusal, after a look at how much memory was asked for at most at one time."""
    path = folder / "hostile.tflite"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError) as caught:
            read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1_000_000
    return str(caught.value)


def test_a_vector_of_millions_of_tensors_is_refused_at_once(tmp_path: Path) -> None:
    file = _base()
    vector = surgery.append_shared(file, 4_000_000, [])
    surgery.point(file, _tensors_field(file), vector)
    said = f"subgraph 0: a vector of 4000000 tables, at most {MAX_TABLES} are read"
    assert said in _refused_within(file, tmp_path, 1)


def test_many_subgraphs_that_share_many_tensors_are_refused(tmp_path: Path) -> None:
    file = _base()
    graphs = surgery.field(file, surgery.root(file), surgery.MODEL_SUBGRAPHS)
    many = surgery.append_shared(file, 1000, [(surgery.SUBGRAPH_TENSORS, bytes(4))])
    shared = surgery.target(file, many + 4)
    tensors = surgery.append_shared(file, 50_000, [])
    surgery.point(file, surgery.field(file, shared, surgery.SUBGRAPH_TENSORS), tensors)
    surgery.point(file, graphs, many)
    assert f"has more than {MAX_TABLES} tables" in _refused_within(file, tmp_path, 60)


def test_operators_that_share_a_long_list_of_inputs_are_refused(tmp_path: Path) -> None:
    file = _base()
    operators = surgery.field(file, surgery.subgraph(file), surgery.SUBGRAPH_OPERATORS)
    add = [op.name for op in read(FOLDER / "cnn_fp32.tflite").main.ops].index("ADD")
    vector = surgery.append_shared(file, 1000, [(0, struct.pack("<I", add)), (1, bytes(4))])
    operator = surgery.target(file, vector + 4)
    inputs = len(file)
    file += struct.pack("<I", 100_000) + np.full(100_000, -1, "<i4").tobytes()
    surgery.point(file, surgery.field(file, operator, 1), inputs)
    surgery.point(file, operators, vector)
    said = f"has more than {MAX_INTS} numbers in its vectors"
    assert said in _refused_within(file, tmp_path, 100)


def test_tensors_that_share_a_long_name_are_refused(tmp_path: Path) -> None:
    file = _base()
    vector = surgery.append_shared(file, 10_000, [(3, bytes(4))])
    tensor = surgery.target(file, vector + 4)
    name = len(file)
    file += struct.pack("<I", MAX_NAME_BYTES) + b"n" * (MAX_NAME_BYTES + 1)
    surgery.point(file, surgery.field(file, tensor, 3), name)
    surgery.point(file, _tensors_field(file), vector)
    said = f"names of more than {MAX_ALL_NAMES_BYTES} bytes in total"
    assert said in _refused_within(file, tmp_path, 40)


def test_tensors_that_share_a_long_quantization_are_refused(tmp_path: Path) -> None:
    file = _base()
    vector = surgery.append_shared(file, 1000, [(4, bytes(4))])
    tensor = surgery.target(file, vector + 4)
    quantization = surgery.append_table(file, [(2, bytes(4)), (3, bytes(4))])
    surgery.point(file, surgery.field(file, tensor, 4), quantization)
    points = len(file)
    count = MAX_SCANNED_BYTES // 8 // 8
    file += struct.pack("<I", count) + bytes(8 * count)
    scale = len(file)
    file += struct.pack("<If", 1, 0.5)
    surgery.point(file, surgery.field(file, quantization, 2), scale)
    surgery.point(file, surgery.field(file, quantization, 3), points)
    surgery.point(file, _tensors_field(file), vector)
    said = f"quantization of more than {MAX_SCANNED_BYTES} bytes in total"
    assert said in _refused_within(file, tmp_path, 12)


def test_a_table_that_is_its_own_vtable_is_refused(tmp_path: Path) -> None:
    file = _base()
    struct.pack_into("<i", file, surgery.root(file), 0)
    assert str(tmp_path) in _refused_within(file, tmp_path, 1)


def test_a_terabyte_of_nothing_behind_a_model_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "terabyte.tflite"
    path.write_bytes(_base())
    os.truncate(path, 1 << 40)
    assert read(path).file_bytes == 1 << 40
