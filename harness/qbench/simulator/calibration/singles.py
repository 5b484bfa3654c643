"""The questions: small models of one operator, again and again, so that its price can be read off.

A model holds several copies of one operator. `shared`: all read the same input, which is in the
cache then; `private`: each has an input of its own; `single`: one copy, everything in the cache.
Copies have weights of their own, so that weights come from where a network's would. Shapes are
drawn by a sequence of low discrepancy (Roberts 2018: multiples of powers of the plastic number's
inverse), log-uniform, so that few of them cover the space, and the same ones every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import exp, log, prod
from typing import Any

import msgspec

from qbench.records import ModelInfo, OpOptions
from qbench.simulator.kernels import Dtype
from qbench.simulator.networks.graph import Graph
from qbench.simulator.requantize import hybrid

_COPIES_BYTES = 2 << 20  # twice a second cache of today: what comes round again is not in it
_MOST_COPIES = 40
_LEAST_MACS, _MOST_MACS = 2e5, 6e7
_MOST_ELEMENTS = 1_500_000
_WIDTHS = ("shared", "private", "shared", "single")
_GRAPH_DTYPE = {Dtype.FP32: "float32", Dtype.INT8: "int8", Dtype.DYNAMIC: "float32"}

Build = Callable[[Graph, int], int]
Shape = tuple[int, ...]


class Single(msgspec.Struct, frozen=True):
    """One question. `name` is unique and says all of it."""

    name: str
    dtype: Dtype
    model: ModelInfo


class _Ask(msgspec.Struct, frozen=True):
    """An operator on inputs of these shapes; `build` gets the graph and the first input."""

    label: str
    shapes: tuple[Shape, ...]
    build: Callable[[Graph, tuple[int, ...]], int]
    least_bytes: int = _COPIES_BYTES  # of all copies together


def singles(dtype: Dtype) -> list[Single]:
    """All questions of one data type, always the same, each once."""
    found: dict[str, Single] = {}
    for number, ask in enumerate(_asks(dtype)):
        single = _single(ask, dtype, _WIDTHS[number % len(_WIDTHS)])
        found.setdefault(single.name, single)
    for length in (2, 6):
        single = _chain(dtype, length)
        found.setdefault(single.name, single)
    return list(found.values())


def reference() -> Single:
    """Asked again and again: how fast the machine itself is at the moment."""
    ask = _conv((28, 28, 96), 96, 1, 1)
    return _single(ask, Dtype.FP32, "shared")


def _single(ask: _Ask, dtype: Dtype, width: str) -> Single:
    one = _written(ask, dtype, 1, private=False)
    outputs = sum(one.main.tensors[t].nbytes or 0 for t in one.main.outputs)
    own = one.weight_bytes + outputs
    if width == "private":
        own += sum(one.main.tensors[t].nbytes or 0 for t in one.main.inputs)
    copies = 1 if width == "single" else min(_MOST_COPIES, max(2, -(-ask.least_bytes // own)))
    if ask.least_bytes != _COPIES_BYTES:
        copies = -(-ask.least_bytes // own)
    elif width == "single" and (one.macs or 0) < 2e6 and prod(ask.shapes[0]) < 2e5:
        copies = 4  # one alone would be too short to measure
    model = _written(ask, dtype, copies, private=width == "private")
    name = f"{ask.label}-x{copies}{'p' if width == 'private' else ''}-{dtype.value}"
    return Single(name, dtype, msgspec.structs.replace(model, path=name, description=name))


def _written(ask: _Ask, dtype: Dtype, copies: int, *, private: bool) -> ModelInfo:
    graph = Graph(ask.label, _GRAPH_DTYPE[dtype])
    inputs: tuple[int, ...] = ()
    outputs = []
    for _ in range(copies):
        if not inputs or private:
            inputs = tuple(graph.tensor(shape) for shape in ask.shapes)
            graph.inputs += inputs
        outputs.append(ask.build(graph, inputs))
    model = graph.info(*outputs)
    return hybrid(model) if dtype is Dtype.DYNAMIC else model


def _chain(dtype: Dtype, length: int) -> Single:
    """Convolutions with something between them that XNNPACK refuses of 8-bit values: pieces."""
    graph = Graph("pieces", _GRAPH_DTYPE[dtype])
    x = graph.input(7, 7, 32)
    for _ in range(length):
        x = graph.unary("HARD_SWISH", graph.conv(x, 32, 1, act="NONE"))
    model = graph.info(x)
    name = f"pieces-{length}-{dtype.value}"
    model = hybrid(model) if dtype is Dtype.DYNAMIC else model
    return Single(name, dtype, msgspec.structs.replace(model, path=name, description=name))


# -- which shapes


def _drawn(dimensions: int) -> Iterator[tuple[float, ...]]:
    """Points in the unit cube, each as far from the others as can be."""
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = [ratio ** -(k + 1) for k in range(dimensions)]
    number = 0
    while True:
        number += 1
        yield tuple((0.5 + number * step) % 1 for step in steps)


def _log(u: float, low: float, high: float, multiple: int = 1) -> int:
    value = exp(log(low) + u * (log(high) - log(low)))
    return max(multiple, round(value / multiple) * multiple) if value > multiple else round(value)


def _asks(dtype: Dtype) -> Iterator[_Ask]:
    yield from _products()
    yield from _depthwise()
    if dtype is not Dtype.DYNAMIC:  # its other kernels are those of fp32
        yield from _movers(dtype)


def _products() -> Iterator[_Ask]:
    yield from _convolutions(20, (1,))
    yield from _convolutions(22, (3, 3, 3, 5, 2, 7), most_stride=2)
    for size, out, kernel in ((224, 32, 3), (160, 16, 3), (112, 64, 7), (128, 24, 5)):
        yield _conv((size, size, 3), out, kernel, 2)
    for size, channels, groups in ((28, 192, 4), (14, 256, 32), (56, 96, 2)):
        yield _grouped(size, channels, groups)
    for rows in (2, 5, 9, 12):  # few rows: where tiles of rows end
        yield _conv((rows, 1, 320), 120, 1, 1)
    # large maps of few channels: what is written does not fit in the caches
    for size, depth, out in ((112, 16, 96), (112, 24, 64), (80, 8, 160), (120, 32, 96)):
        yield _conv((size, size, depth), out, 1, 1)
    for size, depth, out in ((56, 144, 24), (72, 192, 16), (112, 96, 24), (28, 192, 32)):
        yield _conv((size, size, depth), out, 1, 1)
    yield _conv((4, 4, 512), 512, 3, 1, least_bytes=64 << 20)
    yield _conv((56, 56, 128), 128, 3, 1)  # as large as layers usually are
    yield _conv((28, 28, 512), 512, 1, 1)
    # where tiles of columns end
    for out in (48, 80, 16):
        yield _conv((28, 28, 64), out, 3, 1)
        yield _conv((28, 28, 160), out, 1, 1)
    for depth, out in ((64, 10), (256, 256), (512, 1000), (1280, 1000), (2048, 512), (640, 392)):
        yield _dense(depth, out)
    yield _dense(2048, 2048, least_bytes=64 << 20)
    for size in (5, 9, 14, 22, 64):  # MiB: where the last cache ends, and what is behind it
        yield _dense(1024, 1001, least_bytes=size << 20)
    for depth, out in ((96, 24), (320, 1280), (1024, 1001), (240, 960)):
        yield _conv((1, 1, depth), out, 1, 1)


def _convolutions(count: int, kernels: tuple[int, ...], most_stride: int = 1) -> Iterator[_Ask]:
    drawn, found = _drawn(4), 0
    while found < count:
        a, b, c, d = next(drawn)
        size = _log(a, 4, 112)
        depth, out = _log(b, 8, 768, 8), _log(c, 8, 768, 8)
        kernel = kernels[found % len(kernels)]
        stride = most_stride if d > 0.75 else 1
        if d % 0.1 > 0.08:
            out += 1  # a width that no tile divides
        macs = (size // stride) ** 2 * depth * out * kernel**2
        held = max(size**2 * depth, (size // stride) ** 2 * out)
        if _LEAST_MACS <= macs <= _MOST_MACS and held <= _MOST_ELEMENTS and size >= kernel:
            found += 1
            yield _conv((size, size, depth), out, kernel, stride)


def _depthwise() -> Iterator[_Ask]:
    drawn, found, kernels = _drawn(3), 0, (3, 3, 5, 3, 5)
    while found < 20:
        a, b, c = next(drawn)
        size, channels = _log(a, 4, 112), _log(b, 8, 1200, 8)
        kernel, stride = kernels[found % len(kernels)], 2 if c > 0.65 else 1
        macs = (size // stride) ** 2 * channels * kernel**2
        if 2e4 <= macs <= 3e7 and size**2 * channels <= _MOST_ELEMENTS and size >= kernel:
            found += 1
            yield _window((size, size, channels), kernel, stride, 1)
    for size, channels, kernel in ((28, 64, 7), (14, 144, 7)):
        yield _window((size, size, channels), kernel, 1, 1)
    for size, channels, multiplier in ((56, 3, 8), (28, 8, 16)):
        yield _window((size, size, channels), 3, 1, multiplier)


# Operators that move values: how many shapes each is asked with. A kernel that branches on values
# (8-bit clamps) gets maps so large that a processor cannot learn a random one by heart.
_UNARY = {"HARD_SWISH": 4, "LOGISTIC": 4, "RELU": 5, "TANH": 3, "LEAKY_RELU": 3, "GELU": 2}
_BINARY = {"ADD": 5, "ADD+RELU": 4, "MUL": 4, "SUB": 2, "ADD:channels": 4, "MUL:channels": 4}
_BINARY |= {"ADD:constant": 3, "MUL:constant": 3}
_OTHERS = {
    **{"PAD": 5, "MEAN": 4, "MEAN:keep": 4, "SUM": 2, "CONCATENATION": 5, "CONCATENATION:4": 3},
    "CONCATENATION:6": 3,  # more than XNNPACK takes
    **{"MAX_POOL_2D": 6, "AVERAGE_POOL_2D": 6, "RESIZE_BILINEAR": 4, "RESIZE_NEAREST_NEIGHBOR": 4},
    **{"TRANSPOSE": 3, "TRANSPOSE:shuffle": 4, "DEPTH_TO_SPACE": 3, "SLICE": 4, "RESHAPE": 2},
    **{"PRELU": 4, "SILU": 4, "SOFTMAX": 4},
}
_SOFTMAX = (10, 100, 1001, 5000)


def _movers(dtype: Dtype) -> Iterator[_Ask]:
    drawn = _drawn(2)
    for label, count in (_UNARY | _BINARY | _OTHERS).items():
        found = 0
        while found < count:
            a, b = next(drawn)
            size, channels = _log(a, 6, 112), _log(b, 8, 960, 8)
            if found == 0 and label in ("PAD", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
                size, channels = 64, 3  # images
            branches = dtype is Dtype.INT8 and label in ("RELU", "PRELU", "LEAKY_RELU")
            least = 6e4 if branches else 2e3
            if least <= size**2 * channels <= 6e5 and size >= 7:
                found += 1
                yield _moving(label, (1, size, size, channels), found)


def _moving(label: str, shape: Shape, number: int) -> _Ask:
    name, _, variant = label.partition(":")
    name, _, clamp = name.partition("+")
    _, size, _, channels = shape
    text = f"{label}-{size}x{size}x{channels}"
    other = (1, 1, 1, channels) if variant == "channels" else shape

    def unary(graph: Graph, x: tuple[int, ...]) -> int:
        return graph.unary(name, x[0])

    def binary(graph: Graph, x: tuple[int, ...]) -> int:
        second = graph.tensor((channels,), constant=True) if variant == "constant" else x[1]
        options = OpOptions(activation=clamp or "NONE")
        return graph.op(name, [x[0], second], shape, options=options)

    if name == "SILU":
        return _Ask(text, (shape,), lambda g, x: g.mul(x[0], g.unary("LOGISTIC", x[0])))
    if name in ("ADD", "MUL", "SUB"):
        return _Ask(text, (shape,) if variant == "constant" else (shape, other), binary)
    if name in _OTHERS:
        return _other(name, variant, shape, number)
    return _Ask(text, (shape,), unary)


def _other(name: str, variant: str, shape: Shape, number: int) -> _Ask:
    _, size, _, channels = shape
    text = f"{name}{variant and ':' + variant}-{size}x{size}x{channels}"
    shapes: tuple[Shape, ...] = (shape,)
    build: Callable[[Graph, tuple[int, ...]], int]
    match name:
        case "PAD":
            build = lambda g, x: g.pad(x[0], 1, 1)  # noqa: E731
        case "MEAN":
            build = lambda g, x: g.mean(x[0], keep=variant == "keep")  # noqa: E731
        case "SUM":
            build = lambda g, x: g.op(  # noqa: E731
                "SUM",
                [x[0], g.axes((1, 2))],
                (1, 1, 1, channels),
                options=OpOptions(keep_dims=True),
            )
        case "CONCATENATION":
            shapes, copies = (shape, shape), int(variant or 2) // 2
            build = lambda g, x: g.concat([*x] * copies)  # noqa: E731
        case "MAX_POOL_2D" | "AVERAGE_POOL_2D":
            kernel, stride = ((2, 2), (3, 2), (3, 1))[number % 3]
            text += f"-{kernel}s{stride}"
            kind = name.partition("_")[0]
            build = lambda g, x: g.pool(x[0], kernel, stride, kind)  # noqa: E731
        case "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR":
            kind = name.split("_")[1]
            build = lambda g, x: g.resize(x[0], size * 2, size * 2, kind)  # noqa: E731
        case "TRANSPOSE":
            shapes = ((1, size, size, 2, channels // 2),) if variant else (shape,)
            order = (0, 1, 2, 4, 3) if variant else (0, 3, 1, 2)
            build = lambda g, x: g.transpose(x[0], order)  # noqa: E731
        case "DEPTH_TO_SPACE":
            build = lambda g, x: g.depth_to_space(x[0], 2)  # noqa: E731
        case "SLICE":
            build = lambda g, x: g.slice_channels(x[0], 0, channels // 2)  # noqa: E731
        case "RESHAPE":
            build = lambda g, x: g.reshape(x[0], (1, size * size, channels))  # noqa: E731
        case "PRELU":
            build = lambda g, x: g.prelu(x[0])  # noqa: E731
        case _:
            values = _SOFTMAX[number % len(_SOFTMAX)]
            text, shapes = f"SOFTMAX-{values}", ((1, values),)
            build = lambda g, x: g.softmax(x[0])  # noqa: E731
    return _Ask(text, shapes, build)


def _conv(
    shape: Shape, out: int, kernel: int, stride: int, least_bytes: int = _COPIES_BYTES
) -> _Ask:
    height, width, depth = shape
    text = f"conv-{height}x{width}x{depth}-{out}k{kernel}s{stride}"
    build = lambda g, x: g.conv(x[0], out, kernel, stride)  # noqa: E731
    return _Ask(text, ((1, *shape),), build, least_bytes)


def _grouped(size: int, channels: int, groups: int) -> _Ask:
    text = f"conv-{size}x{size}x{channels}-g{groups}"
    shape = (1, size, size, channels)
    return _Ask(text, (shape,), lambda g, x: g.conv(x[0], channels, 3, groups=groups))


def _window(shape: Shape, kernel: int, stride: int, multiplier: int) -> _Ask:
    height, width, channels = shape
    text = f"dw-{height}x{width}x{channels}-k{kernel}s{stride}m{multiplier}"
    options: dict[str, Any] = {"multiplier": multiplier}
    return _Ask(text, ((1, *shape),), lambda g, x: g.depthwise(x[0], kernel, stride, **options))


def _dense(depth: int, out: int, least_bytes: int = _COPIES_BYTES) -> _Ask:
    build = lambda g, x: g.dense(x[0], out)  # noqa: E731
    return _Ask(f"dense-{depth}-{out}", ((1, depth),), build, least_bytes)
