"""Well-known networks in small, in every precision: random weights, true structure."""

from __future__ import annotations

from collections.abc import Callable

from fakes.graphs import Graph

PRECISIONS = ("fp32", "fp16", "dynamic", "int8", "uint8")


def mobilenet_v1(g: Graph, x: int) -> int:
    x = g.conv(x, 8, 3, 2, activation="RELU6")
    for channels, stride in ((16, 1), (32, 2), (32, 1), (64, 2)):
        x = g.conv(x, 0, 3, stride, depthwise=True, activation="RELU6")
        x = g.conv(x, channels, 1, activation="RELU6")
    return g.unary("SOFTMAX", g.fully_connected(g.mean(x), 10))


def mobilenet_v2(g: Graph, x: int) -> int:
    x = g.conv(x, 8, 3, 2, activation="RELU6")
    for expand, channels, count, stride in ((1, 8, 1, 1), (6, 12, 2, 2), (6, 16, 2, 2)):
        for index in range(count):
            step = stride if index == 0 else 1
            y = g.conv(x, g.shape(x)[-1] * expand, 1, activation="RELU6")
            y = g.conv(y, 0, 3, step, depthwise=True, activation="RELU6")
            y = g.conv(y, channels, 1, activation="NONE")
            x = g.binary("ADD", x, y) if g.shape(x) == g.shape(y) else y
    return g.fully_connected(g.mean(x), 10)


def mobilenet_v3(g: Graph, x: int) -> int:
    x = _swish(g, g.conv(x, 8, 3, 2, activation="NONE"))
    for expand, channels, squeeze, swish, stride in (
        (16, 8, True, False, 2),
        (48, 16, False, False, 2),
        (64, 16, True, True, 1),
        (64, 24, True, True, 2),
    ):
        y = g.conv(x, expand, 1, activation="NONE" if swish else "RELU")
        y = _swish(g, y) if swish else y
        y = g.conv(y, 0, 3, stride, depthwise=True, activation="NONE" if swish else "RELU")
        y = _swish(g, y) if swish else y
        y = _squeeze_and_excite(g, y) if squeeze else y
        y = g.conv(y, channels, 1, activation="NONE")
        x = g.binary("ADD", x, y) if g.shape(x) == g.shape(y) else y
    x = g.mean(_swish(g, g.conv(x, 32, 1, activation="NONE")), keep=True)
    return g.conv(_swish(g, g.conv(x, 40, 1, activation="NONE")), 10, 1, activation="NONE")


def efficientnet(g: Graph, x: int) -> int:
    x = _swish(g, g.conv(x, 8, 3, 2, activation="NONE"))
    for expand, channels, stride in ((8, 8, 1), (32, 12, 2), (48, 12, 1), (48, 20, 2)):
        y = _swish(g, g.conv(x, expand, 1, activation="NONE"))
        y = _swish(g, g.conv(y, 0, 5, stride, depthwise=True, activation="NONE"))
        y = g.conv(_squeeze_and_excite(g, y), channels, 1, activation="NONE")
        x = g.binary("ADD", x, y) if g.shape(x) == g.shape(y) else y
    return g.unary("SOFTMAX", g.fully_connected(g.mean(x), 10))


def resnet(g: Graph, x: int) -> int:
    x = g.pool(g.conv(x, 8, 7, 2), 3, 2)
    for channels, stride in ((8, 1), (8, 1), (16, 2), (16, 1)):
        y = g.conv(g.conv(x, channels, 3, stride), channels, 3, activation="NONE")
        if g.shape(x) != g.shape(y):
            x = g.conv(x, channels, 1, stride, activation="NONE")
        x = g.binary("ADD", x, y, activation="RELU")
    return g.unary("SOFTMAX", g.fully_connected(g.mean(x), 10))


def squeezenet(g: Graph, x: int) -> int:
    x = g.pool(g.conv(x, 16, 3, 2), 3, 2)
    for squeeze, expand in ((4, 16), (4, 16), (8, 32)):
        y = g.conv(x, squeeze, 1)
        x = g.concat([g.conv(y, expand, 1), g.conv(y, expand, 3)])
    return g.unary("SOFTMAX", g.mean(g.conv(x, 10, 1)))


