"""MobileNets v1 to v3, MNASNet, EfficientNets, ShuffleNet: built for phones."""

from __future__ import annotations

from math import ceil

from qbench.simulator.networks.graph import Graph


def round_channels(value: float, divisor: int = 8) -> int:
    """To a multiple of 8, never more than 10 % down: MobileNetV2's and EfficientNet's rule."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def classifier(g: Graph, x: int, classes: int, *, softmax: bool = True) -> int:
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


def mobilenet_v2(
    g: Graph, width: float = 1.0, size: int = 224, classes: int = 1000, *, softmax: bool = False
) -> int:
    """Sandler et al. 2018."""
    x = g.conv(g.input(size, size, 3), round_channels(32 * width), 3, 2, "RELU6")
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
            out = round_channels(channels * width)
            x = inverted_residual(g, x, expansion, out, stride if i == 0 else 1)
    last = round_channels(1280 * max(1.0, width))
    return classifier(g, g.conv(x, last, 1, 1, "RELU6"), classes, softmax=softmax)


def squeeze_excite(g: Graph, x: int, squeezed: int, act: str = "RELU") -> int:
    """`act` RELU: MobileNetV3's, with a hard sigmoid; SWISH: EfficientNet's, with a sigmoid."""
    y = g.conv(g.mean(x, keep=True), squeezed, 1, act="RELU" if act == "RELU" else "NONE")
    if act == "SWISH":
        y = g.mul(y, g.unary("LOGISTIC", y))
    y = g.conv(y, g.channels(x), 1, act="NONE")
    return g.mul(x, g.unary("LOGISTIC", y))


# kernel, expanded, out, squeeze and excite, hard swish (else RELU), stride
_V3_LARGE = (
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
)
_V3_SMALL = (
    (3, 16, 16, 1, 0, 2),
    (3, 72, 24, 0, 0, 2),
    (3, 88, 24, 0, 0, 1),
    (5, 96, 40, 1, 1, 2),
    (5, 240, 40, 1, 1, 1),
    (5, 240, 40, 1, 1, 1),
    (5, 120, 48, 1, 1, 1),
    (5, 144, 48, 1, 1, 1),
    (5, 288, 96, 1, 1, 2),
    (5, 576, 96, 1, 1, 1),
    (5, 576, 96, 1, 1, 1),
)


def mobilenet_v3(g: Graph, *, large: bool, size: int = 224, classes: int = 1000) -> int:
    """Howard et al. 2019."""

    def swish(x: int, wanted: bool = True) -> int:
        return g.unary("HARD_SWISH", x) if wanted else x

    x = swish(g.conv(g.input(size, size, 3), 16, 3, 2, "NONE"))
    for kernel, expanded, out, excite, hard, stride in _V3_LARGE if large else _V3_SMALL:
        inside, y = g.channels(x), x
        act = "NONE" if hard else "RELU"
        if expanded != inside:
            y = swish(g.conv(y, expanded, 1, 1, act), bool(hard))
        y = swish(g.depthwise(y, kernel, stride, act), bool(hard))
        if excite:
            y = squeeze_excite(g, y, round_channels(expanded / 4))
        y = g.conv(y, out, 1, act="NONE")
        x = g.add(x, y) if stride == 1 and inside == out else y
    last, hidden = (960, 1280) if large else (576, 1024)
    x = g.mean(swish(g.conv(x, last, 1, act="NONE")))
    return g.dense(swish(g.dense(x, hidden)), classes)


# expansion, kernel, channels, repeats, stride
_EFFICIENTNET = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)


def efficientnet_lite(g: Graph, variant: int, size: int | None = None) -> int:
    """EfficientNet-Lite0..4: no squeeze-and-excitation, RELU6, stem and head not scaled."""
    width, depth, usual = [
        (1.0, 1.0, 224),
        (1.0, 1.1, 240),
        (1.1, 1.2, 260),
        (1.2, 1.4, 280),
        (1.4, 1.8, 300),
    ][variant]
    size = size or usual
    x = g.conv(g.input(size, size, 3), 32, 3, 2, "RELU6")
    for number, (expansion, kernel, channels, repeats, stride) in enumerate(_EFFICIENTNET):
        if number not in (0, len(_EFFICIENTNET) - 1):
            repeats = ceil(repeats * depth)
        for i in range(repeats):
            out = round_channels(channels * width)
            x = inverted_residual(g, x, expansion, out, stride if i == 0 else 1, kernel)
    return classifier(g, g.conv(x, 1280, 1, 1, "RELU6"), 1000)


def efficientnet_b0(g: Graph, size: int = 224, classes: int = 1000) -> int:
    """Tan and Le 2019: swish as LOGISTIC and MUL, squeeze-and-excitation of the block's input."""

    def swish(x: int) -> int:
        return g.mul(x, g.unary("LOGISTIC", x))

    x = swish(g.conv(g.input(size, size, 3), 32, 3, 2, "NONE"))
    for expansion, kernel, channels, repeats, stride in _EFFICIENTNET:
        for i in range(repeats):
            step = stride if i == 0 else 1
            inside, y = g.channels(x), x
            if expansion != 1:
                y = swish(g.conv(y, inside * expansion, 1, 1, "NONE"))
            y = swish(g.depthwise(y, kernel, step, "NONE"))
            y = g.conv(squeeze_excite(g, y, max(1, inside // 4), "SWISH"), channels, act="NONE")
            x = g.add(x, y) if step == 1 and inside == channels else y
    return classifier(g, swish(g.conv(x, 1280, act="NONE")), classes, softmax=False)


def mnasnet_1_0(g: Graph, size: int = 224, classes: int = 1000) -> int:
    """Tan et al. 2018, without squeeze-and-excitation, as torchvision writes it."""
    x = g.conv(g.input(size, size, 3), 32, 3, 2)
    x = g.conv(g.depthwise(x, 3), 16, act="NONE")
    for expansion, kernel, channels, repeats, stride in [
        (3, 3, 24, 3, 2),
        (3, 5, 40, 3, 2),
        (6, 5, 80, 3, 2),
        (6, 3, 96, 2, 1),
        (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    ]:
        for i in range(repeats):
            step = stride if i == 0 else 1
            x = inverted_residual(g, x, expansion, channels, step, kernel, "RELU")
    return classifier(g, g.conv(x, 1280), classes, softmax=False)


def shufflenet_v2(g: Graph, size: int = 224) -> int:
    """Ma et al. 2018, x1.0."""

    def shuffle(x: int) -> int:
        _, h, w, c = g.shape(x)
        x = g.transpose(g.reshape(x, (1, h * w, 2, c // 2)), (0, 1, 3, 2))
        return g.reshape(x, (1, h, w, c))

    def branch(x: int, out: int, stride: int) -> int:
        y = g.depthwise(g.conv(x, out), 3, stride, "NONE")
        return g.conv(y, out)

    x = g.pool(g.conv(g.input(size, size, 3), 24, 3, 2), 3, 2)
    for channels, repeats in [(116, 4), (232, 8), (464, 4)]:
        half = channels // 2
        left = g.conv(g.depthwise(x, 3, 2, "NONE"), half)
        x = shuffle(g.concat([left, branch(x, half, 2)]))
        for _ in range(repeats - 1):
            left = g.slice_channels(x, 0, half)
            x = shuffle(g.concat([left, branch(g.slice_channels(x, half, half), half, 1)]))
    return classifier(g, g.conv(x, 1024), 1000, softmax=False)
