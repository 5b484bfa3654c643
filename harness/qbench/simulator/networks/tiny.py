"""Networks for microcontrollers, where what every operator costs by itself decides.

Those of MLPerf Tiny v1.0 (Banbury et al. 2021, github.com/mlcommons/tiny, benchmark/training), and
a perceptron. Its person detector is `mobilenet_v1_025@96x96`.
"""

from __future__ import annotations

from qbench.simulator.networks.graph import Graph
from qbench.simulator.networks.mobile import classifier


def ds_cnn(g: Graph, height: int = 49, width: int = 10) -> int:
    """Keyword spotting (Zhang et al. 2017, size S): 49 steps of 10 MFCC, 12 words."""
    x = g.conv(g.input(height, width, 1), 64, (10, 4), 2)
    for _ in range(4):
        x = g.conv(g.depthwise(x, 3), 64)
    return classifier(g, x, 12)


def resnet_8(g: Graph, size: int = 32) -> int:
    """Image classification on CIFAR-10: three stages of one block each."""
    x = g.conv(g.input(size, size, 3), 16, 3)
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        y = g.conv(g.conv(x, channels, 3, stride), channels, 3, act="NONE")
        if stride != 1:
            x = g.conv(x, channels, 1, stride, "NONE")
        x = g.add(x, y, "RELU")
    return classifier(g, x, 10)


def autoencoder(g: Graph) -> int:
    """Anomalies in the sound of machines: 640 features, a bottleneck of 8."""
    x = g.features(640)
    for width in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = g.dense(x, width, "RELU")
    return g.dense(x, 640)


def perceptron(g: Graph) -> int:
    """Handwritten digits with three hidden layers: 784-512-512-256-10."""
    x = g.features(784)
    for width in (512, 512, 256):
        x = g.dense(x, width, "RELU")
    return g.dense(x, 10)
