"""Quantizing, choosing, variables, custom operators and what is left."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from fakes.graphs import Graph
from fakes.sweep.parts import DTYPES, Build, Case, c, op, t, zeros


def quantizing_cases() -> Iterator[Case]:
    for source in DTYPES[:6]:
        for target in DTYPES[:6]:
            pair = [t(1, 8, dtype=source)], [t(1, 8, dtype=target)]
            yield f"QUANTIZE {source} to {target}", op("QUANTIZE", *pair)
            if target in ("float32", "float16"):
                yield f"DEQUANTIZE {source} to {target}", op("DEQUANTIZE", *pair)
                constant = [zeros(1, 8, dtype=source)], [t(1, 8, dtype=target)]
                yield f"DEQUANTIZE constant {source} to {target}", op("DEQUANTIZE", *constant)
    for into, out in ((1.0, 1.0), (200.0, 1.0), (1.0, 300.0), (128.0, 1.0)):
        pair = [t(1, 8, dtype="int8", scale=into)], [t(1, 8, dtype="int8", scale=out)]
        yield f"QUANTIZE int8 scales {into} to {out}", op("QUANTIZE", *pair)
    for version in (2, 3, 4):
        q, f = t(1, 8, dtype="int8"), t(1, 8)
        yield f"QUANTIZE v{version}", op("QUANTIZE", [f], [q], version)
        yield f"DEQUANTIZE v{version}", op("DEQUANTIZE", [q], [f], version)
    for dtype in ("float32", "float16", "int8"):
        sparse = zeros(4, 8, dtype=dtype, sparse=True)
        yield f"DENSIFY {dtype}", op("DENSIFY", [sparse], [t(4, 8, dtype=dtype)])


def choosing_cases() -> Iterator[Case]:
    condition = t(1, 4, dtype="bool")
    for name in ("SELECT", "SELECT_V2"):
        for dtype in DTYPES[:6]:
            x = t(1, 4, dtype=dtype)
            fixed = zeros(1, 4, dtype=dtype)
            yield f"{name} {dtype}", op(name, [condition, x, x], [x])
            yield f"{name} {dtype} constant", op(name, [condition, fixed, fixed], [x])
        x = t(1, 2, 2, 4)
        four = t(1, 2, 2, 4, dtype="bool")
        yield f"{name} 4 dimensions", op(name, [four, x, x], [x])
        yield f"{name} scalars", op(name, [four, c(1.0, "float32"), c(0.0, "float32")], [x])
        yield f"{name} one value", op(name, [four, c([1.0], "float32"), x], [x])
        yield f"{name} rows", op(name, [four, t(2, 4), x], [x])
        yield f"{name} float condition", op(name, [x, x, x], [x])
        yield f"{name} int32 condition", op(name, [t(1, 2, 2, 4, dtype="int32"), x, x], [x])
        yield f"{name} small condition", op(name, [t(4, dtype="bool"), x, x], [x])
        yield f"{name} unfit condition", op(name, [t(3, dtype="bool"), x, x], [x])
        yield f"{name} v2", op(name, [four, x, x], [x], 2)
    for axis in (-1, 0, 4):
        for dtype in ("int32", "int64"):
            inputs = [t(4, dtype=dtype), c(8), c(1.0, "float32"), c(0.0, "float32")]
            yield f"ONE_HOT {dtype} axis {axis}", op("ONE_HOT", inputs, [t(4, 8)], axis=axis)
    inputs = [t(2, 4, dtype="int32"), c(8), c(1.0, "float32"), c(0.0, "float32")]
    yield "ONE_HOT 2 dimensions", op("ONE_HOT", inputs, [t(2, 4, 8)], axis=-1)
    inputs = [t(1, 4, dtype="int32"), c(8), c(1), c(0)]
    yield "ONE_HOT int32 values", op("ONE_HOT", inputs, [t(1, 4, 8, dtype="int32")], axis=-1)
    for name in ("ARG_MAX", "ARG_MIN"):
        for dtype in DTYPES[:6]:
            x, y = t(1, 4, dtype=dtype), t(1, dtype="int32")
            yield f"{name} {dtype}", op(name, [x, c(1)], [y], outputType="int32")
    for dtype in ("float32", "int8"):
        x = t(1, 8, dtype=dtype)
        outs = [t(1, 2, dtype=dtype), t(1, 2, dtype="int32")]
        yield f"TOPK_V2 {dtype}", op("TOPK_V2", [x, c(2)], outs)
    for dtype in ("float32", "float16", "int32"):
        x = t(1, 8, dtype=dtype)
        yield f"CUMSUM {dtype}", op("CUMSUM", [x, c(1)], [x])
    yield "CUMSUM axis computed", op("CUMSUM", [t(1, 8), t(dtype="int32")], [t(1, 8)])


def variable_cases() -> Iterator[Case]:
    def variable(dtype: str, *, read: bool, written: str | None = None) -> Build:
        def build() -> Graph:
            g = Graph()
            x = g.input((1, 4), written or dtype)
            handle = g.tensor((), "resource")
            g.op("VAR_HANDLE", [], [handle], sharedName="v", container="")
            g.op("ASSIGN_VARIABLE", [handle, x], [])
            if read:
                y = g.tensor((1, 4), dtype)
                g.op("READ_VARIABLE", [handle], [y])
                g.outputs(y)
            else:
                y = g.tensor((1, 4))
                g.op("ABS", [g.input((1, 4), "float32")], [y])
                g.outputs(y)
            return g

        return build

    for dtype in ("float32", "int8", "int32", "int64"):
        yield f"variable {dtype}", variable(dtype, read=True)
        yield f"variable {dtype} written only", variable(dtype, read=False)
    yield "variable of two types", variable("float32", read=True, written="int8")


def custom_cases() -> Iterator[Case]:
    def custom(name: str, inputs: Any, outputs: Any, data: bytes) -> Build:
        return op("CUSTOM", inputs, outputs, custom=name, custom_options=data)

    # TfLiteTransposeConvParams and TfLitePoolParams begin with padding (1 SAME, 2 VALID) and the
    # strides, width first; then the window, width first, and the activation.
    strides = struct.pack("<iii", 1, 2, 2)
    pool = struct.pack("<iiiiii", 1, 2, 2, 2, 2, 0) + bytes(32)
    x, w, b, y = t(1, 4, 4, 4), zeros(6, 3, 3, 4), zeros(6), t(1, 8, 8, 6)
    name = "Convolution2DTransposeBias"
    yield f"CUSTOM {name}", custom(name, [x, w, b], [y], strides + bytes(32))
    yield f"CUSTOM {name} without bias", custom(name, [x, w], [y], strides + bytes(32))
    half, index = t(1, 2, 2, 4), t(1, 2, 2, 4)
    name = "MaxPoolingWithArgmax2D"
    yield f"CUSTOM {name}", custom(name, [x], [half, index], pool)
    name = "MaxUnpooling2D"
    yield f"CUSTOM {name}", custom(name, [half, index], [x], struct.pack("<i", 2) + pool[4:])
    name = "Resampler"
    yield f"CUSTOM {name}", custom(name, [x, t(1, 4, 4, 2)], [x], b"")
    yield f"CUSTOM {name} flat warp", custom(name, [x, t(1, 4, 4, 1)], [x], b"")
    yield "CUSTOM of somebody", custom("Somebodys", [x], [x], b"")


def other_cases() -> Iterator[Case]:
    x = t(1, 4, 4, 8)
    yield "SHAPE", op("SHAPE", [x], [t(4, dtype="int32")], outType="int32")
    yield "RANK", op("RANK", [x], [t(dtype="int32")])
    yield "REVERSE_V2", op("REVERSE_V2", [x, c([1])], [x])
    yield "BROADCAST_TO", op("BROADCAST_TO", [t(1, 8), c([4, 8])], [t(4, 8)], 2)
    yield "FILL", op("FILL", [c([1, 4]), t()], [t(1, 4)])
    yield "GATHER_ND", op("GATHER_ND", [t(4, 8), c([[0], [1]])], [t(2, 8)])
    yield (
        "SPACE_TO_BATCH_ND",
        op("SPACE_TO_BATCH_ND", [x, c([2, 2]), c([[0, 0], [0, 0]])], [t(4, 2, 2, 8)]),
    )
    yield (
        "BATCH_TO_SPACE_ND",
        op("BATCH_TO_SPACE_ND", [t(4, 2, 2, 8), c([2, 2]), c([[0, 0], [0, 0]])], [x]),
    )
    yield "EMBEDDING_LOOKUP", op("EMBEDDING_LOOKUP", [t(2, dtype="int32"), zeros(4, 8)], [t(2, 8)])
