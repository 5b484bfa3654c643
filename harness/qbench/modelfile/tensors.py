"""Tensors of a .tflite file: shape, type, quantization, and where their constant data are."""

from __future__ import annotations

import math
from typing import NamedTuple

from qbench.modelfile.flatbuffer import Document, Table
from qbench.modelfile.schema import (
    TENSOR_TYPES,
    BufferSlot,
    ExternalBufferSlot,
    ModelSlot,
    QuantizationParametersSlot,
    TensorSlot,
)
from qbench.records import Quantization, TensorInfo

MAX_RANK = 32
MAX_VALUES = 16
MAX_TENSOR_BYTES = 1 << 62  # the runtime's size_t overflows soon after


class _Data(NamedTuple):
    """Constant data. `at` is its place in the file; None when it is in another file."""

    at: int | None
    nbytes: int


class TensorReader:
    """Reads the tensors of all subgraphs of one model, and adds up the weights they refer to."""

    def __init__(self, document: Document, model: Table) -> None:
        self._document = document
        self._file = document.file
        self._buffers = model.tables(ModelSlot.BUFFERS)
        self._external = {
            table.unsigned(ExternalBufferSlot.ID, 4): table.unsigned(ExternalBufferSlot.LENGTH, 8)
            for table in model.tables(ModelSlot.EXTERNAL_BUFFERS)
        }
        self._data: dict[int, _Data | None] = {}
        self._weights: dict[tuple[str, int], int] = {}  # where the data are -> bytes

    @property
    def weight_bytes(self) -> int:
        """Of the constants read so far, each piece of data once."""
        return sum(self._weights.values())

    def tensor(self, index: int, table: Table, *, ranks_told: bool) -> TensorInfo:
        """One tensor. `ranks_told`: the file uses `has_rank`, so without it a tensor has none."""
        bad = self._file.bad
        shape = table.ints(TensorSlot.SHAPE)
        if len(shape) > MAX_RANK:
            bad(f"rank {len(shape)}, at most {MAX_RANK} is read")
        if shape and min(shape) < -1:
            bad(f"shape {list(shape)} has a negative size")
        code = table.unsigned(TensorSlot.TYPE, 1)
        if code >= len(TENSOR_TYPES):
            bad(f"tensor type {code} is not known", hint="damaged, or for a newer TFLite")
        dtype, bits = TENSOR_TYPES[code]
        elements = 0 if -1 in shape else math.prod(shape)
        needed = 0 if bits is None else (elements * bits + 7) // 8
        if needed > MAX_TENSOR_BYTES:
            bad(f"shape {list(shape)} of {dtype} takes {needed} bytes: damaged")

        data = self._constant(table)
        if data is not None and data.nbytes == 0 and needed > 0:
            data = None  # some writers give computed tensors an empty vector
        is_sparse = table.table(TensorSlot.SPARSITY) is not None
        if data is not None and data.nbytes < needed and not is_sparse:
            bad(f"shape {list(shape)} of {dtype} takes {needed} bytes, its data has {data.nbytes}")

        sized = -1 not in shape and (
            bool(shape) or data is not None or not ranks_told or table.boolean(TensorSlot.HAS_RANK)
        )
        values = None
        nbytes = needed if sized and bits is not None else None
        if data is not None:
            nbytes = data.nbytes
            if data.at is not None and sized and not is_sparse and elements <= MAX_VALUES:
                values = self._values(dtype, data.at, elements)
        return TensorInfo(
            index=index,
            name=table.text(TensorSlot.NAME),
            shape=shape,
            dtype=dtype,
            nbytes=nbytes,
            is_constant=data is not None,
            is_dynamic=not sized or -1 in table.ints(TensorSlot.SHAPE_SIGNATURE),
            is_variable=table.boolean(TensorSlot.IS_VARIABLE),
            is_sparse=is_sparse,
            quantization=self._quantization(table, len(shape)),
            values=values,
        )

    def _values(self, dtype: str, at: int, count: int) -> tuple[int, ...] | None:
        if dtype == "int32":
            return self._document.ints(at, count, "i")
        return self._document.ints(at, count, "q") if dtype == "int64" else None

    def _constant(self, tensor: Table) -> _Data | None:
        """The data behind a tensor; None when it has none, i.e. is computed at run time."""
        external = tensor.unsigned(TensorSlot.EXTERNAL_BUFFER, 4)
        if external:
            length = self._external.get(external)
            if length is None:
                self._file.bad(f"external buffer {external} is not in the file's list")
            if length > MAX_TENSOR_BYTES:
                self._file.bad(f"external buffer {external} has {length} bytes: damaged")
            self._weights["external", external] = length
            return _Data(None, length)
        index = tensor.unsigned(TensorSlot.BUFFER, 4)
        if index not in self._data:
            self._data[index] = self._buffer(index)
        return self._data[index]

    def _buffer(self, index: int) -> _Data | None:
        # Buffer 0 stands for "no data" (schema.fbs), also in a file without buffers.
        if index == 0:
            return None
        if index >= len(self._buffers):
            self._file.bad(f"buffer {index} does not exist, there are {len(self._buffers)}")
        buffer = self._buffers[index]
        data = None
        # Above 2 GiB data lies after the FlatBuffer; an offset of 0 or 1 is a place holder.
        offset = buffer.unsigned(BufferSlot.OFFSET, 8)
        if buffer.has(BufferSlot.DATA):
            data = _Data(*buffer.vector(BufferSlot.DATA, 1))
        elif offset > 1:
            data = _Data(offset, buffer.unsigned(BufferSlot.SIZE, 8))
            self._document.check_inside(offset, data.nbytes)
        if data is not None and data.at is not None:
            self._weights["file", data.at] = data.nbytes
        return data

    def _quantization(self, tensor: Table, rank: int) -> Quantization | None:
        """None also for block-wise quantization: its scales are a tensor of their own."""
        table = tensor.table(TensorSlot.QUANTIZATION)
        if table is None:
            return None
        scales_at, channels = table.vector(QuantizationParametersSlot.SCALE, 4)
        if channels == 0:
            return None
        points_at, points = table.vector(QuantizationParametersSlot.ZERO_POINT, 8)
        axis = table.signed(QuantizationParametersSlot.QUANTIZED_DIMENSION, 4)
        if channels > 1 and not 0 <= axis < rank:
            self._file.bad(f"is quantized along axis {axis}, its rank is {rank}")
        return Quantization(
            scale=self._document.float32(scales_at),
            zero_point=self._document.ints(points_at, 1, "q")[0] if points else 0,
            channels=channels,
            axis=axis,
            zero_points_all_zero=self._document.all_zero(points_at, 8 * points),
        )
