"""ResNet and what grew from it: wide, ResNeXt, RegNet."""

from __future__ import annotations

from qbench.simulator.networks.graph import Graph
from qbench.simulator.networks.mobile import classifier


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
    return classifier(g, x, 1000, softmax=False)


def regnet_x_3_2gf(g: Graph, size: int = 224) -> int:
    """Radosavovic et al. 2020; torchvision's regnet_x_3_2gf."""
    x = g.conv(g.input(size, size, 3), 32, 3, 2)
    for channels, repeats in [(96, 2), (192, 6), (432, 15), (1008, 2)]:
        for i in range(repeats):
            stride = 2 if i == 0 else 1
            y = g.conv(g.conv(x, channels), channels, 3, stride, groups=channels // 48)
            y = g.conv(y, channels, 1, act="NONE")
            if i == 0:
                x = g.conv(x, channels, 1, stride, "NONE")
            x = g.add(x, y, "RELU")
    return classifier(g, x, 1000, softmax=False)
