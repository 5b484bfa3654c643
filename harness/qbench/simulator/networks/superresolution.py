"""A larger image from a small one."""

from __future__ import annotations

from qbench.simulator.networks.graph import Graph


def quicksrnet(g: Graph, layers: int, channels: int = 32, scale: int = 4, size: int = 128) -> int:
    """Berger et al. 2023; `layers` between the first and the last convolution."""

    def clamped(x: int, out: int) -> int:
        # TFLite has no fused activation of this range
        return g.unary("RELU_0_TO_1", g.conv(x, out, 3, act="NONE"))

    x = clamped(g.input(size, size, 3), channels)
    for _ in range(layers):
        x = clamped(x, channels)
    return g.depth_to_space(clamped(x, 3 * scale * scale), scale)


def xlsr(g: Graph, scale: int = 4, size: int = 128) -> int:
    """Ayazoglu 2021."""
    start = g.input(size, size, 3)
    side = g.conv(start, 16, 3, act="NONE")
    x = g.conv(g.conv(start, 32, 3), 32, 1, act="NONE")
    for _ in range(3):
        x = g.conv(g.conv(x, 32, 3, groups=4), 32, 1, act="NONE")
    x = g.conv(g.concat([x, side]), 32)
    return g.depth_to_space(g.conv(x, 3 * scale * scale, 3, act="NONE"), scale)


def real_esrgan_compact(g: Graph, size: int = 128) -> int:
    """Wang et al. 2021: SRVGGNetCompact, 32 convolutions of 64 channels, x4."""
    start = g.input(size, size, 3)
    x = g.prelu(g.conv(start, 64, 3, act="NONE"))
    for _ in range(32):
        x = g.prelu(g.conv(x, 64, 3, act="NONE"))
    x = g.depth_to_space(g.conv(x, 48, 3, act="NONE"), 4)
    return g.add(x, g.resize(start, size * 4, size * 4, "NEAREST"))


def real_esrgan_x4plus(g: Graph, size: int = 128) -> int:
    """Wang et al. 2021: RRDBNet, 23 blocks of three residual dense blocks."""

    def dense(x: int) -> int:
        known = [x]
        for _ in range(4):
            joined = g.concat(known) if len(known) > 1 else x
            known.append(g.unary("LEAKY_RELU", g.conv(joined, 32, 3, act="NONE")))
        return g.add(x, g.conv(g.concat(known), 64, 3, act="NONE"))

    first = x = g.conv(g.input(size, size, 3), 64, 3, act="NONE")
    for _ in range(23):
        x = g.add(x, dense(dense(dense(x))))
    x = g.add(first, g.conv(x, 64, 3, act="NONE"))
    for _ in range(2):
        size *= 2
        x = g.unary("LEAKY_RELU", g.conv(g.resize(x, size, size, "NEAREST"), 64, 3, act="NONE"))
    x = g.unary("LEAKY_RELU", g.conv(x, 64, 3, act="NONE"))
    return g.conv(x, 3, 3, act="NONE")
