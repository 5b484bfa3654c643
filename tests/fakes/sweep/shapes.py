"""Windows, reductions, and operators that move, cut or join."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fakes.sweep.parts import ACTIVATIONS, DTYPES, Build, Case, c, op, t, zeros

REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_ANY", "REDUCE_ALL")


def pool_cases() -> Iterator[Case]:
    for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):

        def pool(
            x: Any, y: Any, size: int, stride: int, version: int = 1, name: str = name, **more: Any
        ) -> Build:
            options = {
                "filterHeight": size,
                "filterWidth": size,
                "strideH": stride,
                "strideW": stride,
            }
            return op(name, [x], [y], version, **(options | more))

        for dtype in DTYPES[:6]:
            x, y = t(1, 8, 8, 4, dtype=dtype), t(1, 4, 4, 4, dtype=dtype)
            yield f"{name} {dtype}", pool(x, y, 2, 2)
        x = t(1, 8, 8, 4)
        yield f"{name} 1x1", pool(x, x, 1, 1)
        yield f"{name} 1x1 stride 2", pool(x, t(1, 4, 4, 4), 1, 2)
        yield f"{name} stride beyond window", pool(x, t(1, 3, 3, 4), 2, 3)
        yield f"{name} 13x13 SAME", pool(t(1, 20, 20, 4), t(1, 20, 20, 4), 13, 1)
        yield f"{name} global", pool(x, t(1, 1, 1, 4), 8, 8, padding="VALID")
        for version in (2, 3):
            yield f"{name} v{version}", pool(x, t(1, 4, 4, 4), 2, 2, version)
        for activation in ACTIVATIONS:
            fused = pool(x, t(1, 4, 4, 4), 2, 2, fusedActivationFunction=activation)
            yield f"{name} {activation}", fused


def reduction_cases() -> Iterator[Case]:
    for name in REDUCTIONS:
        for dtype in DTYPES:
            x, y = t(1, 4, 4, 8, dtype=dtype), t(1, 8, dtype=dtype)
            yield f"{name} {dtype}", op(name, [x, c([1, 2])], [y])
        x = t(1, 4, 4, 8)
        yield f"{name} keeps", op(name, [x, c([1, 2])], [t(1, 1, 1, 8)], keepDims=True)
        yield f"{name} axes computed", op(name, [x, t(2, dtype="int32")], [t(1, 8)])
        yield f"{name} axes int64", op(name, [x, c([1, 2], "int64")], [t(1, 8)])
        yield f"{name} scalar axis", op(name, [x, c(3)], [t(1, 4, 4)])
        yield f"{name} no axes", op(name, [x, c(np.zeros(0))], [x])
        yield f"{name} axes of rank 2", op(name, [x, c([[1, 2]])], [t(1, 8)])
        yield f"{name} to a number", op(name, [t(8), c([0])], [t()])
        yield f"{name} of a number", op(name, [t(), c([0])], [t()])
        yield f"{name} 7 axes", op(name, [t(*[1] * 7), c(list(range(7)))], [t()])


def moving_cases() -> Iterator[Case]:
    for dtype in DTYPES:
        x = t(1, 4, 4, 8, dtype=dtype)
        two = t(1, 4, 4, 16, dtype=dtype)
        yield f"CONCATENATION {dtype}", op("CONCATENATION", [x, x], [two], axis=3)
        fixed = zeros(1, 4, 4, 8, dtype=dtype)
        yield f"CONCATENATION {dtype} constant", op("CONCATENATION", [x, fixed], [two], axis=3)
        flat = t(1, 128, dtype=dtype)
        yield f"RESHAPE {dtype}", op("RESHAPE", [x, c([1, 128])], [flat], newShape=[1, 128])
        turned = t(1, 8, 4, 4, dtype=dtype)
        yield f"TRANSPOSE {dtype}", op("TRANSPOSE", [x, c([0, 3, 1, 2])], [turned])
        padded = t(1, 6, 6, 8, dtype=dtype)
        pads = c([[0, 0], [1, 1], [1, 1], [0, 0]])
        yield f"PAD {dtype}", op("PAD", [x, pads], [padded])
        value = zeros(dtype=dtype)
        yield f"PADV2 {dtype}", op("PADV2", [x, pads, value], [padded])
        yield f"MIRROR_PAD {dtype}", op("MIRROR_PAD", [x, pads], [padded], mode="REFLECT")
        blocks = t(1, 8, 8, 2, dtype=dtype)
        yield f"DEPTH_TO_SPACE {dtype}", op("DEPTH_TO_SPACE", [x], [blocks], blockSize=2)
        yield f"SPACE_TO_DEPTH {dtype}", op("SPACE_TO_DEPTH", [blocks], [x], blockSize=2)
        yield f"EXPAND_DIMS {dtype}", op("EXPAND_DIMS", [flat, c(0)], [t(1, 1, 128, dtype=dtype)])
        yield f"SQUEEZE {dtype}", op("SQUEEZE", [flat], [t(128, dtype=dtype)], squeezeDims=[0])
        yield f"TILE {dtype}", op("TILE", [flat, c([1, 2])], [t(1, 256, dtype=dtype)])
        pair = t(1, 2, 128, dtype=dtype)
        yield (
            f"PACK {dtype}",
            op("PACK", [flat, flat], [pair], valuesCount=2, axis=1),
        )
        yield f"UNPACK {dtype}", op("UNPACK", [pair], [flat, flat], num=2, axis=1)
        for name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
            larger = t(1, 8, 8, 8, dtype=dtype)
            yield f"{name} {dtype}", op(name, [x, c([8, 8])], [larger])
    x, two = t(1, 4, 4, 8), t(1, 4, 4, 16)
    yield "CONCATENATION of 1", op("CONCATENATION", [x], [x], axis=3)
    for count in (4, 5, 6):
        wide = t(1, 4, 4, 8 * count)
        yield f"CONCATENATION of {count}", op("CONCATENATION", [x] * count, [wide], axis=3)
    yield "CONCATENATION new axis", op("CONCATENATION", [x, x], [two], axis=4)
    yield "CONCATENATION axis -1", op("CONCATENATION", [x, x], [two], axis=-1)
    yield "CONCATENATION v3", op("CONCATENATION", [x, x], [two], 3, axis=3)
    yield (
        "CONCATENATION RELU",
        op("CONCATENATION", [x, x], [two], axis=3, fusedActivationFunction="RELU"),
    )
    for dtype in ("int8", "uint8"):
        a = t(1, 4, 4, 8, dtype=dtype, scale=0.1)
        b = t(1, 4, 4, 8, dtype=dtype, scale=0.2)
        y = t(1, 4, 4, 16, dtype=dtype, scale=0.1)
        yield f"CONCATENATION {dtype} unlike scales", op("CONCATENATION", [a, b], [y], axis=3)
        yield (
            f"RESHAPE {dtype} unlike scales",
            op("RESHAPE", [a, c([16, 8])], [t(16, 8, dtype=dtype)]),
        )
    yield "RESHAPE no shape input", op("RESHAPE", [x], [t(1, 128)], newShape=[1, 128])
    yield "RESHAPE shape computed", op("RESHAPE", [x, t(2, dtype="int32")], [t(1, 128)])
    yield "RESHAPE shape int64", op("RESHAPE", [x, c([1, 128], "int64")], [t(1, 128)])
    yield "RESHAPE to -1", op("RESHAPE", [x, c([-1])], [t(128)], newShape=[-1])
    yield "RESHAPE to 128", op("RESHAPE", [x, c([128])], [t(128)], newShape=[128])
    yield "RESHAPE with -1", op("RESHAPE", [x, c([-1, 8])], [t(16, 8)], newShape=[-1, 8])
    yield "RESHAPE shape of rank 2", op("RESHAPE", [x, c([[1, 128]])], [t(1, 128)])
    yield "RESHAPE shape of two rows", op("RESHAPE", [x, c([[1], [128]])], [t(1, 128)])
    yield "RESHAPE 7 dimensions", op("RESHAPE", [x, c([1] * 6 + [128])], [t(*[1] * 6, 128)])
    yield "RESHAPE v2", op("RESHAPE", [x, c([1, 128])], [t(1, 128)], 2)
    turned = t(1, 8, 4, 4)
    yield "TRANSPOSE order computed", op("TRANSPOSE", [x, t(4, dtype="int32")], [turned])
    seven = t(*[1] * 7)
    yield "TRANSPOSE 7 dimensions", op("TRANSPOSE", [seven, c(list(range(7)))], [seven])
    for version in (4, 5):
        yield f"TRANSPOSE v{version}", op("TRANSPOSE", [x, c([0, 3, 1, 2])], [turned], version)
    pads = c([[0, 0], [1, 1], [1, 1], [0, 0]])
    for name in ("PAD", "PADV2", "MIRROR_PAD"):
        more: list[Any] = [c(0.0, "float32")] if name == "PADV2" else []
        yield (
            f"{name} 3 dimensions",
            op(name, [t(4, 4, 8), c([[1, 1], [1, 1], [0, 0]]), *more], [t(6, 6, 8)]),
        )
        yield f"{name} 2 dimensions", op(name, [t(4, 4), c([[1, 1], [1, 1]]), *more], [t(6, 6)])
        yield f"{name} pads computed", op(name, [x, t(4, 2, dtype="int32"), *more], [t(1, 6, 6, 8)])
        yield (
            f"{name} pads int64",
            op(name, [x, c([[0, 0], [1, 1], [1, 1], [0, 0]], "int64"), *more], [t(1, 6, 6, 8)]),
        )
        yield f"{name} v3", op(name, [x, pads, *more], [t(1, 6, 6, 8)], 3)
    yield "PAD negative", op("PAD", [x, c([[0, 0], [-1, 1], [1, 1], [0, 0]])], [t(1, 4, 6, 8)])
    yield "MIRROR_PAD SYMMETRIC", op("MIRROR_PAD", [x, pads], [t(1, 6, 6, 8)], mode="SYMMETRIC")
    for name in ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"):
        yield f"{name} block 1", op(name, [x], [x], blockSize=1)
    yield "SPACE_TO_DEPTH block 3", op("SPACE_TO_DEPTH", [x], [t(1, 1, 1, 72)], blockSize=3)
    larger = t(1, 8, 8, 8)
    for name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        for corners in (False, True):
            for centers in (False, True):
                options = {"alignCorners": corners, "halfPixelCenters": centers}
                yield (
                    f"{name} {corners} {centers}",
                    op(name, [x, c([8, 8])], [larger], 3, **options),
                )
        yield f"{name} size computed", op(name, [x, t(2, dtype="int32")], [larger])
        yield f"{name} one size", op(name, [x, c([8])], [larger])
        yield f"{name} size 0", op(name, [x, c([0, 8])], [larger])
        yield f"{name} v4", op(name, [x, c([8, 8])], [larger], 4)
    for name in ("PACK", "UNPACK"):
        for axis in (-1, 2):
            flat, pair = t(1, 128), t(1, 128, 2)
            shapes = ([flat, flat], [pair]) if name == "PACK" else ([pair], [flat, flat])
            more_options: dict[str, Any] = {"valuesCount" if name == "PACK" else "num": 2}
            yield f"{name} axis {axis}", op(name, *shapes, axis=axis, **more_options)
    yield "PACK to 5 dimensions", op("PACK", [x, x], [t(1, 2, 4, 4, 8)], valuesCount=2, axis=1)
    yield "TILE computed", op("TILE", [t(1, 4), t(2, dtype="int32")], [t(1, 8)])


def slicing_cases() -> Iterator[Case]:
    for dtype in DTYPES:
        x, y = t(1, 4, 4, 8, dtype=dtype), t(1, 2, 2, 8, dtype=dtype)
        begin, size = c([0, 1, 1, 0]), c([1, 2, 2, 8])
        end, ones = c([1, 3, 3, 8]), c([1, 1, 1, 1])
        yield f"SLICE {dtype}", op("SLICE", [x, begin, size], [y])
        yield f"STRIDED_SLICE {dtype}", op("STRIDED_SLICE", [x, begin, end, ones], [y])
        half = t(1, 4, 4, 4, dtype=dtype)
        yield f"SPLIT {dtype}", op("SPLIT", [c(3), x], [half, half], numSplits=2)
        yield f"SPLIT_V {dtype}", op("SPLIT_V", [x, c([4, 4]), c(3)], [half, half], numSplits=2)
        rows = t(2, 8, dtype=dtype)
        yield f"GATHER {dtype}", op("GATHER", [t(4, 8, dtype=dtype), c([0, 1])], [rows])
    x, y = t(1, 4, 4, 8), t(1, 2, 2, 8)
    begin, size, end = c([0, 1, 1, 0]), c([1, 2, 2, 8]), c([1, 3, 3, 8])
    ones = c([1, 1, 1, 1])
    index = t(4, dtype="int32")
    yield "SLICE begin computed", op("SLICE", [x, index, size], [y])
    yield "SLICE size computed", op("SLICE", [x, begin, index], [y])
    yield "SLICE size -1", op("SLICE", [x, begin, c([1, 2, 2, -1])], [y])
    yield "SLICE size 0", op("SLICE", [x, begin, c([1, 0, 2, 8])], [t(1, 0, 2, 8)])
    yield (
        "SLICE by int64",
        op("SLICE", [x, c([0, 1, 1, 0], "int64"), c([1, 2, 2, 8], "int64")], [y]),
    )
    yield "SLICE 2 dimensions", op("SLICE", [t(4, 8), c([0, 0]), c([2, 8])], [t(2, 8)])
    seven, first, last = t(*[2] * 7), c([0] * 7), c([1] * 7)
    yield "SLICE 7 dimensions", op("SLICE", [seven, first, last], [t(*[1] * 7)])
    yield (
        "STRIDED_SLICE 7 dimensions",
        op("STRIDED_SLICE", [seven, first, last, last], [t(*[1] * 7)]),
    )
    yield "SLICE from -1", op("SLICE", [x, c([0, -1, 1, 0]), size], [y])
    yield "SLICE v3", op("SLICE", [x, begin, size], [y], 3)
    yield "STRIDED_SLICE computed", op("STRIDED_SLICE", [x, begin, end, index], [y])
    yield "STRIDED_SLICE end computed", op("STRIDED_SLICE", [x, begin, index, ones], [y])
    yield (
        "STRIDED_SLICE stride 2",
        op("STRIDED_SLICE", [x, c([0, 0, 0, 0]), c([1, 4, 4, 8]), c([1, 2, 2, 1])], [y]),
    )
    for mask in ("beginMask", "endMask", "ellipsisMask", "newAxisMask", "shrinkAxisMask"):
        inputs = [x, begin, end, ones]
        yield f"STRIDED_SLICE {mask}", op("STRIDED_SLICE", inputs, [y], **{mask: 1})
    yield (
        "STRIDED_SLICE short",
        op("STRIDED_SLICE", [x, c([0, 1]), c([1, 3]), c([1, 1])], [t(1, 2, 4, 8)]),
    )
    yield (
        "STRIDED_SLICE 2 dimensions",
        op("STRIDED_SLICE", [t(4, 8), c([0, 0]), c([2, 8]), c([1, 1])], [t(2, 8)]),
    )
    for version in (4, 5):
        yield f"STRIDED_SLICE v{version}", op("STRIDED_SLICE", [x, begin, end, ones], [y], version)
    for count in (1, 3, 4, 5):
        x12 = t(1, 60)
        part = t(1, 60 // count)
        yield f"SPLIT in {count}", op("SPLIT", [c(1), x12], [part] * count, numSplits=count)
    half = t(1, 4, 4, 4)
    yield "SPLIT axis computed", op("SPLIT", [t(dtype="int32"), x], [half, half], numSplits=2)
    rows = t(2, 8)
    yield "GATHER computed", op("GATHER", [t(4, 8), t(2, dtype="int32")], [rows])
    yield "GATHER from constant", op("GATHER", [zeros(4, 8), t(2, dtype="int32")], [rows])
    yield "GATHER by int64", op("GATHER", [t(4, 8), c([0, 1], "int64")], [rows])
    yield "GATHER by scalar", op("GATHER", [t(4, 8), c(1)], [t(8)])
    yield "GATHER v2", op("GATHER", [t(4, 8), c([0, 1])], [rows], 2)
