"""From a .tflite file to a ModelInfo: the walk over its tables. No weight is read."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from qbench.modelfile.file import FileBytes
from qbench.modelfile.flatbuffer import Document, Table
from qbench.modelfile.operators import OperatorReader, check_indices, read_opcodes
from qbench.modelfile.precision import classify
from qbench.modelfile.schema import (
    FILE_IDENTIFIER,
    SCHEMA_VERSION,
    MetadataSlot,
    ModelSlot,
    SignatureDefSlot,
    SubGraphSlot,
    TensorSlot,
)
from qbench.modelfile.tensors import TensorReader
from qbench.records import ModelInfo, SubgraphInfo, TensorInfo

# What a file that is no .tflite starts with.
_OTHER_FORMATS = (
    (b"\x93NUMPY", "a NumPy array"),
    (b"PK\x03\x04", "a zip archive (a Keras model, a MediaPipe .task bundle ...)"),
    (b"\x89HDF", "an HDF5 file (a Keras model)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a Git LFS pointer to a model"),
    (b"<", "an HTML or XML page"),
)


def read(path: Path) -> ModelInfo:
    """What a .tflite file says about itself; `sha256` is left None.

    Raises ModelFileError, naming the file and what is wrong, for whatever is not a whole and sound
    .tflite file, and for a file that is written to meanwhile. Time and memory are bounded by the
    limits in `flatbuffer.py`, whatever the file says. In the result every index (inputs and
    outputs of operators and subgraphs) is that of a tensor, every operator reads only what stands
    before it, and the operators of `macs.py` have the inputs and ranks that it names.

    A free batch size counts as what stands in the file's `shape` (1), as in the runtime unless
    somebody resizes the input; sizes that depend on values (how many boxes were found) are
    unknown: `nbytes` and `macs` are None there.
    """
    with FileBytes(path) as file:
        _check_format(file)
        info = _Reader(file).model()
        file.check_unchanged()
    return info


def _check_format(file: FileBytes) -> None:
    head = file.read(0, min(file.size, 64))
    if head[4:8] == FILE_IDENTIFIER:
        return
    hint = "give a .tflite file"
    if not head:
        file.bad("is empty", hint=hint)
    for start, name in _OTHER_FORMATS:
        if head.startswith(start):
            file.bad(f"is {name}, not a .tflite file", hint=hint)
    if len(head) < 8:
        file.bad(f"has {len(head)} bytes: too short for a .tflite file", hint=hint)
    file.bad(
        f"is not a .tflite file: bytes 4 to 7 are {head[4:8]!r}, not {FILE_IDENTIFIER!r}",
        hint=hint,
    )


class _Reader:
    def __init__(self, file: FileBytes) -> None:
        self._file = file
        document = Document(file)
        self._model = document.root()
        version = self._model.unsigned(ModelSlot.VERSION, 4)
        if version != SCHEMA_VERSION:
            file.bad(f"has schema version {version}; TFLite runs version {SCHEMA_VERSION} only")
        self._tensors = TensorReader(document, self._model)
        self._opcodes = read_opcodes(file, self._model)

    def model(self) -> ModelInfo:
        model = self._model
        subgraphs = self._subgraphs()
        self._file.where = ("metadata",)
        metadata = tuple(t.text(MetadataSlot.NAME) for t in model.tables(ModelSlot.METADATA))
        self._file.where = ("a signature",)
        signatures = tuple(
            t.text(SignatureDefSlot.SIGNATURE_KEY) for t in model.tables(ModelSlot.SIGNATURE_DEFS)
        )
        self._file.where = ("description",)
        return ModelInfo(
            path=str(self._file.path),
            file_bytes=self._file.size,
            schema_version=SCHEMA_VERSION,
            description=model.text(ModelSlot.DESCRIPTION),
            precision=classify(subgraphs),
            subgraphs=subgraphs,
            weight_bytes=self._tensors.weight_bytes,
            activation_bytes=_activation_bytes(subgraphs[0].tensors),
            metadata_names=metadata,
            signature_names=signatures,
        )

    def _subgraphs(self) -> tuple[SubgraphInfo, ...]:
        self._file.where = ("subgraphs",)
        tables = list(self._model.tables(ModelSlot.SUBGRAPHS))
        if not tables:
            self._file.bad("there is none")
        tensors = []
        for index, table in enumerate(tables):
            self._file.where = ("subgraph", index)
            tensors.append(list(table.tables(SubGraphSlot.TENSORS)))
        ranks_told = any(t.boolean(TensorSlot.HAS_RANK) for part in tensors for t in part)
        return tuple(
            self._subgraph(index, table, part, ranks_told)
            for index, (table, part) in enumerate(zip(tables, tensors, strict=True))
        )

    def _subgraph(
        self, number: int, table: Table, tensor_tables: list[Table], ranks_told: bool
    ) -> SubgraphInfo:
        file = self._file
        count = len(tensor_tables)
        file.where = ("subgraph", number)
        name = table.text(SubGraphSlot.NAME)
        inputs = check_indices(file, "input", table.ints(SubGraphSlot.INPUTS), 0, count)
        outputs = check_indices(file, "output", table.ints(SubGraphSlot.OUTPUTS), 0, count)
        tensors = []
        for index, tensor in enumerate(tensor_tables):
            file.where = ("subgraph", number, "tensor", index)
            tensors.append(self._tensors.tensor(index, tensor, ranks_told=ranks_told))
        reader = OperatorReader(file, self._opcodes, tensors, ranks_told=ranks_told)
        ops = []
        for index, operator in enumerate(table.tables(SubGraphSlot.OPERATORS)):
            file.where = ("subgraph", number, "operator", index)
            ops.append(reader.operator(index, operator))
        for index in reader.unknown:
            if not tensors[index].is_constant:
                tensors[index] = replace(tensors[index], nbytes=None, is_dynamic=True)
        return SubgraphInfo(number, name, tuple(tensors), tuple(ops), inputs, outputs)


def _activation_bytes(tensors: tuple[TensorInfo, ...]) -> int | None:
    total = 0
    for tensor in tensors:
        if not tensor.is_constant:
            if tensor.nbytes is None:
                return None
            total += tensor.nbytes
    return total
