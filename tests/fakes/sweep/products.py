"""Matrix products and convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fakes.sweep.parts import ACTIVATIONS, DTYPES, Build, Case, c, op, scaled, t, zeros


def _conv(
    data: dict[str, Any],
    weights: dict[str, Any],
    bias: dict[str, Any] | None,
    out: dict[str, Any],
    *,
    version: int = 1,
    **options: Any,
) -> Build:
    more: dict[str, Any] = {"strideH": 1, "strideW": 1, "padding": "SAME"} | options
    return op("CONV_2D", [data, weights, bias], [out], version, **more)


def conv_cases() -> Iterator[Case]:
    x, w, b, y = t(1, 8, 8, 4), zeros(16, 3, 3, 4), zeros(16), t(1, 8, 8, 16)
    yield "CONV_2D float32", _conv(x, w, b, y)
    yield "CONV_2D two inputs", op("CONV_2D", [x, w], [y], strideH=1, strideW=1)
    yield "CONV_2D bias -1", _conv(x, w, None, y)
    yield "CONV_2D weights computed", _conv(x, t(16, 3, 3, 4), b, y)
    yield "CONV_2D bias computed", _conv(x, w, t(16), y)
    yield "CONV_2D dilated", _conv(x, w, b, y, dilationHFactor=2, dilationWFactor=2)
    yield "CONV_2D stride 4", _conv(x, w, b, t(1, 2, 2, 16), strideH=4, strideW=4)
    yield "CONV_2D grouped", _conv(x, zeros(16, 3, 3, 2), b, y)
    yield "CONV_2D too few channels", _conv(x, zeros(16, 3, 3, 8), b, y)
    yield "CONV_2D bias of rank 2", _conv(x, w, zeros(1, 16), y)
    yield "CONV_2D int32 bias", _conv(x, w, c(np.zeros(16), "int32", scale=0.1), y)
    for version in (5, 6, 7):
        yield f"CONV_2D v{version}", _conv(x, w, b, y, version=version)
    for activation in ACTIVATIONS:
        yield f"CONV_2D {activation}", _conv(x, w, b, y, fusedActivationFunction=activation)
    for weights in DTYPES[:5]:
        for bias in ("float32", "float16", "int32"):
            wx = zeros(16, 3, 3, 4, dtype=weights)
            bx = c(np.zeros(16), bias, **({"scale": 0.1} if bias == "int32" else {}))
            yield f"CONV_2D float32 by {weights}, bias {bias}", _conv(x, wx, bx, y)
    for dtype in ("float16", "int8", "uint8", "int16"):
        xq, yq = t(1, 8, 8, 4, dtype=dtype), t(1, 8, 8, 16, dtype=dtype)
        bq = c(np.zeros(16), "int32", scale=0.0005)
        yield f"CONV_2D {dtype}", _conv(xq, zeros(16, 3, 3, 4, dtype=dtype), bq, yq)
        yield f"CONV_2D {dtype} by int8", _conv(xq, zeros(16, 3, 3, 4, dtype="int8"), bq, yq)
        yield f"CONV_2D {dtype} to float32", _conv(xq, zeros(16, 3, 3, 4, dtype=dtype), bq, y)
    xq, yq = t(1, 8, 8, 4, dtype="int8"), t(1, 8, 8, 16, dtype="int8")
    bq = c(np.zeros(16), "int32", **scaled(16))
    channels = zeros(16, 3, 3, 4, dtype="int8", **scaled(16))
    yield "CONV_2D int8 per channel", _conv(xq, channels, bq, yq)
    yield "CONV_2D dynamic per channel", _conv(x, channels, b, y)
    other = zeros(16, 3, 3, 4, dtype="int8", axis=3, **scaled(4))
    yield "CONV_2D int8 per other channel", _conv(xq, other, bq, yq)
    shifted = zeros(16, 3, 3, 4, dtype="int8", zero_point=3, **scaled(16))
    yield "CONV_2D int8 per channel shifted", _conv(xq, shifted, bq, yq)
    shifted = zeros(16, 3, 3, 4, dtype="int8", zero_point=3)
    yield "CONV_2D int8 shifted weights", _conv(xq, shifted, bq, yq)
    bare = c(np.zeros(16), "int32")
    yield "CONV_2D int8 bias without scale", _conv(xq, channels, bare, yq)
    unscaled = zeros(16, 3, 3, 4, dtype="int8", quantized=False)
    yield "CONV_2D int8 weights without scale", _conv(xq, unscaled, bq, yq)
    yield (
        "CONV_2D int8 per-channel bias per tensor",
        _conv(xq, channels, c(np.zeros(16), "int32", scale=0.1), yq),
    )


def depthwise_cases() -> Iterator[Case]:
    def dw(*tensors: Any, version: int = 1, **options: Any) -> Build:
        *inputs, out = tensors
        more = {"strideH": 1, "strideW": 1, "depthMultiplier": 1} | options
        return op("DEPTHWISE_CONV_2D", inputs, [out], version, **more)

    x, w, b = t(1, 8, 8, 4), zeros(1, 3, 3, 4), zeros(4)
    yield "DEPTHWISE_CONV_2D float32", dw(x, w, b, x)
    yield "DEPTHWISE_CONV_2D no bias", dw(x, w, x)
    yield "DEPTHWISE_CONV_2D bias -1", dw(x, w, None, x)
    yield "DEPTHWISE_CONV_2D weights computed", dw(x, t(1, 3, 3, 4), b, x)
    yield (
        "DEPTHWISE_CONV_2D multiplier 2",
        dw(x, zeros(1, 3, 3, 8), zeros(8), t(1, 8, 8, 8), depthMultiplier=2),
    )
    yield "DEPTHWISE_CONV_2D multiplier 3 unfit", dw(x, w, b, x, depthMultiplier=3)
    yield "DEPTHWISE_CONV_2D multiplier 0", dw(x, w, b, x, depthMultiplier=0)
    yield "DEPTHWISE_CONV_2D dilated", dw(x, w, b, x, dilationHFactor=2, dilationWFactor=2)
    yield (
        "DEPTHWISE_CONV_2D dilated and stride 2",
        dw(x, w, b, t(1, 4, 4, 4), dilationHFactor=2, dilationWFactor=2, strideH=2, strideW=2),
    )
    yield "DEPTHWISE_CONV_2D 1 high", dw(x, zeros(1, 1, 3, 4), b, x)
    for version in (3, 4, 6, 7):
        yield f"DEPTHWISE_CONV_2D v{version}", dw(x, w, b, x, version=version)
    for activation in ACTIVATIONS:
        name = f"DEPTHWISE_CONV_2D {activation}"
        yield name, dw(x, w, b, x, fusedActivationFunction=activation)
    for dtype in DTYPES[1:5]:
        xq, wq = t(1, 8, 8, 4, dtype=dtype), zeros(1, 3, 3, 4, dtype=dtype)
        bq = c(np.zeros(4), "int32", scale=0.0005)
        yield f"DEPTHWISE_CONV_2D {dtype}", dw(xq, wq, bq, xq)
        yield f"DEPTHWISE_CONV_2D float32 by {dtype}", dw(x, wq, b, x)
    xq = t(1, 8, 8, 4, dtype="int8")
    bq = c(np.zeros(4), "int32", **scaled(4))
    for axis, size in ((3, 4), (0, 1)):
        wq = zeros(1, 3, 3, 4, dtype="int8", axis=axis, **scaled(size))
        yield f"DEPTHWISE_CONV_2D int8 per channel of {axis}", dw(xq, wq, bq, xq)


def transpose_conv_cases() -> Iterator[Case]:
    def deconv(*tensors: Any, version: int = 1, **options: Any) -> Build:
        *inputs, out = tensors
        more = {"strideH": 2, "strideW": 2, "padding": "SAME"} | options
        return op("TRANSPOSE_CONV", inputs, [out], version, **more)

    size, w, x, y = c([1, 8, 8, 6]), zeros(6, 3, 3, 4), t(1, 4, 4, 4), t(1, 8, 8, 6)
    yield "TRANSPOSE_CONV float32", deconv(size, w, x, y)
    yield "TRANSPOSE_CONV bias", deconv(size, w, x, zeros(6), y, version=3)
    yield "TRANSPOSE_CONV bias -1", deconv(size, w, x, None, y, version=3)
    yield "TRANSPOSE_CONV v4", deconv(size, w, x, zeros(6), y, version=4)
    yield "TRANSPOSE_CONV RELU", deconv(size, w, x, y, fusedActivationFunction="RELU")
    yield "TRANSPOSE_CONV TANH", deconv(size, w, x, y, fusedActivationFunction="TANH")
    yield "TRANSPOSE_CONV shape computed", deconv(t(4, dtype="int32"), w, x, y)
    yield "TRANSPOSE_CONV weights computed", deconv(size, t(6, 3, 3, 4), x, y)
    yield "TRANSPOSE_CONV small window", deconv(size, zeros(6, 1, 1, 4), x, y)
    yield (
        "TRANSPOSE_CONV stride 4",
        deconv(c([1, 16, 16, 6]), zeros(6, 5, 5, 4), x, t(1, 16, 16, 6), strideH=4, strideW=4),
    )
    yield "TRANSPOSE_CONV odd size", deconv(c([1, 7, 7, 6]), w, x, t(1, 7, 7, 6))
    yield "TRANSPOSE_CONV unfit size", deconv(c([1, 9, 9, 6]), w, x, t(1, 9, 9, 6))
    yield "TRANSPOSE_CONV VALID", deconv(c([1, 9, 9, 6]), w, x, t(1, 9, 9, 6), padding="VALID")
    yield (
        "TRANSPOSE_CONV VALID window too large",
        deconv(c([1, 2, 2, 6]), w, t(1, 1, 1, 4), t(1, 2, 2, 6), padding="VALID"),
    )
    yield "TRANSPOSE_CONV channels unfit", deconv(c([1, 8, 8, 5]), w, x, t(1, 8, 8, 5))
    for dtype in DTYPES[1:5]:
        xq, yq = t(1, 4, 4, 4, dtype=dtype), t(1, 8, 8, 6, dtype=dtype)
        wq = zeros(6, 3, 3, 4, dtype=dtype)
        yield f"TRANSPOSE_CONV {dtype}", deconv(size, wq, xq, yq)
        yield f"TRANSPOSE_CONV float32 by {dtype}", deconv(size, wq, x, y)
    bq = c(np.zeros(6), "int32", **scaled(6))
    xq, yq = t(1, 4, 4, 4, dtype="int8"), t(1, 8, 8, 6, dtype="int8")
    channels = zeros(6, 3, 3, 4, dtype="int8", **scaled(6))
    yield "TRANSPOSE_CONV int8 per channel", deconv(size, channels, xq, bq, yq, version=3)


def fully_connected_cases() -> Iterator[Case]:
    def fc(*tensors: Any, version: int = 1, **options: Any) -> Build:
        *inputs, out = tensors
        return op("FULLY_CONNECTED", inputs, [out], version, **options)

    x, w, b, y = t(2, 8), zeros(4, 8), zeros(4), t(2, 4)
    yield "FULLY_CONNECTED float32", fc(x, w, b, y)
    yield "FULLY_CONNECTED no bias", fc(x, w, y)
    yield "FULLY_CONNECTED bias -1", fc(x, w, None, y)
    yield "FULLY_CONNECTED weights computed", fc(x, t(4, 8), b, y)
    yield "FULLY_CONNECTED bias computed", fc(x, w, t(4), y)
    yield "FULLY_CONNECTED weights computed, no bias", fc(x, t(4, 8), y)
    yield "FULLY_CONNECTED of a constant", fc(zeros(2, 8), w, b, y)
    yield "FULLY_CONNECTED all computed", fc(x, t(4, 8), t(4), y)
    yield "FULLY_CONNECTED bias too long", fc(x, w, zeros(5), y)
    yield "FULLY_CONNECTED bias of rank 2", fc(x, w, zeros(1, 4), y)
    yield "FULLY_CONNECTED shuffled", fc(x, w, b, y, weightsFormat="SHUFFLED4x16INT8")
    yield "FULLY_CONNECTED 4 dimensions", fc(t(2, 1, 2, 4), w, b, y)
    yield "FULLY_CONNECTED keeps 3 dimensions", fc(t(2, 3, 8), w, b, t(2, 3, 4), keepNumDims=True)
    yield "FULLY_CONNECTED keeps, rank differs", fc(t(2, 3, 8), w, b, t(6, 4), keepNumDims=True)
    yield "FULLY_CONNECTED sparse version", fc(x, w, b, y, version=8)
    for version in (2, 4, 5, 6, 9, 10):
        yield f"FULLY_CONNECTED v{version}", fc(x, w, b, y, version=version)
    for activation in ACTIVATIONS:
        yield f"FULLY_CONNECTED {activation}", fc(x, w, b, y, fusedActivationFunction=activation)
    for weights in ("float16", "int8", "uint8", "int16", "int4"):
        for scales in (1, 4):
            wq = zeros(4, 8, dtype=weights, **({} if weights == "float16" else scaled(scales)))
            if weights == "float16" and scales > 1:
                continue
            name = f"{weights} {scales} scales"
            yield f"FULLY_CONNECTED float32 by {name}", fc(x, wq, b, y)
            yield f"FULLY_CONNECTED float32 by {name}, no bias", fc(x, wq, y)
            for dtype in ("int8", "uint8", "float16", "int16"):
                xq, yq = t(2, 8, dtype=dtype), t(2, 4, dtype=dtype)
                bq = c(np.zeros(4), "int32", **scaled(scales))
                yield f"FULLY_CONNECTED {dtype} by {name}", fc(xq, wq, bq, yq)
    bare = zeros(4, 8, dtype="int4", quantized=False)
    yield "FULLY_CONNECTED float32 by int4 without scale", fc(x, bare, b, y)
    odd = zeros(4, 7, dtype="int4", **scaled(4))
    yield "FULLY_CONNECTED int4 odd", fc(t(2, 7), odd, b, y)
    xq, yq = t(2, 8, dtype="int8"), t(2, 4, dtype="int8")
    bq = c(np.zeros(4), "int32", scale=0.01)
    shifted = zeros(4, 8, dtype="int8", zero_point=3)
    yield "FULLY_CONNECTED int8 shifted weights", fc(xq, shifted, bq, yq)
    yield "FULLY_CONNECTED float32 by int8 shifted", fc(x, shifted, b, y)
    other = zeros(4, 8, dtype="int8", axis=1, **scaled(8))
    yield "FULLY_CONNECTED int8 per column", fc(xq, other, bq, yq)
    yield "FULLY_CONNECTED int8 to float32", fc(xq, zeros(4, 8, dtype="int8"), bq, y)
    yield "FULLY_CONNECTED int8 no bias", fc(xq, zeros(4, 8, dtype="int8"), yq)
    yield (
        "FULLY_CONNECTED int8 bias computed",
        fc(xq, zeros(4, 8, dtype="int8"), t(4, dtype="int32", scale=0.01), yq),
    )


def matmul_cases() -> Iterator[Case]:
    def bmm(*tensors: Any, version: int = 1, **options: Any) -> Build:
        *inputs, out = tensors
        return op("BATCH_MATMUL", inputs, [out], version, **options)

    for dtype in DTYPES[:6]:
        a, b, y = (t(*s, dtype=dtype) for s in ((2, 3, 4), (2, 4, 5), (2, 3, 5)))
        yield f"BATCH_MATMUL {dtype}", bmm(a, b, y)
        yield f"BATCH_MATMUL {dtype} by constant", bmm(a, zeros(2, 4, 5, dtype=dtype), y)
    a, y = t(2, 3, 4), t(2, 3, 5)
    yield "BATCH_MATMUL matrices", bmm(t(3, 4), t(4, 5), t(3, 5))
    yield "BATCH_MATMUL broadcast", bmm(a, t(4, 5), y)
    yield "BATCH_MATMUL transposed", bmm(t(2, 4, 3), t(2, 5, 4), y, adjX=True, adjY=True)
    yield "BATCH_MATMUL float32 by int8", bmm(a, zeros(2, 4, 5, dtype="int8"), y)
    yield "BATCH_MATMUL float32 by computed int8", bmm(a, t(2, 4, 5, dtype="int8"), y)
    columns = zeros(2, 4, 5, dtype="int8", axis=2, **scaled(5))
    yield "BATCH_MATMUL float32 by int8 per column", bmm(a, columns, y)
    rows = zeros(2, 5, 4, dtype="int8", axis=1, **scaled(5))
    yield "BATCH_MATMUL float32 by int8 per row", bmm(a, rows, y, adjY=True)
    wrong = zeros(2, 4, 5, dtype="int8", axis=1, **scaled(4))
    yield "BATCH_MATMUL float32 by int8 per wrong axis", bmm(a, wrong, y)
    aq, yq = t(2, 3, 4, dtype="int8"), t(2, 3, 5, dtype="int8")
    shifted = t(2, 4, 5, dtype="int8", zero_point=4)
    yield "BATCH_MATMUL int8 shifted", bmm(aq, shifted, yq)
    yield "BATCH_MATMUL int8 per column", bmm(aq, columns, yq)
