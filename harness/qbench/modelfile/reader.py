"""From a .tflite file to a ModelInfo: the walk over its tables. No weight is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from qbench.modelfile.file import FileBytes
from qbench.modelfile.flatbuffer import Document, Table
from qbench.modelfile.macs import INPUT_RANKS, MIN_INPUTS, OUTPUT_RANKS, Shape, count_macs
from qbench.modelfile.options import read_options
from qbench.modelfile.precision import classify
from qbench.modelfile.schema import (
    BUILTIN_OPERATORS,
    CUSTOM,
    FILE_IDENTIFIER,
    SCHEMA_VERSION,
    TENSOR_TYPES,
    BufferSlot,
    ExternalBufferSlot,
    MetadataSlot,
    ModelSlot,
    OperatorCodeSlot,
    OperatorSlot,
    QuantizationParametersSlot,
    SignatureDefSlot,
    SubGraphSlot,
    TensorSlot,
)
from qbench.records import ModelInfo, OpInfo, Quantization, SubgraphInfo, TensorInfo

MAX_RANK = 32
MAX_VALUES = 16
_MAX_BYTES = 1 << 62  # of one tensor; the runtime's size_t overflows soon after

# What a file that is no .tflite starts with.
_OTHER_FORMATS = (
    (b"\x93NUMPY", "a NumPy array"),
    (b"PK\x03\x04", "a zip archive (a Keras model, a MediaPipe .task bundle, ...)"),
    (b"\x89HDF", "an HDF5 file (a Keras model)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"<", "an HTML or XML page"),
)

# Operators whose output sizes are known only when they run, even if all input shapes are.
_DATA_DEPENDENT = frozenset(
    {
        "CUSTOM",
        "NON_MAX_SUPPRESSION_V4",
        "NON_MAX_SUPPRESSION_V5",
        "RANGE",
        "SPARSE_TO_DENSE",
        "UNIQUE",
        "WHERE",
    }
)


class _Data(NamedTuple):
    """Where the bytes of a constant are. `at` is None when they are in another file."""

    at: int | None
    nbytes: int


class _Opcode(NamedTuple):
    name: str
    custom_name: str | None
    version: int


def read(path: Path) -> ModelInfo:
    """What a .tflite file says about itself; `sha256` is left None.

    Raises ModelFileError, naming the file and what is wrong, for whatever is not a whole and sound
    .tflite file, and for a file that is written to meanwhile. What it costs in time and memory is
    bounded by the limits in `flatbuffer.py`, whatever the file says. Indices in the result
    (tensors of operators, inputs, outputs) are valid, and ranks are as `macs.INPUT_RANKS` says.
    """
    with FileBytes(path) as file:
        _check_format(file)
        info = _Reader(file).model()
        file.check_unchanged()
    return info


def _check_format(file: FileBytes) -> None:
    if file.size == 0:
        file.bad("is empty")
    head = file.read(0, min(file.size, 64))
    if head[4:8] == FILE_IDENTIFIER:
        return
    hint = "give a .tflite file"
    for start, name in _OTHER_FORMATS:
        if head.startswith(start):
            file.bad(f"is {name}, not a .tflite file", hint=hint)
    if file.size < 8:
        file.bad(f"has {file.size} bytes: too short for a .tflite file", hint=hint)
    file.bad(
        f"is not a .tflite file: bytes 4 to 8 are {head[4:8]!r}, not {FILE_IDENTIFIER!r}", hint=hint
    )


class _Reader:
    def __init__(self, file: FileBytes) -> None:
        self._file = file
        self._document = Document(file)
        self._model = self._document.root()
        self._buffers: Sequence[Table] = ()
        self._external: dict[int, int] = {}
        self._data: dict[int, _Data | None] = {}
        self._weights: dict[tuple[str, int], int] = {}  # where -> bytes, each once
        self._ranks_told = False

    def model(self) -> ModelInfo:
        file, model = self._file, self._model
        version = model.unsigned(ModelSlot.VERSION, 4)
        if version != SCHEMA_VERSION:
            file.bad(f"has schema version {version}; TFLite runs version {SCHEMA_VERSION} only")
        description = model.text(ModelSlot.DESCRIPTION)
        self._buffers = model.tables(ModelSlot.BUFFERS)
        self._external = {
            table.unsigned(ExternalBufferSlot.ID, 4): table.unsigned(ExternalBufferSlot.LENGTH, 8)
            for table in model.tables(ModelSlot.EXTERNAL_BUFFERS)
        }
        opcodes = self._opcodes()
        file.where = ("a subgraph",)
        tables = list(model.tables(ModelSlot.SUBGRAPHS))
        if not tables:
            file.where = ()
            file.bad("has no subgraph")
        tensors = [list(table.tables(SubGraphSlot.TENSORS)) for table in tables]
        self._ranks_told = any(t.boolean(TensorSlot.HAS_RANK) for part in tensors for t in part)
        subgraphs = tuple(
            self._subgraph(index, table, tensors[index], opcodes)
            for index, table in enumerate(tables)
        )
        file.where = ("metadata",)
        metadata = tuple(t.text(MetadataSlot.NAME) for t in model.tables(ModelSlot.METADATA))
        file.where = ("a signature",)
        signatures = tuple(
            t.text(SignatureDefSlot.SIGNATURE_KEY) for t in model.tables(ModelSlot.SIGNATURE_DEFS)
        )
        return ModelInfo(
            path=str(file.path),
            file_bytes=file.size,
            schema_version=version,
            description=description,
            precision=classify(subgraphs),
            subgraphs=subgraphs,
            weight_bytes=sum(self._weights.values()),
            activation_bytes=_sum([t.nbytes for t in subgraphs[0].tensors if not t.is_constant]),
            metadata_names=metadata,
            signature_names=signatures,
        )

    def _opcodes(self) -> list[_Opcode]:
        opcodes = []
        for index, table in enumerate(self._model.tables(ModelSlot.OPERATOR_CODES)):
            self._file.where = ("operator code", index)
            # Codes above 127 do not fit the old int8 field, which then holds a place holder.
            code = max(
                table.signed(OperatorCodeSlot.DEPRECATED_BUILTIN_CODE, 1),
                table.signed(OperatorCodeSlot.BUILTIN_CODE, 4),
            )
            if not 0 <= code < len(BUILTIN_OPERATORS):
                self._file.bad(
                    f"builtin operator {code} is not known",
                    hint="damaged, or made for a newer TFLite than qbench knows",
                )
            custom = table.text(OperatorCodeSlot.CUSTOM_CODE) if code == CUSTOM else None
            version = table.signed(OperatorCodeSlot.VERSION, 4, 1)
            opcodes.append(_Opcode(BUILTIN_OPERATORS[code], custom, version))
        return opcodes

    def _subgraph(
        self, number: int, table: Table, tensor_tables: list[Table], opcodes: list[_Opcode]
    ) -> SubgraphInfo:
        file = self._file
        count = len(tensor_tables)
        file.where = ("subgraph", number)
        name = table.text(SubGraphSlot.NAME)
        inputs = self._indices("input", table.ints(SubGraphSlot.INPUTS), 0, count)
        outputs = self._indices("output", table.ints(SubGraphSlot.OUTPUTS), 0, count)
        tensors = []
        for index, tensor in enumerate(tensor_tables):
            file.where = ("subgraph", number, "tensor", index)
            tensors.append(self._tensor(index, tensor))
        ops = []
        for index, operator in enumerate(table.tables(SubGraphSlot.OPERATORS)):
            file.where = ("subgraph", number, "operator", index)
            ops.append(self._operator(index, operator, opcodes, count))
        file.where = ("subgraph", number)
        self._check_order(ops)
        unknown = self._unknown_shapes(tensors, ops)
        for index in unknown:
            tensors[index] = replace(tensors[index], nbytes=None, is_dynamic=True)
        shapes = [None if t.index in unknown else t.shape for t in tensors]
        for index, op in enumerate(ops):
            file.where = ("subgraph", number, "operator", index, op.label)
            ops[index] = self._counted(op, shapes)
        return SubgraphInfo(number, name, tuple(tensors), tuple(ops), inputs, outputs)

    def _indices(
        self, what: str, indices: tuple[int, ...], lowest: int, count: int
    ) -> tuple[int, ...]:
        for index in indices:
            if not lowest <= index < count:
                self._file.bad(f"{what} is tensor {index}, there are {count}")
        return indices

    def _tensor(self, index: int, table: Table) -> TensorInfo:
        shape = table.ints(TensorSlot.SHAPE)
        if len(shape) > MAX_RANK:
            self._file.bad(f"rank {len(shape)}, at most {MAX_RANK} is read")
        if shape and min(shape) < -1:
            self._file.bad(f"shape {list(shape)} has a negative size")
        code = table.unsigned(TensorSlot.TYPE, 1)
        if code >= len(TENSOR_TYPES):
            self._file.bad(
                f"tensor type {code} is not known",
                hint="damaged, or made for a newer TFLite than qbench knows",
            )
        dtype, bits = TENSOR_TYPES[code]
        data = self._constant(table)
        is_sparse = table.table(TensorSlot.SPARSITY) is not None
        unranked = (
            not shape
            and data is None
            and self._ranks_told
            and not table.boolean(TensorSlot.HAS_RANK)
        )
        sized = -1 not in shape and not unranked
        elements = math.prod(shape) if sized else 0
        nbytes = (elements * bits + 7) // 8 if sized and bits is not None else None
        if nbytes is not None and nbytes > _MAX_BYTES:
            self._file.bad(f"shape {list(shape)} of {dtype} is {nbytes} bytes: damaged")
        values: tuple[int, ...] | None = None
        if data is not None:
            if nbytes is not None and not is_sparse and data.nbytes < nbytes:
                self._file.bad(
                    f"shape {list(shape)} of {dtype} takes {nbytes} bytes, "
                    f"its data has {data.nbytes}"
                )
            nbytes = data.nbytes
            if (
                dtype in ("int32", "int64")
                and sized
                and elements <= MAX_VALUES
                and data.at is not None
                and not is_sparse
            ):
                values = self._document.ints(data.at, elements, "i" if dtype == "int32" else "q")
        signature = table.ints(TensorSlot.SHAPE_SIGNATURE)
        return TensorInfo(
            index=index,
            name=table.text(TensorSlot.NAME),
            shape=shape,
            dtype=dtype,
            nbytes=nbytes,
            is_constant=data is not None,
            is_dynamic=not sized or -1 in signature,
            is_variable=table.boolean(TensorSlot.IS_VARIABLE),
            is_sparse=is_sparse,
            quantization=self._quantization(table, shape),
            values=values,
        )

    def _constant(self, tensor: Table) -> _Data | None:
        """The data behind a tensor; None when it has none, i.e. is computed at run time."""
        external = tensor.unsigned(TensorSlot.EXTERNAL_BUFFER, 4)
        if external:
            length = self._external.get(external)
            if length is None:
                self._file.bad(f"external buffer {external} is not in the file's list")
            self._weights["external", external] = length
            return _Data(None, length)
        index = tensor.unsigned(TensorSlot.BUFFER, 4)
        if index >= len(self._buffers):
            # Buffer 0 is "no data"; a file without any buffer may still point at it.
            if index == 0:
                return None
            self._file.bad(f"buffer {index} does not exist, there are {len(self._buffers)}")
        if index not in self._data:
            self._data[index] = self._buffer_data(self._buffers[index])
        data = self._data[index]
        if data is not None and data.at is not None:
            self._weights["at", data.at] = data.nbytes
        return data

    def _buffer_data(self, buffer: Table) -> _Data | None:
        at, count = buffer.vector(BufferSlot.DATA, 1)
        if count:
            return _Data(at, count)
        # Above 2 GiB data lies after the FlatBuffer; an offset of 0 or 1 is a place holder.
        offset = buffer.unsigned(BufferSlot.OFFSET, 8)
        if offset <= 1:
            return None
        size = buffer.unsigned(BufferSlot.SIZE, 8)
        self._document.inside(offset, size)
        return _Data(offset, size) if size else None

    def _quantization(self, tensor: Table, shape: Shape) -> Quantization | None:
        """None also for block-wise quantization: its scales are a tensor of their own."""
        table = tensor.table(TensorSlot.QUANTIZATION)
        if table is None:
            return None
        _, channels = table.vector(QuantizationParametersSlot.SCALE, 4)
        if channels == 0:
            return None
        at, points = table.vector(QuantizationParametersSlot.ZERO_POINT, 8)
        axis = table.signed(QuantizationParametersSlot.QUANTIZED_DIMENSION, 4)
        if channels > 1 and not 0 <= axis < len(shape):
            self._file.bad(f"is quantized along axis {axis}, its rank is {len(shape)}")
        return Quantization(
            scale=table.first_float32(QuantizationParametersSlot.SCALE),
            zero_point=self._document.ints(at, 1, "q")[0] if points else 0,
            channels=channels,
            axis=axis,
            zero_points_all_zero=self._document.all_zero(at, 8 * points),
        )

    def _operator(
        self, index: int, table: Table, opcodes: list[_Opcode], tensor_count: int
    ) -> OpInfo:
        number = table.unsigned(OperatorSlot.OPCODE_INDEX, 4)
        if number >= len(opcodes):
            self._file.bad(f"operator code {number} does not exist, there are {len(opcodes)}")
        name, custom_name, version = opcodes[number]
        return OpInfo(
            index=index,
            name=name,
            version=version,
            inputs=self._indices("input", table.ints(OperatorSlot.INPUTS), -1, tensor_count),
            outputs=self._indices("output", table.ints(OperatorSlot.OUTPUTS), 0, tensor_count),
            macs=0,
            options=read_options(name, table),
            custom_name=custom_name,
        )

    def _check_order(self, ops: list[OpInfo]) -> None:
        """Each operator reads only what earlier ones have written."""
        written_by: dict[int, int] = {}
        for op in ops:
            for tensor in op.outputs:
                written_by.setdefault(tensor, op.index)
        for op in ops:
            for tensor in op.inputs:
                writer = written_by.get(tensor, -1)
                if writer >= op.index:
                    self._file.bad(
                        f"operator {op.index} {op.label} reads tensor {tensor} before "
                        f"operator {writer} writes it"
                    )

    def _unknown_shapes(self, tensors: list[TensorInfo], ops: list[OpInfo]) -> set[int]:
        """Tensors whose shape is not known before the model runs.

        A -1 that comes from the model's inputs (a free batch size) is known: the file's `shape` is
        what the runtime allocates unless somebody resizes the input. A -1 that comes from the
        values of tensors (how many boxes were found) is not.
        """
        unknown = {t.index for t in tensors if t.is_dynamic and t.nbytes is None}
        for op in ops:
            if op.name in _DATA_DEPENDENT or not unknown.isdisjoint(op.inputs):
                unknown.update(i for i in op.outputs if tensors[i].is_dynamic)
        return unknown

    def _counted(self, op: OpInfo, shapes: list[Shape | None]) -> OpInfo:
        """The operator with its multiply-accumulates, after a look at the ranks it needs."""
        if len(op.inputs) < MIN_INPUTS.get(op.name, 0) or (
            op.name in MIN_INPUTS and not op.outputs
        ):
            self._file.bad(f"has {len(op.inputs)} inputs and {len(op.outputs)} outputs: damaged")
        inputs = [shapes[i] if i >= 0 else None for i in op.inputs]
        outputs = [shapes[i] for i in op.outputs]
        ranks = list(INPUT_RANKS.get(op.name, {}).items())
        wanted = [("input", i, op.inputs[i], inputs[i], rank) for i, rank in ranks]
        if op.name in OUTPUT_RANKS:
            wanted.append(("output", 0, op.outputs[0], outputs[0], OUTPUT_RANKS[op.name]))
        for what, position, tensor, shape, rank in wanted:
            if tensor < 0:
                self._file.bad(f"its {what} {position} is left out")
            if shape is not None and len(shape) != rank:
                self._file.bad(f"its {what} {position} has rank {len(shape)}, not {rank}")
        macs = count_macs(op.name, op.custom_name, op.options, inputs, outputs)
        return op if macs == 0 else replace(op, macs=macs)


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