def vgg(g: Graph, x: int) -> int:
    for channels, count in ((8, 2), (16, 2), (32, 3)):
        for _ in range(count):
            x = g.conv(x, channels, 3)
        x = g.pool(x, 2, 2)
    n, h, w, c = g.shape(x)
    # Keras' Flatten of a free batch size: the shape is computed while the model runs
    shape = g.tensor((4,), "int32")
    g.op("SHAPE", [x], [shape], outType="int32")
    batch = g.tensor((), "int32")
    ends = [g.const([0]), g.const([1]), g.const([1])]
    g.op("STRIDED_SLICE", [shape, *ends], [batch], shrinkAxisMask=1)
    flat = g.tensor((2,), "int32")
    g.op("PACK", [batch, g.const(h * w * c)], [flat], valuesCount=2, axis=0)
    y = g.like(x, (n, h * w * c))
    g.op("RESHAPE", [x, flat], [y])
    return g.unary("SOFTMAX", g.fully_connected(g.fully_connected(y, 32), 10))


def googlenet(g: Graph, x: int) -> int:
    x = g.pool(g.conv(x, 8, 7, 2), 3, 2)
    for width in (4, 8):
        branches = [
            g.conv(x, width, 1),
            g.conv(g.conv(x, width, 1), 2 * width, 3),
            g.conv(g.conv(x, width, 1), width, 5),
            g.conv(g.pool(x, 3, 1), width, 1),
        ]
        x = g.concat(branches)
    x = g.pool(x, 4, 4, name="AVERAGE_POOL_2D", padding="VALID")
    return g.unary("SOFTMAX", g.fully_connected(g.mean(x), 10))


def keyword_spotting(g: Graph, x: int) -> int:
    x = g.conv(x, 16, 3, 2)
    for _ in range(3):
        x = g.conv(g.conv(x, 0, 3, depthwise=True), 16, 1)
    return g.unary("SOFTMAX", g.fully_connected(g.mean(x), 12))


def segmentation(g: Graph, x: int) -> int:
    """Down and up again: stand-alone activations, RESIZE_BILINEAR, PAD, a skip, LOGISTIC."""
    first = g.unary("RELU", g.conv(x, 8, 3, 2, activation="NONE"))
    second = g.unary("RELU6", g.conv(first, 16, 3, 2, activation="NONE"))
    n, h, w, _ = g.shape(first)
    up = g.like(second, (n, h, w, 16))
    g.op("RESIZE_BILINEAR", [second, g.const([h, w])], [up], halfPixelCenters=True)
    merged = g.concat([g.conv(up, 8, 1), g.conv(first, 8, 1)])
    wide = g.like(merged, (n, h + 2, w + 2, 16))
    g.op("PAD", [merged, g.const([[0, 0], [1, 1], [1, 1], [0, 0]])], [wide])
    return g.unary("LOGISTIC", g.conv(wide, 1, 3, padding="VALID", activation="NONE"))


def detection(g: Graph, x: int) -> int:
    """Two heads, reshaped and joined; a class choice that XNNPACK does not know at the end."""
    body = g.conv(g.conv(x, 16, 3, 2), 16, 3, 2)
    heads = []
    for tail in (body, g.conv(body, 16, 3, 2)):
        n, h, w, _ = g.shape(tail)
        heads.append(g.reshape(g.conv(tail, 6, 1, activation="NONE"), (n, h * w, 6)))
    rows = sum(g.shape(head)[1] for head in heads)
    joined = g.like(heads[0], (1, rows, 6))
    g.op("CONCATENATION", heads, [joined], axis=1)
    best = g.tensor((1, rows), "int32")
    g.op("ARG_MAX", [joined, g.const(2)], [best], outputType="int32")
    g.main.outputs.append(best)
    return g.unary("LOGISTIC", joined)


def mlp(g: Graph, x: int) -> int:
    x = g.mean(x)
    for channels in (32, 32, 10):
        x = g.fully_connected(x, channels)
    return x


NETWORKS: dict[str, Callable[[Graph, int], int]] = {
    function.__name__: function
    for function in (
        mobilenet_v1,
        mobilenet_v2,
        mobilenet_v3,
        efficientnet,
        resnet,
        squeezenet,
        vgg,
        googlenet,
        keyword_spotting,
        segmentation,
        detection,
        mlp,
    )
}


def build(name: str, precision: str, size: int = 32) -> bytes:
    g = Graph(precision)
    y = NETWORKS[name](g, g.input((1, size, size, 3)))
    g.main.outputs.append(y)
    return g.to_bytes()


def _swish(g: Graph, x: int) -> int:
    return g.unary("HARD_SWISH", x)


def _squeeze_and_excite(g: Graph, x: int) -> int:
    channels = g.shape(x)[-1]
    y = g.conv(g.mean(x, keep=True), max(4, channels // 4), 1)
    y = g.unary("LOGISTIC", g.conv(y, channels, 1, activation="NONE"))
    return g.binary("MUL", x, y)
