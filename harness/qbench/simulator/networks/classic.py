"""AlexNet, VGG, SqueezeNet, DenseNet, NASNet."""

from __future__ import annotations

from collections.abc import Callable

from qbench.records import OpOptions
from qbench.simulator.networks.graph import Graph
from qbench.simulator.networks.mobile import classifier


def squeezenet(g: Graph, version: str = "1.1", size: int = 224) -> int:
    """Iandola et al. 2016."""

    def fire(x: int, squeezed: int, expanded: int) -> int:
        s = g.conv(x, squeezed)
        return g.concat([g.conv(s, expanded), g.conv(s, expanded, 3)])

    def pool(x: int) -> int:
        return g.pool(x, 3, 2, padding="VALID")

    x = g.input(size, size, 3)
    if version == "1.1":
        x = fire(fire(pool(g.conv(x, 64, 3, 2, padding="VALID")), 16, 64), 16, 64)
        x = fire(fire(pool(x), 32, 128), 32, 128)
        x = pool(x)
    else:
        x = pool(g.conv(x, 96, 7, 2, padding="VALID"))
        x = fire(fire(fire(x, 16, 64), 16, 64), 32, 128)
        x = fire(pool(x), 32, 128)
    x = fire(fire(x, 48, 192), 48, 192)
    x = fire(x, 64, 256)
    x = fire(x if version == "1.1" else pool(x), 64, 256)
    return g.mean(g.conv(x, 1000))


def vgg(g: Graph, repeats: tuple[int, ...]) -> int:
    """Simonyan and Zisserman 2014."""
    x = g.input(224, 224, 3)
    for channels, count in zip((64, 128, 256, 512, 512), repeats, strict=True):
        for _ in range(count):
            x = g.conv(x, channels, 3)
        x = g.pool(x, 2, 2)
    x = g.dense(g.reshape(x, (1, 25088)), 4096, "RELU")
    return g.dense(g.dense(x, 4096, "RELU"), 1000)


def vgg_small(g: Graph, size: int = 64, classes: int = 100) -> int:
    """VGG16's convolutions for small images, with one hidden layer of 512: the usual variant for
    CIFAR (Liu and Deng 2015), for which the 25088 inputs of the original would be too many."""
    x = g.input(size, size, 3)
    for channels, count in zip((64, 128, 256, 512, 512), (2, 2, 3, 3, 3), strict=True):
        for _ in range(count):
            x = g.conv(x, channels, 3)
        x = g.pool(x, 2, 2)
    _, h, w, c = g.shape(x)
    return g.dense(g.dense(g.reshape(x, (1, h * w * c)), 512, "RELU"), classes)


def alexnet(g: Graph) -> int:
    """Krizhevsky 2014, as torchvision writes it."""
    x = g.conv(g.pad(g.input(224, 224, 3), 2, 2), 64, 11, 4, padding="VALID")
    x = g.conv(g.pool(x, 3, 2, padding="VALID"), 192, 5)
    x = g.conv(g.pool(x, 3, 2, padding="VALID"), 384, 3)
    x = g.pool(g.conv(g.conv(x, 256, 3), 256, 3), 3, 2, padding="VALID")
    x = g.dense(g.reshape(x, (1, 9216)), 4096, "RELU")
    return g.dense(g.dense(x, 4096, "RELU"), 1000)


def densenet_121(g: Graph, size: int = 224) -> int:
    """Huang et al. 2016. A batch normalization before a convolution becomes MUL, ADD with RELU."""

    def normalized(x: int) -> int:
        scale, shift = (g.tensor((g.channels(x),), constant=True) for _ in range(2))
        y = g.op("MUL", [x, scale], g.shape(x), options=OpOptions(activation="NONE"))
        return g.op("ADD", [y, shift], g.shape(x), options=OpOptions(activation="RELU"))

    x = g.pool(g.conv(g.input(size, size, 3), 64, 7, 2), 3, 2)
    for stage, layers in enumerate((6, 12, 24, 16)):
        if stage:
            x = g.pool(g.conv(normalized(x), g.channels(x) // 2, act="NONE"), 2, 2, "AVERAGE")
        for _ in range(layers):
            y = g.conv(g.conv(normalized(x), 128), 32, 3, act="NONE")
            x = g.concat([x, y])
    return classifier(g, normalized(x), 1000, softmax=False)


def nasnet_mobile(g: Graph) -> int:
    """Zoph et al. 2017: NASNet-A 4 @ 1056, 224x224, as Keras writes it."""

    def relu(x: int) -> int:
        return g.unary("RELU", x)

    def separable(x: int, out: int, kernel: int, stride: int = 1) -> int:
        x = g.conv(g.depthwise(relu(x), kernel, stride, "NONE"), out, 1, act="NONE")
        return g.conv(g.depthwise(relu(x), kernel, 1, "NONE"), out, 1, act="NONE")

    def adjust(p: int | None, x: int, out: int) -> int:
        if p is None:
            return x
        if g.shape(p)[1] != g.shape(x)[1]:
            p = relu(p)
            halves = [g.pool(p, 1, 2, "AVERAGE", "VALID") for _ in range(2)]
            return g.concat([g.conv(h, out // 2, 1, act="NONE") for h in halves])
        return g.conv(relu(p), out, 1, act="NONE") if g.channels(p) != out else p

    def normal(x: int, p: int | None, out: int) -> tuple[int, int]:
        p = adjust(p, x, out)
        h = g.conv(relu(x), out, 1, act="NONE")
        average: Callable[[int], int] = lambda t: g.pool(t, 3, 1, "AVERAGE")  # noqa: E731
        parts = [
            p,
            g.add(separable(h, out, 5), separable(p, out, 3)),
            g.add(separable(p, out, 5), separable(p, out, 3)),
            g.add(average(h), p),
            g.add(average(p), average(p)),
            g.add(separable(h, out, 3), h),
        ]
        return g.concat(parts), x

    def reduce(x: int, p: int | None, out: int) -> tuple[int, int]:
        p = adjust(p, x, out)
        h = g.conv(relu(x), out, 1, act="NONE")
        one = g.add(separable(h, out, 5, 2), separable(p, out, 7, 2))
        two = g.add(g.pool(h, 3, 2), separable(p, out, 7, 2))
        three = g.add(g.pool(h, 3, 2, "AVERAGE"), separable(p, out, 5, 2))
        four = g.add(two, g.pool(one, 3, 1, "AVERAGE"))
        five = g.add(separable(one, out, 3), g.pool(h, 3, 2))
        return g.concat([two, three, four, five]), x

    x, p = g.conv(g.input(224, 224, 3), 32, 3, 2, "NONE", "VALID"), None
    x, p = reduce(x, p, 11)
    x, p = reduce(x, p, 22)
    for stage in range(3):
        for _ in range(4):
            x, p = normal(x, p, 44 << stage)
        if stage < 2:
            x, p = reduce(x, p, 88 << stage)
    return classifier(g, relu(x), 1000)
