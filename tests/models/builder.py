"""Writes .tflite files with the schema that the LiteRT wheel ships, without any converter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_NUMPY: dict[str, Any] = {
    "float32": np.float32,
    "float16": np.float16,
    "int32": np.int32,
    "int64": np.int64,
    "int16": np.int16,
    "int8": np.int8,
    "uint8": np.uint8,
}


def options(name: str, **values: object) -> Any:
    """An options table of the object API, such as Conv2DOptionsT, with its fields set."""
    table = getattr(schema, f"{name}T")()
    for key, value in values.items():
        if not hasattr(table, key):
            raise AttributeError(f"{name} has no field {key}")
        setattr(table, key, value)
    return table


class Model:
    """A model in the making. Buffer 0 is empty, as the schema demands."""

    def __init__(self, description: str = "qbench test fixture") -> None:
        self.table = schema.ModelT()
        self.table.version = 3
        self.table.description = description
        self.table.operatorCodes = []
        self.table.buffers = [schema.BufferT()]
        self.table.subgraphs = []
        self.table.metadata = []
        self.table.signatureDefs = []
        self._random = np.random.RandomState(20240501)  # its stream is frozen

    def graph(self, name: str = "main") -> Graph:
        graph = Graph(self, name)
        self.table.subgraphs.append(graph.table)
        return graph

    def buffer(self, data: bytes | None) -> int:
        table = schema.BufferT()
        if data is not None:
            table.data = np.frombuffer(data, np.uint8)
        self.table.buffers.append(table)
        return len(self.table.buffers) - 1

    def opcode(self, name: str, version: int, custom: str | None) -> int:
        code = getattr(schema.BuiltinOperator, name)
        for index, table in enumerate(self.table.operatorCodes):
            if (table.builtinCode, table.version, table.customCode) == (code, version, custom):
                return index
        table = schema.OperatorCodeT()
        table.builtinCode = code
        table.deprecatedBuiltinCode = min(code, 127)
        table.version = version
        table.customCode = custom
        self.table.operatorCodes.append(table)
        return len(self.table.operatorCodes) - 1

    def metadata(self, name: str, content: bytes) -> None:
        table = schema.MetadataT()
        table.name = name
        table.buffer = self.buffer(content)
        self.table.metadata.append(table)

    def signature(self, key: str, subgraph: int) -> None:
        table = schema.SignatureDefT()
        table.signatureKey = key
        table.subgraphIndex = subgraph
        graph = self.table.subgraphs[subgraph]
        for side, indices in (("inputs", graph.inputs), ("outputs", graph.outputs)):
            maps = []
            for number, index in enumerate(indices):
                entry = schema.TensorMapT()
                entry.name = f"{side}_{number}"
                entry.tensorIndex = index
                maps.append(entry)
            setattr(table, side, maps)
        self.table.signatureDefs.append(table)

    def random(self, shape: Sequence[int], dtype: str) -> np.ndarray[Any, Any]:
        low = 1 if dtype == "uint8" else -100
        integers = self._random.randint(low, 100, shape)
        if dtype.startswith("float"):
            return (integers / 512).astype(_NUMPY[dtype])
        return integers.astype(_NUMPY[dtype])

    def file(self) -> bytes:
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.table.Pack(builder), b"TFL3")
        return bytes(builder.Output())


class Graph:
    """A subgraph in the making. Tensors and operators are numbered as they come."""

    def __init__(self, model: Model, name: str) -> None:
        self.model = model
        self.table = schema.SubGraphT()
        self.table.name = name
        self.table.tensors = []
        self.table.operators = []
        self.table.inputs = []
        self.table.outputs = []

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "float32",
        *,
        data: bytes | np.ndarray[Any, Any] | None = None,
        scale: float | Sequence[float] | None = None,
        zero_point: int = 0,
        axis: int = 0,
        signature: Sequence[int] | None = None,
        name: str | None = None,
        has_rank: bool = True,
    ) -> int:
        table = schema.TensorT()
        table.shape = list(shape)
        table.type = getattr(schema.TensorType, dtype.upper())
        table.name = f"t{len(self.table.tensors)}" if name is None else name
        table.hasRank = has_rank
        table.buffer = 0
        if data is not None:
            content = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
            table.buffer = self.model.buffer(content)
        if signature is not None:
            table.shapeSignature = list(signature)
        if scale is not None:
            scales = [scale] if isinstance(scale, float) else list(scale)
            table.quantization = schema.QuantizationParametersT()
            table.quantization.scale = np.array(scales, np.float32)
            table.quantization.zeroPoint = np.full(len(scales), zero_point, np.int64)
            table.quantization.quantizedDimension = axis
        self.table.tensors.append(table)
        return len(self.table.tensors) - 1

    def input(self, shape: Sequence[int], dtype: str = "float32", **more: Any) -> int:
        index = self.tensor(shape, dtype, **more)
        self.table.inputs.append(index)
        return index

    def weights(self, shape: Sequence[int], dtype: str = "float32", **more: Any) -> int:
        return self.tensor(shape, dtype, data=self.model.random(shape, dtype), **more)

    def ints(self, values: object, dtype: str = "int32") -> int:
        array = np.array(values, _NUMPY[dtype])
        return self.tensor(array.shape, dtype, data=array)

    def op(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        choice: Any = None,
        *,
        version: int = 1,
        custom: str | None = None,
    ) -> int:
        """Add an operator; returns its first output."""
        table = schema.OperatorT()
        table.opcodeIndex = self.model.opcode(name, version, custom)
        table.inputs = list(inputs)
        table.outputs = list(outputs)
        if choice is not None:
            kind = type(choice).__name__.removesuffix("T")
            table.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            table.builtinOptions = choice
        self.table.operators.append(table)
        return outputs[0]

    def outputs(self, *indices: int) -> None:
        self.table.outputs = list(indices)
