"""A class for every pixel."""

from __future__ import annotations

from qbench.simulator.networks.graph import Graph


def deeplab_v3_plus_mobilenet(g: Graph, size: int = 513) -> int:
    """Chen et al. 2018 on MobileNetV2, output stride 16, with ASPP and decoder, 21 classes."""

    def block(x: int, expansion: int, out: int, stride: int, dilation: int) -> int:
        inside, y = g.channels(x), x
        if expansion != 1:
            y = g.conv(y, inside * expansion, 1, 1, "RELU6")
        y = g.conv(g.depthwise(y, 3, stride, "RELU6", dilation=dilation), out, 1, act="NONE")
        return g.add(x, y) if stride == 1 and inside == out else y

    x = g.conv(g.input(size, size, 3), 32, 3, 2, "RELU6")
    low = x
    for expansion, channels, repeats, stride, dilation in [
        (1, 16, 1, 1, 1),
        (6, 24, 2, 2, 1),
        (6, 32, 3, 2, 1),
        (6, 64, 4, 2, 1),
        (6, 96, 3, 1, 1),
        (6, 160, 3, 1, 1),
        (6, 320, 1, 1, 2),
    ]:
        for i in range(repeats):
            x = block(x, expansion, channels, stride if i == 0 else 1, dilation)
        if channels == 24:
            low = x
    _, h, w, _ = g.shape(x)
    parts = [g.conv(x, 256)] + [g.conv(x, 256, 3, dilation=rate) for rate in (6, 12, 18)]
    parts.append(g.resize(g.conv(g.mean(x, keep=True), 256), h, w))
    x = g.conv(g.concat(parts), 256)
    _, h, w, _ = g.shape(low)
    x = g.concat([g.resize(x, h, w), g.conv(low, 48)])
    x = g.conv(g.conv(g.conv(x, 256, 3), 256, 3), 21, 1, act="NONE")
    return g.resize(x, size, size)


def bisenet(g: Graph, height: int = 720, width: int = 960, classes: int = 12) -> int:
    """Yu et al. 2018 on ResNet18, as ooooverflow/BiSeNet writes it."""

    def attention(x: int) -> int:
        y = g.conv(g.mean(x, keep=True), g.channels(x), act="NONE")
        return g.mul(x, g.unary("LOGISTIC", y))

    start = g.input(height, width, 3)
    spatial = g.conv(g.conv(g.conv(start, 64, 3, 2), 128, 3, 2), 256, 3, 2)
    x = g.pool(g.conv(start, 64, 7, 2), 3, 2)
    features = []
    for stage in range(4):
        channels = 64 << stage
        for i in range(2):
            stride = 2 if stage and i == 0 else 1
            y = g.conv(g.conv(x, channels, 3, stride), channels, 3, act="NONE")
            if stride != 1:
                x = g.conv(x, channels, 1, stride, "NONE")
            x = g.add(x, y, "RELU")
        features.append(x)
    tail = g.mean(features[3], keep=True)
    deep = [attention(features[2]), g.mul(attention(features[3]), tail)]
    _, h, w, _ = g.shape(spatial)
    x = g.conv(g.concat([spatial, *[g.resize(d, h, w) for d in deep]]), classes, 3)
    y = g.conv(g.conv(g.mean(x, keep=True), classes), classes, act="NONE")
    x = g.add(g.mul(x, g.unary("LOGISTIC", y)), x)
    return g.conv(g.resize(x, height, width), classes, 1, act="NONE")


def ffnet(
    g: Graph, blocks: tuple[int, ...], height: int, width: int, first_stride: int, head: str
) -> int:
    """Mehta et al. 2022: slim ResNet, nearest-neighbour up-sampling branch, 19 classes."""
    x = g.conv(g.conv(g.input(height, width, 3), 32, 3, 2), 64, 3, 2)
    features = []
    for stage, (channels, repeats) in enumerate(zip((64, 128, 192, 320), blocks, strict=True)):
        for i in range(repeats):
            stride = (2 if stage else first_stride) if i == 0 else 1
            y = g.conv(g.conv(x, channels, 3, stride), channels, 3, act="NONE")
            if stride != 1 or g.channels(x) != channels:
                x = g.conv(x, channels, 1, stride, "NONE")
            x = g.add(x, y, "RELU")
        features.append(x)
    inner = (64, 128, 128, 256) if head == "B" else (128, 128, 128, 128)
    outer = (96, 96, 64, 32) if head == "B" else (128, 16, 16, 16)
    features = [g.conv(f, c) for f, c in zip(features, inner, strict=True)]
    maps: list[int] = []
    x = features[3]
    for level in (3, 2, 1, 0):
        maps.insert(0, g.conv(x, outer[level], 3))
        if level:
            up = g.conv(x, inner[level - 1])
            _, h, w, _ = g.shape(features[level - 1])
            x = g.add(g.resize(up, h, w, "NEAREST"), features[level - 1])
    _, h, w, _ = g.shape(maps[0])
    x = g.concat([maps[0], *[g.resize(m, h, w, "NEAREST") for m in maps[1:]]])
    kernel, middle = (3, 256) if head == "B" else (1, 128)
    return g.conv(g.conv(x, middle, kernel), 19, kernel, act="NONE")
