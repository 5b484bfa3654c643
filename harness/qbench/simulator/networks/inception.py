"""The Inception family."""

from __future__ import annotations

from qbench.simulator.networks.graph import Graph
from qbench.simulator.networks.mobile import classifier


def inception_v1(g: Graph, size: int = 224, classes: int = 1001) -> int:
    """Szegedy et al. 2014 with 3x3 for 5x5, as TF-slim's Inception v1 and torchvision do."""

    def block(x: int, a: int, b: int, c: int, d: int, e: int, f: int) -> int:
        right = g.conv(g.pool(x, 3, 1), f)
        return g.concat(
            [g.conv(x, a), g.conv(g.conv(x, b), c, 3), g.conv(g.conv(x, d), e, 3), right]
        )

    x = g.pool(g.conv(g.input(size, size, 3), 64, 7, 2), 3, 2)
    x = g.pool(g.conv(g.conv(x, 64), 192, 3), 3, 2)
    x = block(block(x, 64, 96, 128, 16, 32, 32), 128, 128, 192, 32, 96, 64)
    x = g.pool(x, 3, 2)
    for widths in [
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ]:
        x = block(x, *widths)
    x = g.pool(x, 2, 2)
    x = block(block(x, 256, 160, 320, 32, 128, 128), 384, 192, 384, 48, 128, 128)
    return classifier(g, x, classes)


def inception_v3(g: Graph, size: int = 299, classes: int = 1001) -> int:
    """Szegedy et al. 2015."""
    conv, pool = g.conv, g.pool

    def block_a(x: int, pooled: int) -> int:
        five = conv(conv(x, 48), 64, 5)
        double = conv(conv(conv(x, 64), 96, 3), 96, 3)
        return g.concat([conv(x, 64), five, double, conv(pool(x, 3, 1, "AVERAGE"), pooled)])

    def block_c(x: int, c: int) -> int:
        seven = conv(conv(conv(x, c), c, (1, 7)), 192, (7, 1))
        double = conv(conv(conv(conv(conv(x, c), c, (7, 1)), c, (1, 7)), c, (7, 1)), 192, (1, 7))
        return g.concat([conv(x, 192), seven, double, conv(pool(x, 3, 1, "AVERAGE"), 192)])

    def block_e(x: int) -> int:
        three = conv(x, 384)
        double = conv(conv(x, 448), 384, 3)
        parts = [conv(x, 320)]
        parts += [conv(three, 384, (1, 3)), conv(three, 384, (3, 1))]
        parts += [conv(double, 384, (1, 3)), conv(double, 384, (3, 1))]
        return g.concat([*parts, conv(pool(x, 3, 1, "AVERAGE"), 192)])

    def narrow(x: int, out: int, kernel: int = 3) -> int:
        return conv(x, out, kernel, 2, padding="VALID")

    x = conv(conv(narrow(g.input(size, size, 3), 32), 32, 3, padding="VALID"), 64, 3)
    x = conv(conv(pool(x, 3, 2, padding="VALID"), 80), 192, 3, padding="VALID")
    x = pool(x, 3, 2, padding="VALID")
    x = block_a(block_a(block_a(x, 32), 64), 64)
    double = narrow(conv(conv(x, 64), 96, 3), 96)
    x = g.concat([narrow(x, 384), double, pool(x, 3, 2, padding="VALID")])
    for c in (128, 160, 160, 192):
        x = block_c(x, c)
    seven = narrow(conv(conv(conv(x, 192), 192, (1, 7)), 192, (7, 1)), 192)
    x = g.concat([narrow(conv(x, 192), 320), seven, pool(x, 3, 2, padding="VALID")])
    return classifier(g, block_e(block_e(x)), classes)


def inception_resnet_v2(g: Graph, size: int = 299) -> int:
    """Szegedy et al. 2016."""
    conv, pool = g.conv, g.pool

    def residual(x: int, branches: list[int]) -> int:
        up = conv(g.concat(branches), g.channels(x), 1, act="NONE")
        return g.add(x, up, "RELU")

    def valid(x: int, out: int, stride: int = 2) -> int:
        return conv(x, out, 3, stride, padding="VALID")

    x = conv(valid(valid(g.input(size, size, 3), 32), 32, 1), 64, 3)
    x = valid(conv(pool(x, 3, 2, padding="VALID"), 80), 192, 1)
    x = pool(x, 3, 2, padding="VALID")
    double = conv(conv(conv(x, 64), 96, 3), 96, 3)
    pooled = conv(pool(x, 3, 1, "AVERAGE"), 64)
    x = g.concat([conv(x, 96), conv(conv(x, 48), 64, 5), double, pooled])
    for _ in range(10):
        double = conv(conv(conv(x, 32), 48, 3), 64, 3)
        x = residual(x, [conv(x, 32), conv(conv(x, 32), 32, 3), double])
    double = valid(conv(conv(x, 256), 256, 3), 384)
    x = g.concat([valid(x, 384), double, pool(x, 3, 2, padding="VALID")])
    for _ in range(20):
        x = residual(x, [conv(x, 192), conv(conv(conv(x, 128), 160, (1, 7)), 192, (7, 1))])
    double = valid(conv(conv(x, 256), 288, 3), 320)
    branches = [valid(conv(x, 256), 384), valid(conv(x, 256), 288), double]
    x = g.concat([*branches, pool(x, 3, 2, padding="VALID")])
    for _ in range(10):
        x = residual(x, [conv(x, 192), conv(conv(conv(x, 192), 224, (1, 3)), 256, (3, 1))])
    return classifier(g, conv(x, 1536), 1001)


