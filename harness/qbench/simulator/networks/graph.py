"""Writes down a network, operator by operator, as the ModelInfo that the reader would give.

No file is made: latency depends on operators, shapes and types, and the simulator asks for nothing
else. Tensors are known by their index; activations are NHWC. `symmetric=True` pads as PyTorch does:
a strided convolution with padding becomes PAD and a VALID convolution, as converters write it.
`fused=False` writes RELU6 after convolutions as operators of their own, as some converters do.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

from qbench.records import (
    ModelInfo,
    OpInfo,
    OpOptions,
    Precision,
    Quantization,
    SubgraphInfo,
    TensorInfo,
)

ITEM_BYTES = {"float32": 4, "int32": 4, "int8": 1, "uint8": 1}

ACTIVATION_SCALE, WEIGHT_SCALE = 0.05, 0.01
_SQUASHING = frozenset({"LOGISTIC", "SOFTMAX"})  # kernels demand a scale of 1/256 of their results

Window = int | tuple[int, int]


class Graph:
    """One network being written. `dtype` is that of the activations: float32, int8 or uint8."""

    def __init__(
        self, name: str, dtype: str = "float32", *, symmetric: bool = False, fused: bool = True
    ) -> None:
        self.name = name
        self.dtype = dtype
        self.symmetric = symmetric
        self.fused = fused
        self.tensors: list[TensorInfo] = []
        self.ops: list[OpInfo] = []
        self.inputs: list[int] = []

    # -- tensors

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str | None = None,
        *,
        constant: bool = False,
        channels: int = 1,
        axis: int = 0,
        values: tuple[int, ...] | None = None,
        scale: float = ACTIVATION_SCALE,
        zero_point: int = 0,
    ) -> int:
        dtype = dtype or self.dtype
        quantized = self.dtype != "float32" and values is None
        quantization = Quantization(scale, zero_point, channels, axis, zero_point == 0)
        index = len(self.tensors)
        self.tensors.append(
            TensorInfo(
                index=index,
                name=f"t{index}",
                shape=tuple(shape),
                dtype=dtype,
                nbytes=prod(shape) * ITEM_BYTES[dtype],
                is_constant=constant,
                quantization=quantization if quantized else None,
                values=values,
            )
        )
        return index

    def input(self, height: int, width: int, channels: int) -> int:
        index = self.tensor((1, height, width, channels))
        self.inputs.append(index)
        return index

    def features(self, count: int) -> int:
        """An input that is no image."""
        index = self.tensor((1, count))
        self.inputs.append(index)
        return index

    def shape(self, x: int) -> tuple[int, ...]:
        return self.tensors[x].shape

    def channels(self, x: int) -> int:
        return self.shape(x)[-1]

    def _constant(self, values: Sequence[int], shape: Sequence[int]) -> int:
        return self.tensor(shape, "int32", constant=True, values=tuple(values))

    def _weights(self, shape: Sequence[int], axis: int) -> int:
        if self.dtype != "int8":
            return self.tensor(shape, constant=True, scale=WEIGHT_SCALE)
        channels = shape[axis]
        return self.tensor(shape, constant=True, channels=channels, axis=axis, scale=WEIGHT_SCALE)

    def _bias(self, size: int, channels: int = 1) -> int:
        """Its scale is that of the products, which kernels check; `channels`: how many scales."""
        return self.tensor(
            (size,),
            "float32" if self.dtype == "float32" else "int32",
            constant=True,
            channels=channels,
            scale=ACTIVATION_SCALE * WEIGHT_SCALE,
        )

    def op(
        self,
        name: str,
        inputs: Sequence[int],
        output: Sequence[int],
        *,
        macs: int = 0,
        version: int | None = None,
        options: OpOptions | None = None,
    ) -> int:
        """Any operator with one output of this shape."""
        y = self._squashed(output) if name in _SQUASHING else self.tensor(output)
        if version is None:
            version = 2 if self.dtype == "int8" else 1
        self.ops.append(
            OpInfo(len(self.ops), name, version, tuple(inputs), (y,), macs, options or OpOptions())
        )
        return y

    def _squashed(self, shape: Sequence[int]) -> int:
        zero_point = -128 if self.dtype == "int8" else 0
        return self.tensor(shape, scale=1 / 256, zero_point=zero_point)

    # -- convolutions and products

    def conv(
        self,
        x: int,
        out: int,
        kernel: Window = 1,
        stride: int = 1,
        act: str = "RELU",
        padding: str = "SAME",
        dilation: int = 1,
        groups: int = 1,
    ) -> int:
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        x, padding = self._padded(x, max(kh, kw), stride, padding)
        n, h, w, c = self.shape(x)
        weights = self._weights((out, kh, kw, c // groups), 0)
        size = _extent(h, kh, stride, dilation, padding), _extent(w, kw, stride, dilation, padding)
        act, clamp = self._split(act)
        y = self.op(
            "CONV_2D",
            [x, weights, self._bias(out, out if self.dtype == "int8" else 1)],
            (n, *size, out),
            macs=n * prod(size) * out * kh * kw * (c // groups),
            version=3 if self.dtype == "int8" else 1,
            options=_window(act, padding, stride, dilation),
        )
        return self.unary(clamp, y) if clamp else y

    def depthwise(
        self,
        x: int,
        kernel: int = 3,
        stride: int = 1,
        act: str = "RELU",
        padding: str = "SAME",
        dilation: int = 1,
        multiplier: int = 1,
    ) -> int:
        x, padding = self._padded(x, kernel, stride, padding)
        n, h, w, c = self.shape(x)
        c *= multiplier
        size = [_extent(e, kernel, stride, dilation, padding) for e in (h, w)]
        act, clamp = self._split(act)
        options = _window(act, padding, stride, dilation, depth_multiplier=multiplier)
        y = self.op(
            "DEPTHWISE_CONV_2D",
            [
                x,
                self._weights((1, kernel, kernel, c), 3),
                self._bias(c, c if self.dtype == "int8" else 1),
            ],
            (n, *size, c),
            macs=n * prod(size) * c * kernel * kernel,
            version=3 if self.dtype == "int8" else 1,
            options=options,
        )
        return self.unary(clamp, y) if clamp else y

    def _split(self, act: str) -> tuple[str, str | None]:
        """(fused activation, operator that follows)."""
        return (act, None) if self.fused or act != "RELU6" else ("NONE", act)

    def dense(self, x: int, out: int, act: str = "NONE") -> int:
        n, c = self.shape(x)
        weights = self.tensor((out, c), constant=True, scale=WEIGHT_SCALE)
        return self.op(
            "FULLY_CONNECTED",
            [x, weights, self._bias(out)],
            (n, out),
            macs=n * c * out,
            version=4 if self.dtype == "int8" else 1,
            options=OpOptions(activation=act, weights_format="DEFAULT", keep_num_dims=False),
        )

    # -- everything else

    def add(self, a: int, b: int, act: str = "NONE") -> int:
        return self.op("ADD", [a, b], self.shape(a), options=OpOptions(activation=act))

    def mul(self, a: int, b: int) -> int:
        return self.op("MUL", [a, b], self.shape(a), options=OpOptions(activation="NONE"))

    def sub(self, a: int, b: int) -> int:
        return self.op("SUB", [a, b], self.shape(a), options=OpOptions(activation="NONE"))

    def axes(self, axes: tuple[int, ...]) -> int:
        return self._constant(axes, (len(axes),))

    def unary(self, name: str, x: int) -> int:
        version = 1 if name == "HARD_SWISH" else None
        return self.op(name, [x], self.shape(x), version=version)

    def softmax(self, x: int) -> int:
        return self.op("SOFTMAX", [x], self.shape(x), options=OpOptions(beta=1.0))

    def prelu(self, x: int) -> int:
        slopes = self.tensor((1, 1, self.channels(x)), constant=True)
        return self.op("PRELU", [x, slopes], self.shape(x), version=1)

    def pool(
        self, x: int, kernel: int, stride: int, name: str = "MAX", padding: str = "SAME"
    ) -> int:
        x, padding = self._padded(x, kernel, stride, padding)
        n, h, w, c = self.shape(x)
        size = [_extent(e, kernel, stride, 1, padding) for e in (h, w)]
        options = OpOptions(
            activation="NONE",
            padding=padding,
            stride_h=stride,
            stride_w=stride,
            filter_h=kernel,
            filter_w=kernel,
        )
        return self.op(f"{name}_POOL_2D", [x], (n, *size, c), options=options)

    def mean(self, x: int, *, keep: bool = False) -> int:
        n, _, _, c = self.shape(x)
        out = (n, 1, 1, c) if keep else (n, c)
        axes = self._constant((1, 2), (2,))
        return self.op("MEAN", [x, axes], out, options=OpOptions(keep_dims=keep))

    def concat(self, xs: Sequence[int], axis: int = 3) -> int:
        shape = list(self.shape(xs[0]))
        shape[axis] = sum(self.shape(x)[axis] for x in xs)
        return self.op("CONCATENATION", xs, shape, options=OpOptions(axis=axis, activation="NONE"))

    def reshape(self, x: int, shape: Sequence[int]) -> int:
        return self.op("RESHAPE", [x, self._constant(shape, (len(shape),))], shape, version=1)

    def transpose(self, x: int, order: Sequence[int]) -> int:
        old = self.shape(x)
        return self.op(
            "TRANSPOSE", [x, self._constant(order, (len(order),))], [old[i] for i in order]
        )

    def slice_channels(self, x: int, begin: int, size: int) -> int:
        n, h, w, _ = self.shape(x)
        ends = [self._constant((0, 0, 0, begin), (4,)), self._constant((n, h, w, size), (4,))]
        return self.op("SLICE", [x, *ends], (n, h, w, size))

    def resize(self, x: int, height: int, width: int, name: str = "BILINEAR") -> int:
        n, _, _, c = self.shape(x)
        size = self._constant((height, width), (2,))
        op = "RESIZE_BILINEAR" if name == "BILINEAR" else "RESIZE_NEAREST_NEIGHBOR"
        return self.op(
            op,
            [x, size],
            (n, height, width, c),
            options=OpOptions(align_corners=False, half_pixel_centers=False),
        )

    def depth_to_space(self, x: int, block: int) -> int:
        n, h, w, c = self.shape(x)
        return self.op(
            "DEPTH_TO_SPACE",
            [x],
            (n, h * block, w * block, c // (block * block)),
            options=OpOptions(block_size=block),
        )

    def pad(self, x: int, before: int, after: int) -> int:
        n, h, w, c = self.shape(x)
        pads = self._constant((0, 0, before, after, before, after, 0, 0), (4, 2))
        return self.op("PAD", [x, pads], (n, h + before + after, w + before + after, c))

    def _padded(self, x: int, kernel: int, stride: int, padding: str) -> tuple[int, str]:
        """SAME on a strided window, said as PyTorch does."""
        if not (self.symmetric and padding == "SAME" and stride > 1):
            return x, padding
        border = (kernel - 1) // 2
        return (self.pad(x, border, border) if border else x), "VALID"

    # -- the result

    def info(self, *outputs: int) -> ModelInfo:
        """The network; its outputs are given, or the last operator's."""
        outputs = outputs or self.ops[-1].outputs
        constants = [t for t in self.tensors if t.is_constant]
        others = [t for t in self.tensors if not t.is_constant]
        weight_bytes = sum(t.nbytes or 0 for t in constants)
        main = SubgraphInfo(
            0, "main", tuple(self.tensors), tuple(self.ops), tuple(self.inputs), tuple(outputs)
        )
        return ModelInfo(
            path=self.name,
            file_bytes=weight_bytes,
            schema_version=3,
            description=self.name,
            precision=Precision.FP32 if self.dtype == "float32" else Precision.INT8,
            subgraphs=(main,),
            weight_bytes=weight_bytes,
            activation_bytes=sum(t.nbytes or 0 for t in others),
        )


def _extent(extent: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    if padding == "SAME":
        return ceil(extent / stride)
    return (extent - (kernel - 1) * dilation - 1) // stride + 1


def _window(
    act: str, padding: str, stride: int, dilation: int, depth_multiplier: int | None = None
) -> OpOptions:
    return OpOptions(
        activation=act,
        padding=padding,
        stride_h=stride,
        stride_w=stride,
        dilation_h=dilation,
        dilation_w=dilation,
        depth_multiplier=depth_multiplier,
    )
