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


# channels of the stages that follow the stem: slim, narrow and slim
_SLIM, _NARROW = (64, 128, 192, 320), (64, 128, 256)


def ffnet(
    g: Graph,
    blocks: tuple[int, ...],
    height: int = 1024,
    width: int = 2048,
    *,
    first_stride: int = 2,
    head: str = "B",
    halved: bool = False,
) -> int:
    """Mehta et al. 2022: ResNet of basic blocks, nearest-neighbour up-sampling branch, 19 classes.

    Four numbers of `blocks`: the slim backbone; three: the narrow one, whose first branch is its
    stem. `halved`: a 5x5 filter with stride 2 on the image itself, as in the low-resolution models.
    """
    image = g.input(height, width, 3)
    if halved:
        image = g.depthwise(g.pad(image, 1, 1), 5, 2, "NONE", "VALID")
    is_slim = len(blocks) == len(_SLIM)
    x = g.conv(g.conv(image, 32 if is_slim else 64, 3, 2), 64, 3, 2)
    features = [] if is_slim else [g.conv(x, 64, 3)]
    x = x if is_slim else features[0]
    for stage, (channels, repeats) in enumerate(
        zip(_SLIM if is_slim else _NARROW, blocks, strict=True)
    ):
        for i in range(repeats):
            stride = (2 if stage or not is_slim else first_stride) if i == 0 else 1
            x = _basic(g, x, channels, stride)
        features.append(x)
    return _ffnet_head(g, features, head)


def _basic(g: Graph, x: int, channels: int, stride: int) -> int:
    y = g.conv(g.conv(x, channels, 3, stride), channels, 3, act="NONE")
    if stride != 1 or g.channels(x) != channels:
        x = g.conv(x, channels, 1, stride, "NONE")
    return g.add(x, y, "RELU")


def _ffnet_head(g: Graph, features: list[int], head: str) -> int:
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
    if head == "B":
        return g.conv(g.conv(x, 256, 3), 19, 3, act="NONE")
    return g.conv(g.conv(x, 128, 3), 19, 1, act="NONE")


def _dilated_resnet50(g: Graph, x: int) -> int:
    """torchvision's ResNet50 with dilation for the strides of its last two stages."""
    x = g.pool(g.conv(x, 64, 7, 2), 3, 2)
    for stage, repeats in enumerate((3, 4, 6, 3)):
        planes = 64 << stage
        for i in range(repeats):
            stride = 2 if stage == 1 and i == 0 else 1
            rate = {2: (1, 2), 3: (2, 4)}.get(stage, (1, 1))[i > 0]
            y = g.conv(g.conv(x, planes), planes, 3, stride, dilation=rate)
            y = g.conv(y, planes * 4, act="NONE")
            if i == 0:
                x = g.conv(x, planes * 4, 1, stride, "NONE")
            x = g.add(x, y, "RELU")
    return x


def fcn_resnet50(g: Graph, size: int = 224, classes: int = 21) -> int:
    """Long et al. 2015, torchvision's, without the auxiliary head."""
    x = g.conv(_dilated_resnet50(g, g.input(size, size, 3)), 512, 3)
    return g.resize(g.conv(x, classes, act="NONE"), size, size)


def deeplab_v3_resnet50(g: Graph, size: int = 513, classes: int = 21) -> int:
    """Chen et al. 2017, torchvision's, without the auxiliary head."""
    x = _dilated_resnet50(g, g.input(size, size, 3))
    _, h, w, _ = g.shape(x)
    parts = [g.conv(x, 256)] + [g.conv(x, 256, 3, dilation=rate) for rate in (12, 24, 36)]
    parts.append(g.resize(g.conv(g.mean(x, keep=True), 256), h, w))
    x = g.conv(g.conv(g.concat(parts), 256), 256, 3)
    return g.resize(g.conv(x, classes, act="NONE"), size, size)


def ddrnet_23_slim(g: Graph, height: int = 1024, width: int = 2048, classes: int = 19) -> int:
    """Hong et al. 2021: two branches that meet, and pyramid pooling (DAPPM) on the deeper one."""

    def blocks(x: int, channels: int, stride: int = 1) -> int:
        x = _basic(g, x, channels, stride)
        y = g.conv(g.conv(x, channels, 3), channels, 3, act="NONE")
        return g.add(x, y)

    def bottleneck(x: int, channels: int, stride: int = 1) -> int:
        y = g.conv(g.conv(g.conv(x, channels), channels, 3, stride), channels * 2, act="NONE")
        return g.add(g.conv(x, channels * 2, 1, stride, "NONE"), y)

    def relu(x: int) -> int:
        return g.unary("RELU", x)

    def exchange(high: int, low: int, strides: int) -> tuple[int, int]:
        """The deep branch gets the shallow one by strided convolutions, and gives itself back."""
        down = relu(high)
        for step in range(strides):
            last = step == strides - 1
            down = g.conv(down, g.channels(down) * 2, 3, 2, "NONE" if last else "RELU")
        _, h, w, _ = g.shape(high)
        up = g.resize(g.conv(relu(low), 64, act="NONE"), h, w)
        return g.add(high, up), g.add(low, down)

    x = g.conv(g.conv(g.input(height, width, 3), 32, 3, 2), 32, 3, 2)
    x = relu(blocks(relu(blocks(x, 32)), 64, 2))
    high, low = exchange(blocks(x, 64), blocks(x, 128, 2), 1)
    high, low = exchange(blocks(relu(high), 64), blocks(relu(low), 256, 2), 2)
    high = bottleneck(relu(high), 64)
    low = _dappm(g, bottleneck(relu(low), 256, 2))
    _, h, w, _ = g.shape(high)
    x = relu(g.add(high, g.resize(low, h, w)))
    return g.conv(g.conv(x, 64, 3), classes, act="NONE")


