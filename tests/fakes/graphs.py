"""Writes .tflite files of any graph, one operator at a time, without a converter.

    g = Graph()
    x = g.input((1, 8, 8, 3))
    y = g.conv(x, 16, 3)
    g.outputs(y)
    data = g.to_bytes()

The flatbuffer is packed by the generated schema of the ai-edge-litert wheel, so the runtime and
qbench's reader see what a converter would have written. `op` is the general door: any builtin
operator with any tensors and options. The helpers below it know the four precisions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

SHORT_OPTIONS = {
    "AVERAGE_POOL_2D": "Pool2D",
    "MAX_POOL_2D": "Pool2D",
    "L2_POOL_2D": "Pool2D",
    "L2_NORMALIZATION": "L2Norm",
    "BATCH_MATMUL": "BatchMatMul",
    "TOPK_V2": "TopKV2",
    "PADV2": "PadV2",
    "ARG_MAX": "ArgMax",
    "ARG_MIN": "ArgMin",
    "MAXIMUM": "MaximumMinimum",
    "MINIMUM": "MaximumMinimum",
    "ATAN2": "ATan2",
    "MEAN": "Reducer",
    "SUM": "Reducer",
    "REDUCE_MAX": "Reducer",
    "REDUCE_MIN": "Reducer",
    "REDUCE_PROD": "Reducer",
    "REDUCE_ANY": "Reducer",
    "REDUCE_ALL": "Reducer",
    "SPACE_TO_BATCH_ND": "SpaceToBatchND",
    "LSTM": "LSTM",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "BidirectionalSequenceLSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNN",
    "LSH_PROJECTION": "LSHProjection",
    "RNN": "RNN",
    "SVDF": "SVDF",
    "BATCH_TO_SPACE_ND": "BatchToSpaceND",
}
NUMPY_TYPES = {
    "float32": np.float32,
    "float16": np.float16,
    "int8": np.int8,
    "uint8": np.uint8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "bool": np.bool_,
}
# scale and zero point that a quantized tensor gets when the caller does not care
DEFAULT_SCALE = 0.05
QUANTIZED = ("int8", "uint8", "int16")


@cache
def schema() -> Any:
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def options_name(op: str) -> str:
    """`DEPTHWISE_CONV_2D` -> `DepthwiseConv2D`: the schema's table of the operator's options."""
    return SHORT_OPTIONS.get(op) or "".join(
        part.capitalize() if not part[0].isdigit() else part for part in op.split("_")
    )


class Graph:
    """One model being written. Tensors are known by their index in subgraph 0."""

    def __init__(self, precision: str = "fp32", seed: int = 0) -> None:
        s = schema()
        self.precision = precision
        self.random = np.random.default_rng(seed)
        self.model = s.ModelT()
        self.model.version = 3
        self.model.description = "qbench test graph"
        self.model.operatorCodes = []
        self.model.buffers = [s.BufferT()]
        self.model.subgraphs = []
        self._codes: dict[tuple[str, int, str | None], int] = {}
        self.main = self.subgraph("main")

    def subgraph(self, name: str) -> Any:
        """A further subgraph; `on` of the methods below says which one they write to."""
        graph = schema().SubGraphT()
        graph.name = name
        graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
        self.model.subgraphs.append(graph)
        return graph

    # -- tensors

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "float32",
        *,
        data: Any = None,
        scale: float | Sequence[float] | None = None,
        zero_point: int = 0,
        axis: int = 0,
        quantized: bool | None = None,
        variable: bool = False,
        signature: Sequence[int] | None = None,
        sparse: bool = False,
        on: Any = None,
    ) -> int:
        """A tensor; with `data` a constant. 8-bit and 16-bit integers get a scale unless
        `quantized` is False; other types get one only when `scale` is given."""
        s = schema()
        graph = on or self.main
        tensor = s.TensorT()
        tensor.shape = [int(n) for n in shape]
        tensor.hasRank = True
        tensor.name = f"t{len(graph.tensors)}"
        tensor.type = getattr(s.TensorType, dtype.upper())
        tensor.isVariable = variable
        if signature is not None:
            tensor.shapeSignature = list(signature)
        if sparse:
            tensor.sparsity = _dense_as_sparse(tensor.shape)
        if data is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(_as_bytes(data, dtype, tensor.shape), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if quantized is None:
            quantized = scale is not None or dtype in QUANTIZED
        if quantized:
            q = s.QuantizationParametersT()
            q.scale = np.atleast_1d(DEFAULT_SCALE if scale is None else scale).astype(np.float32)
            q.zeroPoint = np.full(len(q.scale), zero_point, np.int64)
            q.quantizedDimension = axis
            tensor.quantization = q
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def input(self, shape: Sequence[int], dtype: str | None = None, **more: Any) -> int:
        """A graph input, of the precision's activation type unless `dtype` is given."""
        index = self.tensor(shape, dtype or self.activation_dtype, **more)
        (more.get("on") or self.main).inputs.append(index)
        return index

    def const(self, values: Any, dtype: str = "int32", **more: Any) -> int:
        array = np.asarray(values)
        return self.tensor(array.shape, dtype, data=array, **more)

    def outputs(self, *indices: int, on: Any = None) -> None:
        (on or self.main).outputs = list(indices)

    def shape(self, index: int) -> list[int]:
        return list(self.main.tensors[index].shape)

    # -- operators

    def op(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        version: int = 1,
        custom: str | None = None,
        custom_options: bytes | None = None,
        on: Any = None,
        **options: Any,
    ) -> None:
        """Any operator. `options` are the fields of its options table, as the schema's Python
        names them (`strideH`, `fusedActivationFunction`, ...); enumerations by name."""
        s = schema()
        key = (name, version, custom)
        if key not in self._codes:
            code = s.OperatorCodeT()
            code.builtinCode = getattr(s.BuiltinOperator, name)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version = version
            code.customCode = custom
            self.model.operatorCodes.append(code)
            self._codes[key] = len(self.model.operatorCodes) - 1
        operator = s.OperatorT()
        operator.opcodeIndex = self._codes[key]
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if custom_options is not None:
            operator.customOptions = np.frombuffer(custom_options, np.uint8)
        table = options_name(name) + "Options"
        kind = getattr(s.BuiltinOptions, table, None)
        if custom is None and kind is not None:
            values = getattr(s, table + "T")()
            for field, value in options.items():
                if not hasattr(values, field):
                    raise AttributeError(f"{table} has no field {field}")
                setattr(values, field, _enumerated(field, value))
            operator.builtinOptionsType, operator.builtinOptions = kind, values
        elif options:
            raise AttributeError(f"{name} has no options table")
        (on or self.main).operators.append(operator)

    def to_bytes(self) -> bytes:
        import flatbuffers

        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    # -- the four precisions: fp32, fp16 (weights), dynamic (int8 weights), int8 and uint8

    @property
    def activation_dtype(self) -> str:
        return self.precision if self.precision in ("int8", "uint8") else "float32"

    @property
    def is_quantized(self) -> bool:
        return self.precision in ("int8", "uint8")

    def _zero_point(self) -> int:
        return 128 if self.precision == "uint8" else 0

    def activation(self, shape: Sequence[int], **more: Any) -> int:
        more.setdefault("zero_point", self._zero_point())
        return self.tensor(shape, self.activation_dtype, **more)

    def like(self, x: int, shape: Sequence[int]) -> int:
        """An activation with the quantization of `x`: many kernels demand it of their output."""
        y = self.activation(shape)
        self.main.tensors[y].quantization = self.main.tensors[x].quantization
        return y

    def weights(self, shape: Sequence[int], axis: int, *, per_channel: bool = True) -> int:
        """A constant of the precision's weight type; fp16 comes with its DEQUANTIZE."""
        if self.precision == "fp32":
            return self.const(self.random.normal(0, 0.05, shape), "float32")
        if self.precision == "fp16":
            return self._half(self.random.normal(0, 0.05, shape))
        if self.precision == "uint8":
            values = self.random.integers(0, 256, shape)
            return self.const(values, "uint8", scale=0.01, zero_point=128)
        channels = shape[axis] if per_channel else 1
        values = self.random.integers(-127, 128, shape)
        return self.const(values, "int8", scale=[0.01] * channels, axis=axis)

    def bias(self, channels: int, *, per_channel: bool = True) -> int:
        if self.is_quantized:
            scales = channels if per_channel and self.precision == "int8" else 1
            zeros = np.zeros(channels)
            return self.const(zeros, "int32", scale=[DEFAULT_SCALE * 0.01] * scales)
        if self.precision == "fp16":
            return self._half(np.zeros(channels))
        return self.const(np.zeros(channels), "float32")

    def _half(self, values: Any) -> int:
        half = self.const(values, "float16")
        full = self.tensor(np.shape(values), "float32")
        self.op("DEQUANTIZE", [half], [full])
        return full

    def conv(
        self,
        x: int,
        channels: int,
        kernel: int,
        stride: int = 1,
        *,
        activation: str = "RELU",
        padding: str = "SAME",
        dilation: int = 1,
        depthwise: bool = False,
    ) -> int:
        """CONV_2D, or DEPTHWISE_CONV_2D (then `channels` is ignored)."""
        n, h, w, c = self.shape(x)
        size = [_extent(e, kernel, stride, dilation, padding) for e in (h, w)]
        common: dict[str, Any] = {
            "padding": padding,
            "strideH": stride,
            "strideW": stride,
            "dilationHFactor": dilation,
            "dilationWFactor": dilation,
            "fusedActivationFunction": activation,
        }
        version = {"int8": 3, "dynamic": 5 if not depthwise else 6}.get(self.precision, 1)
        if depthwise:
            weights = self.weights((1, kernel, kernel, c), 3)
            inputs = [x, weights, self.bias(c)]
            y = self.activation((n, *size, c))
            self.op("DEPTHWISE_CONV_2D", inputs, [y], version=version, depthMultiplier=1, **common)
        else:
            weights = self.weights((channels, kernel, kernel, c), 0)
            inputs = [x, weights, self.bias(channels)]
            y = self.activation((n, *size, channels))
            self.op("CONV_2D", inputs, [y], version=version, **common)
        return y

    def fully_connected(self, x: int, channels: int, *, per_channel: bool = True) -> int:
        n, c = self.shape(x)
        weights = self.weights((channels, c), 0, per_channel=per_channel)
        y = self.activation((n, channels))
        version = {"int8": 5 if per_channel else 4, "dynamic": 9}.get(self.precision, 1)
        inputs = [x, weights, self.bias(channels, per_channel=per_channel)]
        self.op("FULLY_CONNECTED", inputs, [y], version=version)
        return y

    def unary(self, name: str, x: int) -> int:
        squashing = name in ("LOGISTIC", "SOFTMAX")
        more: dict[str, Any] = {}
        if self.is_quantized and squashing:
            more = {"scale": 1 / 256, "zero_point": -128 if self.precision == "int8" else 0}
        y = self.activation(self.shape(x), **more)
        version = 2 if self.precision == "int8" and name != "HARD_SWISH" else 1
        options: dict[str, Any] = {"beta": 1.0} if name == "SOFTMAX" else {}
        self.op(name, [x], [y], version=version, **options)
        return y

    def binary(self, name: str, a: int, b: int, *, activation: str = "NONE") -> int:
        y = self.activation(self.shape(a), **({"scale": 0.1} if self.is_quantized else {}))
        version = 2 if self.precision == "int8" else 1
        self.op(name, [a, b], [y], version=version, fusedActivationFunction=activation)
        return y

    def pool(
        self, x: int, kernel: int, stride: int, *, name: str = "MAX_POOL_2D", padding: str = "SAME"
    ) -> int:
        n, h, w, c = self.shape(x)
        size = [_extent(e, kernel, stride, 1, padding) for e in (h, w)]
        y = self.like(x, (n, *size, c))
        self.op(
            name,
            [x],
            [y],
            version=2 if self.precision == "int8" else 1,
            padding=padding,
            strideH=stride,
            strideW=stride,
            filterHeight=kernel,
            filterWidth=kernel,
        )
        return y

    def mean(self, x: int, *, keep: bool = False) -> int:
        n, _, _, c = self.shape(x)
        y = self.activation((n, 1, 1, c) if keep else (n, c))
        version = 2 if self.precision == "int8" else 1
        self.op("MEAN", [x, self.const([1, 2])], [y], version=version, keepDims=keep)
        return y

    def concat(self, xs: Sequence[int]) -> int:
        *head, _ = self.shape(xs[0])
        y = self.like(xs[0], (*head, sum(self.shape(x)[-1] for x in xs)))
        version = 2 if self.precision == "int8" else 1
        self.op("CONCATENATION", xs, [y], version=version, axis=len(head))
        return y

    def reshape(self, x: int, shape: Sequence[int]) -> int:
        y = self.like(x, shape)
        self.op("RESHAPE", [x, self.const(list(shape))], [y], newShape=list(shape))
        return y


