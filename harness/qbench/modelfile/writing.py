"""ModelInfo -> .tflite bytes: what `read` gives, turned round. Weights are random.

Latency depends on operators, shapes and types, not on the values of weights; so a network that is
known as a ModelInfo (`simulator.networks`) becomes a file that a runtime runs, without TensorFlow.
The tables of `schema` and `options` serve both ways. `flatbuffers` comes with the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from qbench.modelfile.options import OPTIONS_OF_OPERATOR, OPTIONS_TABLES, OptionsTable
from qbench.modelfile.schema import (
    BUILTIN_OPERATORS,
    DTYPES,
    FILE_IDENTIFIER,
    BufferSlot,
    ModelSlot,
    OperatorCodeSlot,
    OperatorSlot,
    QuantizationParametersSlot,
    SubGraphSlot,
    TensorSlot,
)
from qbench.records import ModelInfo, OpInfo, Quantization, SubgraphInfo, TensorInfo

if TYPE_CHECKING:
    import numpy as np

# Fields of one scalar type: the flatbuffers method that writes it.
_SCALARS = {"int32": "PrependInt32Slot", "bool": "PrependBoolSlot", "float32": "PrependFloat32Slot"}
_TABLES = {table.name: table for table in OPTIONS_TABLES}
_OFFSET = "PrependUOffsetTRelativeSlot"
_CODE_OF_OLD_READERS = 127  # OperatorCode.deprecated_builtin_code is one byte
_ALIGNMENT = 16  # schema.fbs: Buffer.data (force_align: 16)


def write(
    model: ModelInfo, *, seed: int = 0, values: Mapping[int, np.ndarray[Any, Any]] | None = None
) -> bytes:
    """The model as a file with its main subgraph. Deterministic in `seed`.

    A constant tensor holds its own `values`, those given here by tensor index, or random weights:
    normal around 0 with a variance of 2 over the number of products that are added up (He et al.
    2015), so that deep networks neither overflow nor saturate; 32-bit integers (biases) are 0.
    Raises ValueError for operators and types that the reader's tables do not name.
    """
    import flatbuffers
    import numpy as np

    random = np.random.default_rng(seed)
    builder = flatbuffers.Builder(max(1 << 16, model.weight_bytes * 2))
    main = model.main
    buffers, home, depths = [_table(builder, 1, {})], {}, _depths(main)
    for tensor in main.tensors:
        if tensor.is_constant:
            given = None if values is None else values.get(tensor.index)
            if given is None:
                content = _content(tensor, depths.get(tensor.index, 1), random)
            else:
                content = given.tobytes()
            data = _bytes_vector(builder, content)
            home[tensor.index] = len(buffers)
            buffers.append(_table(builder, 3, {BufferSlot.DATA: (_OFFSET, data)}))
    codes: dict[tuple[str, int], int] = {}
    for op in main.ops:
        codes.setdefault((op.name, op.version), len(codes))
    fields = {
        ModelSlot.VERSION: ("PrependUint32Slot", model.schema_version),
        ModelSlot.OPERATOR_CODES: (_OFFSET, _offsets(builder, [_code(builder, *c) for c in codes])),
        ModelSlot.SUBGRAPHS: (_OFFSET, _offsets(builder, [_subgraph(builder, main, codes, home)])),
        ModelSlot.DESCRIPTION: (_OFFSET, builder.CreateString(model.description)),
        ModelSlot.BUFFERS: (_OFFSET, _offsets(builder, buffers)),
    }
    builder.Finish(_table(builder, 10, fields), FILE_IDENTIFIER)
    return bytes(builder.Output())


def _depths(graph: SubgraphInfo) -> dict[int, int]:
    """How many products with this tensor's values make one output."""
    found = {}
    for op in graph.ops:
        shape = graph.tensors[op.inputs[1]].shape if op.macs and len(op.inputs) > 1 else ()
        if shape:
            outputs = shape[-1] if op.name == "DEPTHWISE_CONV_2D" else shape[0]
            found[op.inputs[1]] = max(1, prod(shape) // outputs)
    return found


def _content(tensor: TensorInfo, depth: int, random: np.random.Generator) -> bytes:
    import numpy as np

    if tensor.values is not None:
        return np.array(tensor.values, tensor.dtype).tobytes()
    if tensor.dtype == "int32":
        return bytes(4 * prod(tensor.shape))
    floats = random.standard_normal(prod(tensor.shape), np.float32)
    floats *= np.float32((2 / depth) ** 0.5)
    if tensor.dtype in ("float32", "float16"):
        return floats.astype(tensor.dtype).tobytes()
    if tensor.dtype in ("int8", "uint8") and tensor.quantization is not None:
        floats /= np.float32(tensor.quantization.scale)
        middle = 128 if tensor.dtype == "uint8" else 0
        integers = np.clip(np.rint(floats), -127, 127) + np.float32(middle)
        return integers.astype(tensor.dtype).tobytes()
    raise ValueError(f"tensor {tensor.name}: no random weights of type {tensor.dtype}")


def _subgraph(
    builder: Any, graph: SubgraphInfo, codes: Mapping[tuple[str, int], int], home: dict[int, int]
) -> int:
    tensors = [_tensor(builder, tensor, home.get(tensor.index, 0)) for tensor in graph.tensors]
    ops = [_operator(builder, op, codes[op.name, op.version]) for op in graph.ops]
    fields = {
        SubGraphSlot.TENSORS: (_OFFSET, _offsets(builder, tensors)),
        SubGraphSlot.INPUTS: (_OFFSET, _ints(builder, graph.inputs)),
        SubGraphSlot.OUTPUTS: (_OFFSET, _ints(builder, graph.outputs)),
        SubGraphSlot.OPERATORS: (_OFFSET, _offsets(builder, ops)),
        SubGraphSlot.NAME: (_OFFSET, builder.CreateString(graph.name)),
    }
    return _table(builder, 5, fields)


def _tensor(builder: Any, tensor: TensorInfo, buffer: int) -> int:
    fields: dict[int, tuple[str, Any]] = {
        TensorSlot.SHAPE: (_OFFSET, _ints(builder, tensor.shape)),
        TensorSlot.TYPE: ("PrependInt8Slot", DTYPES.index(tensor.dtype)),
        TensorSlot.BUFFER: ("PrependUint32Slot", buffer),
        TensorSlot.NAME: (_OFFSET, builder.CreateString(tensor.name)),
        TensorSlot.HAS_RANK: ("PrependBoolSlot", True),
    }
    if tensor.quantization is not None:
        fields[TensorSlot.QUANTIZATION] = (_OFFSET, _quantization(builder, tensor.quantization))
    return _table(builder, 10, fields)


def _quantization(builder: Any, q: Quantization) -> int:
    import numpy as np

    scales = builder.CreateNumpyVector(np.full(q.channels, q.scale, np.float32))
    zero_points = builder.CreateNumpyVector(np.full(q.channels, q.zero_point, np.int64))
    fields = {
        QuantizationParametersSlot.SCALE: (_OFFSET, scales),
        QuantizationParametersSlot.ZERO_POINT: (_OFFSET, zero_points),
        QuantizationParametersSlot.QUANTIZED_DIMENSION: ("PrependInt32Slot", q.axis),
    }
    return _table(builder, 7, fields)


def _code(builder: Any, name: str, version: int) -> int:
    if name not in BUILTIN_OPERATORS or name == "CUSTOM":
        raise ValueError(f"{name}: not a builtin operator")
    number = BUILTIN_OPERATORS.index(name)
    fields = {
        OperatorCodeSlot.DEPRECATED_BUILTIN_CODE: (
            "PrependInt8Slot",
            min(number, _CODE_OF_OLD_READERS),
        ),
        OperatorCodeSlot.VERSION: ("PrependInt32Slot", version),
        OperatorCodeSlot.BUILTIN_CODE: ("PrependInt32Slot", number),
    }
    return _table(builder, 4, fields)


def _operator(builder: Any, op: OpInfo, code: int) -> int:
    fields: dict[int, tuple[str, Any]] = {
        OperatorSlot.OPCODE_INDEX: ("PrependUint32Slot", code),
        OperatorSlot.INPUTS: (_OFFSET, _ints(builder, op.inputs)),
        OperatorSlot.OUTPUTS: (_OFFSET, _ints(builder, op.outputs)),
    }
    if op.name in OPTIONS_OF_OPERATOR:
        table = _TABLES[OPTIONS_OF_OPERATOR[op.name]]
        fields[OperatorSlot.BUILTIN_OPTIONS_TYPE] = ("PrependUint8Slot", table.union_type)
        fields[OperatorSlot.BUILTIN_OPTIONS] = (_OFFSET, _options(builder, op, table))
    return _table(builder, 9, fields)


def _options(builder: Any, op: OpInfo, table: OptionsTable) -> int:
    fields: dict[int, tuple[str, Any]] = {}
    for name, (slot, kind, default) in table.fields.items():
        value = getattr(op.options, name)
        if value is None:
            value = default if isinstance(kind, str) else kind[int(default)]
        if isinstance(kind, str):
            fields[slot] = (_SCALARS[kind], value)
        else:
            fields[slot] = ("PrependInt8Slot", kind.index(value))
    return _table(builder, max(fields) + 1, fields)


# -- flatbuffers


def _table(builder: Any, slots: int, fields: Mapping[int, tuple[str, Any]]) -> int:
    """Every field is written, also one that has its default, which is then not known here."""
    builder.StartObject(slots)
    builder.ForceDefaults(True)
    for slot, (method, value) in fields.items():
        getattr(builder, method)(slot, value, 0)
    builder.ForceDefaults(False)
    end: int = builder.EndObject()
    return end


def _offsets(builder: Any, items: list[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    end: int = builder.EndVector()
    return end


def _ints(builder: Any, items: tuple[int, ...]) -> int:
    import numpy as np

    end: int = builder.CreateNumpyVector(np.array(items, np.int32))
    return end


def _bytes_vector(builder: Any, content: bytes) -> int:
    """CreateByteVector, but aligned as kernels expect weights."""
    builder.StartVector(1, len(content), _ALIGNMENT)
    builder.head = builder.Head() - len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    end: int = builder.EndVector()
    return end
