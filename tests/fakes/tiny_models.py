"""Small .tflite files for tests, written with the schema that the runtime ships; no converter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

FLOAT32: int = schema.TensorType.FLOAT32
INT8: int = schema.TensorType.INT8
UINT8: int = schema.TensorType.UINT8
INT32: int = schema.TensorType.INT32
BOOL: int = schema.TensorType.BOOL
STRING: int = schema.TensorType.STRING
_Op = schema.BuiltinOperator


class TinyModel:
    """Builds one subgraph: tensors and operators are numbered in the order they are added."""

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.description = "made by tests/fakes/tiny_models.py"
        self._model.operatorCodes = []
        self._model.buffers = [schema.BufferT()]
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._graph.inputs, self._graph.outputs = [], []
        self._model.subgraphs = [self._graph]

    def tensor(
        self,
        shape: Sequence[int],
        dtype: int = FLOAT32,
        *,
        data: np.ndarray[Any, Any] | None = None,
        signature: Sequence[int] | None = None,
    ) -> int:
        """Quantized types get scale 0.5 and zero point 0 (uint8: 128)."""
        tensor = schema.TensorT()
        tensor.name = f"t{len(self._graph.tensors)}"
        tensor.shape, tensor.type, tensor.buffer = list(shape), dtype, 0
        if signature is not None:
            tensor.shapeSignature = list(signature)
        if dtype in (INT8, UINT8):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.array([0.5], np.float32)
            tensor.quantization.zeroPoint = np.array([128 if dtype == UINT8 else 0], np.int64)
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def input(
        self, shape: Sequence[int], dtype: int = FLOAT32, *, signature: Sequence[int] | None = None
    ) -> int:
        index = self.tensor(shape, dtype, signature=signature)
        self._graph.inputs.append(index)
        return index

    def op(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: object = None,
        *,
        version: int = 1,
    ) -> None:
        """A builtin operator; a name that is none of the schema's becomes a custom operator."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(_Op, name, _Op.CUSTOM)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.customCode = name if code.builtinCode == _Op.CUSTOM else None
        code.version = version
        self._model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self._graph.operators.append(operator)

    def add(self, left: int, right: int, *, dtype: int = FLOAT32) -> int:
        out = self.tensor(self._graph.tensors[left].shape, dtype)
        self.op("ADD", [left, right], [out], schema.AddOptionsT(), version=2)
        return out

    def conv(self, image: int, channels: int, size: int = 3) -> int:
        """SAME padding, stride 1, random float weights of a fixed seed."""
        n, h, w, depth = self._graph.tensors[image].shape
        rng = np.random.default_rng(0)
        weights = rng.standard_normal((channels, size, size, depth)).astype(np.float32) / 10
        inputs = [
            image,
            self.tensor(weights.shape, data=weights),
            self.tensor([channels], data=np.zeros(channels, np.float32)),
        ]
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = 1
        options.dilationHFactor = options.dilationWFactor = 1
        out = self.tensor([n, h, w, channels])
        self.op("CONV_2D", inputs, [out], options)
        return out

    def write(self, path: Path, *outputs: int) -> Path:
        self._graph.outputs = list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def conv_model(path: Path, *, layers: int = 2, side: int = 24, channels: int = 16) -> Path:
    """Float convolutions: all nodes go to XNNPACK, in one partition."""
    model = TinyModel()
    out = model.input([1, side, side, 3])
    for _ in range(layers):
        out = model.conv(out, channels)
    return model.write(path, out)


def split_model(path: Path) -> Path:
    """CONV, FLOOR_MOD (no XNNPACK kernel), CONV: two partitions around one kept node."""
    model = TinyModel()
    first = model.conv(model.input([1, 8, 8, 4]), 4)
    middle = model.tensor([1, 8, 8, 4])
    model.op("FLOOR_MOD", [first, first], [middle], schema.FloorModOptionsT())
    return model.write(path, model.conv(middle, 4))


def add_model(path: Path, dtype: int = FLOAT32, *, inputs: int = 1) -> Path:
    """The sum of all inputs; with one input, the input twice."""
    model = TinyModel()
    given = [model.input([1, 32], dtype) for _ in range(inputs)]
    out = given[0]
    for other in given[1:] or given:
        out = model.add(out, other, dtype=dtype)
    return model.write(path, out)


def gather_model(path: Path, *, rows: int) -> Path:
    """A look-up of int32 ids in a table of `rows` rows."""
    model = TinyModel()
    table = model.tensor([rows, 4], data=np.ones((rows, 4), np.float32))
    ids, out = model.input([64], INT32), model.tensor([64, 4])
    model.op("GATHER", [table, ids], [out], schema.GatherOptionsT(), version=1)
    return model.write(path, out)


def logical_model(path: Path) -> Path:
    model = TinyModel()
    given, out = model.input([1, 32], BOOL), model.tensor([1, 32], BOOL)
    model.op("LOGICAL_NOT", [given], [out], schema.LogicalNotOptionsT())
    return model.write(path, out)


def string_model(path: Path) -> Path:
    model = TinyModel()
    table = model.tensor([1], INT32, data=np.zeros(1, np.int32))
    given, out = model.input([4], STRING), model.tensor([1], STRING)
    model.op("GATHER", [given, table], [out], schema.GatherOptionsT(), version=2)
    return model.write(path, out)


def dynamic_model(path: Path) -> Path:
    """The batch is not known before run time."""
    model = TinyModel()
    given = model.input([1, 32], signature=[-1, 32])
    out = model.tensor([1, 32], signature=[-1, 32])
    model.op("ADD", [given, given], [out], schema.AddOptionsT())
    return model.write(path, out)


def custom_op_model(path: Path) -> Path:
    """An operator that the plain runtime does not have."""
    model = TinyModel()
    given, out = model.input([1, 32]), model.tensor([1, 32])
    model.op("NobodyKnowsThis", [given], [out])
    return model.write(path, out)


def fully_connected_model(path: Path, *, size: int) -> Path:
    """One matrix of `size` x `size` floats: memory that the test can dimension."""
    model = TinyModel()
    given, out = model.input([1, size]), model.tensor([1, size])
    weights = model.tensor([size, size], data=np.ones((size, size), np.float32))
    model.op("FULLY_CONNECTED", [given, weights, -1], [out], schema.FullyConnectedOptionsT())
    return model.write(path, out)