def _extent(extent: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    if padding == "SAME":
        return math.ceil(extent / stride)
    return (extent - (kernel - 1) * dilation - 1) // stride + 1


def _as_bytes(data: Any, dtype: str, shape: Sequence[int]) -> bytes:
    if isinstance(data, bytes):
        return data
    if dtype in ("int4", "int2"):
        per_byte = 2 if dtype == "int4" else 4
        return bytes(math.ceil(math.prod(shape) / per_byte))
    return np.ascontiguousarray(data, NUMPY_TYPES[dtype]).tobytes()


def _enumerated(field: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    s = schema()
    enums = {
        "padding": s.Padding,
        "fusedActivationFunction": s.ActivationFunctionType,
        "weightsFormat": s.FullyConnectedOptionsWeightsFormat,
        "mode": s.MirrorPadMode,
        "kernelType": s.LSTMKernelType,
    }
    if field in enums:
        return getattr(enums[field], value)
    if field in ("inDataType", "outDataType", "outputType", "outType"):
        return getattr(s.TensorType, value.upper())
    return value


def _dense_as_sparse(shape: Sequence[int]) -> Any:
    """Sparsity metadata in which every dimension is dense: sparse in name, dense in content."""
    s = schema()
    sparsity = s.SparsityParametersT()
    sparsity.traversalOrder = list(range(len(shape)))
    sparsity.dimMetadata = []
    for size in shape:
        dimension = s.DimensionMetadataT()
        dimension.format = s.DimensionType.DENSE
        dimension.denseSize = size
        sparsity.dimMetadata.append(dimension)
    return sparsity
