"""Image classifiers, as their authors published them. Each function writes one into a Graph."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from scripts.anchors.graph import Graph


def round_channels(value: float, divisor: int = 8) -> int:
    """To a multiple of 8, never more than 10 % down: MobileNetV2's and EfficientNet's rule."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _classifier(g: Graph, x: int, classes: int, *, softmax: bool = True) -> int:
    x = g.dense(g.mean(x), classes)
    return g.softmax(x) if softmax else x


def mobilenet_v1_body(g: Graph, x: int, width: float = 1.0, *, last_stride: int = 32) -> int:
    """Howard et al. 2017. `last_stride` 16 keeps the resolution of the last two blocks."""
    x = g.conv(x, round_channels(32 * width), 3, 2, "RELU6")
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5]
    blocks += [(1024, 2), (1024, 1)]
    reached, dilation = 2, 1
    for channels, stride in blocks:
        rate = 1
        if stride == 2 and reached == last_stride:
            stride, rate, dilation = 1, dilation, 2
        elif reached == last_stride:
            rate = dilation
        reached *= stride
        x = g.depthwise(x, 3, stride, "RELU6", dilation=rate)
        x = g.conv(x, round_channels(channels * width), 1, 1, "RELU6")
    return x


def mobilenet_v1(g: Graph, width: float = 1.0, size: int = 224, classes: int = 1001) -> int:
    x = mobilenet_v1_body(g, g.input(size, size, 3), width)
    _, h, _, _ = g.shape(x)
    x = g.conv(g.pool(x, h, 1, "AVERAGE", "VALID"), classes, 1, act="NONE")
    return g.softmax(g.reshape(x, (1, classes)))


def inverted_residual(
    g: Graph, x: int, expansion: float, out: int, stride: int, kernel: int = 3, act: str = "RELU6"
) -> int:
    inside = g.channels(x)
    y = x
    if expansion != 1:
        y = g.conv(y, round(inside * expansion), 1, 1, act)
    y = g.conv(g.depthwise(y, kernel, stride, act), out, 1, act="NONE")
    return g.add(x, y) if stride == 1 and inside == out else y


def mobilenet_v2(g: Graph, size: int = 224, classes: int = 1000, *, softmax: bool = False) -> int:
    """Sandler et al. 2018."""
    x = g.conv(g.input(size, size, 3), 32, 3, 2, "RELU6")
    for expansion, channels, repeats, stride in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for i in range(repeats):
            x = inverted_residual(g, x, expansion, channels, stride if i == 0 else 1)
    return _classifier(g, g.conv(x, 1280, 1, 1, "RELU6"), classes, softmax=softmax)


def squeeze_excite(g: Graph, x: int, squeezed: int) -> int:
    y = g.conv(g.mean(x, keep=True), squeezed, 1)
    # hard sigmoid, as converters write it: add 3, clamp to 6, multiply by 1/6
    y = g.conv(y, g.channels(x), 1, act="NONE")
    return g.mul(x, g.unary("LOGISTIC", y))


def mobilenet_v3_large(g: Graph, size: int = 224, classes: int = 1000) -> int:
    """Howard et al. 2019."""

    def swish(x: int, wanted: bool = True) -> int:
        return g.unary("HARD_SWISH", x) if wanted else x

    x = swish(g.conv(g.input(size, size, 3), 16, 3, 2, "NONE"))
    for kernel, expanded, out, excite, hard, stride in [
        (3, 16, 16, 0, 0, 1),
        (3, 64, 24, 0, 0, 2),
        (3, 72, 24, 0, 0, 1),
        (5, 72, 40, 1, 0, 2),
        (5, 120, 40, 1, 0, 1),
        (5, 120, 40, 1, 0, 1),
        (3, 240, 80, 0, 1, 2),
        (3, 200, 80, 0, 1, 1),
        (3, 184, 80, 0, 1, 1),
        (3, 184, 80, 0, 1, 1),
        (3, 480, 112, 1, 1, 1),
        (3, 672, 112, 1, 1, 1),
        (5, 672, 160, 1, 1, 2),
        (5, 960, 160, 1, 1, 1),
        (5, 960, 160, 1, 1, 1),
    ]:
        inside, y = g.channels(x), x
        act = "NONE" if hard else "RELU"
        if expanded != inside:
            y = swish(g.conv(y, expanded, 1, 1, act), bool(hard))
        y = swish(g.depthwise(y, kernel, stride, act), bool(hard))
        if excite:
            y = squeeze_excite(g, y, round_channels(expanded / 4))
        y = g.conv(y, out, 1, act="NONE")
        x = g.add(x, y) if stride == 1 and inside == out else y
    x = g.mean(swish(g.conv(x, 960, 1, act="NONE")))
    return g.dense(swish(g.dense(x, 1280)), classes)