def _dappm(g: Graph, x: int, inner: int = 128, out: int = 128) -> int:
    """Deep aggregation pyramid pooling: each scale is refined with the one before it."""
    _, h, w, _ = g.shape(x)
    scales = [g.conv(x, inner, act="NONE")]
    for kernel, stride in ((5, 2), (9, 4), (17, 8)):
        pooled = g.pool(x, kernel, stride, "AVERAGE")
        up = g.resize(g.conv(pooled, inner, act="NONE"), h, w)
        scales.append(g.conv(g.add(up, scales[-1]), inner, 3))
    whole = g.resize(g.conv(g.mean(x, keep=True), inner, act="NONE"), h, w)
    scales.append(g.conv(g.add(whole, scales[-1]), inner, 3))
    return g.add(g.conv(g.concat(scales), out, act="NONE"), g.conv(x, out, act="NONE"))


def pidnet_s(g: Graph, height: int = 1024, width: int = 2048, classes: int = 19) -> int:
    """Xu et al. 2023: proportional, integral and derivative branches."""

    def blocks(x: int, channels: int, stride: int, count: int) -> int:
        for i in range(count):
            step = stride if i == 0 else 1
            y = g.conv(g.conv(x, channels, 3, step), channels, 3, act="NONE")
            if step != 1 or g.channels(x) != channels:
                x = g.conv(x, channels, 1, step, "NONE")
            x = g.add(x, y, "NONE" if i == count - 1 else "RELU")
        return x

    def bottleneck(x: int, channels: int, stride: int = 1, count: int = 1) -> int:
        for i in range(count):
            step = stride if i == 0 else 1
            y = g.conv(g.conv(g.conv(x, channels), channels, 3, step), channels * 2, act="NONE")
            if i == 0:
                x = g.conv(x, channels * 2, 1, step, "NONE")
            x = g.add(x, y, "NONE" if i == count - 1 else "RELU")
        return x

    def relu(x: int) -> int:
        return g.unary("RELU", x)

    def up(x: int, to: int) -> int:
        _, h, w, _ = g.shape(to)
        return g.resize(x, h, w)

    def attended(x: int, y: int) -> int:
        """Pixel-attention-guided fusion of the integral branch into the proportional one."""
        alike = g.mul(g.conv(x, 32, act="NONE"), up(g.conv(y, 32, act="NONE"), x))
        n, h, w, _ = g.shape(alike)
        likeness = g.unary("LOGISTIC", g.op("SUM", [alike, g.axes((3,))], (n, h, w, 1)))
        return g.add(x, g.mul(g.sub(up(y, x), x), likeness))

    x = g.conv(g.conv(g.input(height, width, 3), 32, 3, 2), 32, 3, 2)
    x = relu(blocks(relu(blocks(x, 32, 1, 2)), 64, 2, 2))
    p, d = blocks(x, 64, 1, 2), blocks(x, 32, 1, 1)
    i = relu(blocks(x, 128, 2, 3))
    p = attended(p, g.conv(i, 64, act="NONE"))
    d = g.add(d, up(g.conv(i, 32, 3, act="NONE"), d))
    i = relu(blocks(i, 256, 2, 3))
    p, d = blocks(relu(p), 64, 1, 2), bottleneck(relu(d), 32)
    p = attended(p, g.conv(i, 64, act="NONE"))
    d = g.add(d, up(g.conv(i, 64, 3, act="NONE"), d))
    i = up(_pappm(g, bottleneck(i, 256, 2, 2)), p)
    p, d = bottleneck(relu(p), 64), bottleneck(relu(d), 64)
    edge = g.unary("LOGISTIC", d)
    first = g.conv(g.add(g.mul(g.sub(i, p), g.mul(edge, edge)), p), 128, act="NONE")
    second = g.conv(g.add(g.mul(g.sub(p, i), edge), i), 128, act="NONE")
    x = g.conv(relu(g.add(first, second)), 128, 3)
    return g.conv(x, classes, act="NONE")


def _pappm(g: Graph, x: int, inner: int = 96, out: int = 128) -> int:
    """Pyramid pooling of PIDNet: all scales are refined by one grouped convolution."""
    _, h, w, _ = g.shape(x)
    first = g.conv(x, inner, act="NONE")
    scales = []
    for kernel, stride in ((5, 2), (9, 4), (17, 8), (0, 0)):
        pooled = g.pool(x, kernel, stride, "AVERAGE") if kernel else g.mean(x, keep=True)
        scales.append(g.add(g.resize(g.conv(pooled, inner, act="NONE"), h, w), first))
    refined = g.conv(g.concat(scales), inner * 4, 3, act="NONE", groups=4)
    y = g.conv(g.concat([first, refined]), out, act="NONE")
    return g.add(y, g.conv(x, out, act="NONE"))
