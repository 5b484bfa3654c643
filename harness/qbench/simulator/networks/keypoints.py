"""Poses, and the sounds that YamNet names: maps and scores on known backbones."""

from __future__ import annotations

from qbench.simulator.networks.graph import Graph
from qbench.simulator.networks.mobile import mobilenet_v1_body


def posenet(g: Graph, height: int, width: int, last_stride: int) -> int:
    """PoseNet on MobileNetV1 1.0: heat maps, offsets and displacements of 17 key points."""
    x = mobilenet_v1_body(g, g.input(height, width, 3), last_stride=last_stride)
    for channels in (17, 34, 32, 32):
        head = g.conv(x, channels, 1, act="NONE")
    return head


def yamnet(g: Graph) -> int:
    """Sound classes from one 96x64 spectrogram, on MobileNetV1."""
    x = mobilenet_v1_body(g, g.input(96, 64, 1))
    return g.unary("LOGISTIC", g.dense(g.mean(x), 521))


def hrnet_w32_pose(g: Graph, height: int = 256, width: int = 192) -> int:
    """Sun et al. 2019: 17 heat maps."""

    def basic(x: int, c: int) -> int:
        return g.add(x, g.conv(g.conv(x, c, 3), c, 3, act="NONE"), "RELU")

    def module(xs: list[int], *, only_first: bool = False) -> list[int]:
        for level, x in enumerate(xs):
            for _ in range(4):
                x = basic(x, 32 << level)
            xs[level] = x
        fused = []
        for target in range(1 if only_first else len(xs)):
            _, h, w, _ = g.shape(xs[target])
            total: int | None = None
            for source, x in enumerate(xs):
                if source > target:
                    x = g.resize(g.conv(x, 32 << target, 1, act="NONE"), h, w, "NEAREST")
                for step in range(target - source):
                    last = step == target - source - 1
                    c = 32 << (target if last else source)
                    x = g.conv(x, c, 3, 2, "NONE" if last else "RELU")
                act = "RELU" if source == len(xs) - 1 else "NONE"
                total = x if total is None else g.add(total, x, act)
            assert total is not None
            fused.append(total)
        return fused

    x = g.conv(g.conv(g.input(height, width, 3), 64, 3, 2), 64, 3, 2)
    for i in range(4):
        y = g.conv(g.conv(g.conv(x, 64), 64, 3), 256, 1, act="NONE")
        x = g.add(g.conv(x, 256, 1, act="NONE") if i == 0 else x, y, "RELU")
    xs = module([g.conv(x, 32, 3), g.conv(x, 64, 3, 2)])
    xs.append(g.conv(xs[-1], 128, 3, 2))
    for _ in range(4):
        xs = module(xs)
    xs.append(g.conv(xs[-1], 256, 3, 2))
    for last in (False, False, True):
        xs = module(xs, only_first=last)
    return g.conv(xs[0], 17, 1, act="NONE")