def efficientnet_lite(g: Graph, variant: int) -> int:
    """EfficientNet-Lite0..4: no squeeze-and-excitation, RELU6, stem and head not scaled."""
    width, depth, size = [
        (1.0, 1.0, 224),
        (1.0, 1.1, 240),
        (1.1, 1.2, 260),
        (1.2, 1.4, 280),
        (1.4, 1.8, 300),
    ][variant]
    x = g.conv(g.input(size, size, 3), 32, 3, 2, "RELU6")
    stages = [
        (1, 3, 16, 1, 1),
        (6, 3, 24, 2, 2),
        (6, 5, 40, 2, 2),
        (6, 3, 80, 3, 2),
        (6, 5, 112, 3, 1),
        (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    ]
    for number, (expansion, kernel, channels, repeats, stride) in enumerate(stages):
        if number not in (0, len(stages) - 1):
            repeats = ceil(repeats * depth)
        for i in range(repeats):
            out = round_channels(channels * width)
            x = inverted_residual(g, x, expansion, out, stride if i == 0 else 1, kernel)
    return _classifier(g, g.conv(x, 1280, 1, 1, "RELU6"), 1000)


def resnet(
    g: Graph,
    blocks: tuple[int, ...],
    *,
    bottleneck: bool,
    width: int = 64,
    groups: int = 1,
    size: int = 224,
) -> int:
    """He et al. 2015, torchvision's variant (stride in the 3x3); wide and ResNeXt by options."""
    x = g.pool(g.conv(g.input(size, size, 3), 64, 7, 2), 3, 2)
    for stage, repeats in enumerate(blocks):
        planes = 64 << stage
        for i in range(repeats):
            stride = 2 if stage and i == 0 else 1
            if bottleneck:
                out, inner = planes * 4, planes * width // 64 * groups
                y = g.conv(g.conv(x, inner), inner, 3, stride, groups=groups)
                y = g.conv(y, out, 1, act="NONE")
            else:
                out = planes
                y = g.conv(g.conv(x, out, 3, stride), out, 3, act="NONE")
            if stride != 1 or g.channels(x) != out:
                x = g.conv(x, out, 1, stride, "NONE")
            x = g.add(x, y, "RELU")
    return _classifier(g, x, 1000, softmax=False)


def regnet_x_3_2gf(g: Graph) -> int:
    """Radosavovic et al. 2020; torchvision's regnet_x_3_2gf."""
    x = g.conv(g.input(224, 224, 3), 32, 3, 2)
    for channels, repeats in [(96, 2), (192, 6), (432, 15), (1008, 2)]:
        for i in range(repeats):
            stride = 2 if i == 0 else 1
            y = g.conv(g.conv(x, channels), channels, 3, stride, groups=channels // 48)
            y = g.conv(y, channels, 1, act="NONE")
            if i == 0:
                x = g.conv(x, channels, 1, stride, "NONE")
            x = g.add(x, y, "RELU")
    return _classifier(g, x, 1000, softmax=False)


def squeezenet(g: Graph, version: str = "1.1") -> int:
    """Iandola et al. 2016."""

    def fire(x: int, squeezed: int, expanded: int) -> int:
        s = g.conv(x, squeezed)
        return g.concat([g.conv(s, expanded), g.conv(s, expanded, 3)])

    def pool(x: int) -> int:
        return g.pool(x, 3, 2, padding="VALID")

    x = g.input(224, 224, 3)
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


def shufflenet_v2(g: Graph) -> int:
    """Ma et al. 2018, x1.0."""

    def shuffle(x: int) -> int:
        _, h, w, c = g.shape(x)
        x = g.transpose(g.reshape(x, (1, h * w, 2, c // 2)), (0, 1, 3, 2))
        return g.reshape(x, (1, h, w, c))

    def branch(x: int, out: int, stride: int) -> int:
        y = g.depthwise(g.conv(x, out), 3, stride, "NONE")
        return g.conv(y, out)

    x = g.pool(g.conv(g.input(224, 224, 3), 24, 3, 2), 3, 2)
    for channels, repeats in [(116, 4), (232, 8), (464, 4)]:
        half = channels // 2
        left = g.conv(g.depthwise(x, 3, 2, "NONE"), half)
        x = shuffle(g.concat([left, branch(x, half, 2)]))
        for _ in range(repeats - 1):
            left = g.slice_channels(x, 0, half)
            x = shuffle(g.concat([left, branch(g.slice_channels(x, half, half), half, 1)]))
    return _classifier(g, g.conv(x, 1024), 1000, softmax=False)


def vgg16(g: Graph) -> int:
    """Simonyan and Zisserman 2014."""
    x = g.input(224, 224, 3)
    for channels, repeats in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(repeats):
            x = g.conv(x, channels, 3)
        x = g.pool(x, 2, 2)
    x = g.dense(g.reshape(x, (1, 25088)), 4096, "RELU")
    return g.dense(g.dense(x, 4096, "RELU"), 1000)


# -- the Inception family


def inception_v1(g: Graph, classes: int = 1001) -> int:
    """Szegedy et al. 2014 with 3x3 for 5x5, as TF-slim's Inception v1 and torchvision do."""

    def block(x: int, a: int, b: int, c: int, d: int, e: int, f: int) -> int:
        right = g.conv(g.pool(x, 3, 1), f)
        return g.concat(
            [g.conv(x, a), g.conv(g.conv(x, b), c, 3), g.conv(g.conv(x, d), e, 3), right]
        )

    x = g.pool(g.conv(g.input(224, 224, 3), 64, 7, 2), 3, 2)
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
    return _classifier(g, x, classes)


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
    return _classifier(g, block_e(block_e(x)), classes)


def inception_resnet_v2(g: Graph) -> int:
    """Szegedy et al. 2016, 299x299."""
    conv, pool = g.conv, g.pool

    def residual(x: int, branches: list[int]) -> int:
        up = conv(g.concat(branches), g.channels(x), 1, act="NONE")
        return g.add(x, up, "RELU")

    def valid(x: int, out: int, stride: int = 2) -> int:
        return conv(x, out, 3, stride, padding="VALID")

    x = conv(valid(valid(g.input(299, 299, 3), 32), 32, 1), 64, 3)
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
    return _classifier(g, conv(x, 1536), 1001)


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
    return _classifier(g, relu(x), 1000)