def inception_v2(g: Graph, size: int = 224, classes: int = 1001) -> int:
    """Ioffe and Szegedy 2015 (batch normalization's Inception), as TF-slim writes it."""
    conv, pool = g.conv, g.pool

    def block(x: int, a: int, b: tuple[int, int], c: tuple[int, int], d: int, kind: str) -> int:
        double = conv(conv(conv(x, c[0]), c[1], 3), c[1], 3)
        pooled = conv(pool(x, 3, 1, kind), d)
        return g.concat([conv(x, a), conv(conv(x, b[0]), b[1], 3), double, pooled])

    def reduce(x: int, b: tuple[int, int], c: tuple[int, int]) -> int:
        double = conv(conv(conv(x, c[0]), c[1], 3), c[1], 3, 2)
        return g.concat([conv(conv(x, b[0]), b[1], 3, 2), double, pool(x, 3, 2)])

    x = g.conv(g.depthwise(g.input(size, size, 3), 7, 2, "NONE", multiplier=8), 64)
    x = pool(conv(conv(pool(x, 3, 2), 64), 192, 3), 3, 2)
    x = block(x, 64, (64, 64), (64, 96), 32, "AVERAGE")
    x = block(x, 64, (64, 96), (64, 96), 64, "AVERAGE")
    x = reduce(x, (128, 160), (64, 96))
    x = block(x, 224, (64, 96), (96, 128), 128, "AVERAGE")
    x = block(x, 192, (96, 128), (96, 128), 128, "AVERAGE")
    x = block(x, 160, (128, 160), (128, 160), 96, "AVERAGE")
    x = block(x, 96, (128, 192), (160, 192), 96, "AVERAGE")
    x = reduce(x, (128, 192), (192, 256))
    x = block(x, 352, (192, 320), (160, 224), 128, "AVERAGE")
    x = block(x, 352, (192, 320), (192, 224), 128, "MAX")
    return classifier(g, x, classes)


def inception_v4(g: Graph, size: int = 299, classes: int = 1001) -> int:
    """Szegedy et al. 2016."""
    conv, pool = g.conv, g.pool

    def narrow(x: int, out: int, stride: int = 2) -> int:
        return conv(x, out, 3, stride, padding="VALID")

    def shrink(x: int) -> int:
        return pool(x, 3, 2, padding="VALID")

    def average(x: int, out: int) -> int:
        return conv(pool(x, 3, 1, "AVERAGE"), out)

    x = conv(narrow(narrow(g.input(size, size, 3), 32), 32, 1), 64, 3)
    x = g.concat([shrink(x), narrow(x, 96)])
    tall = conv(conv(conv(x, 64), 64, (1, 7)), 64, (7, 1))
    x = g.concat([narrow(conv(x, 64), 96, 1), narrow(tall, 96, 1)])
    x = g.concat([narrow(x, 192), shrink(x)])
    for _ in range(4):
        double = conv(conv(conv(x, 64), 96, 3), 96, 3)
        x = g.concat([conv(x, 96), conv(conv(x, 64), 96, 3), double, average(x, 96)])
    double = narrow(conv(conv(x, 192), 224, 3), 256)
    x = g.concat([narrow(x, 384), double, shrink(x)])
    for _ in range(7):
        seven = conv(conv(conv(x, 192), 224, (1, 7)), 256, (7, 1))
        double = conv(conv(conv(x, 192), 192, (7, 1)), 224, (1, 7))
        double = conv(conv(double, 224, (7, 1)), 256, (1, 7))
        x = g.concat([conv(x, 384), seven, double, average(x, 128)])
    seven = conv(conv(conv(x, 256), 256, (1, 7)), 320, (7, 1))
    x = g.concat([narrow(conv(x, 192), 192), narrow(seven, 320), shrink(x)])
    for _ in range(3):
        one, two = conv(x, 384), conv(conv(conv(x, 384), 448, (3, 1)), 512, (1, 3))
        parts = [conv(x, 256), conv(one, 256, (1, 3)), conv(one, 256, (3, 1))]
        parts += [conv(two, 256, (1, 3)), conv(two, 256, (3, 1)), average(x, 256)]
        x = g.concat(parts)
    return classifier(g, x, classes)
