"""The networks that qbench trains, in PyTorch: one grey channel in, one logit per class out.

Layer by layer those of `qbench.pipeline.networks`, which says how they differ from what their
names suggest. Convolutions pad symmetrically, as in the study's code: a strided one becomes PAD
and CONV_2D. (Padded as TensorFlow's SAME, by a ZeroPad2d, the residual networks converted with
six TRANSPOSEs.) Pools reach over the edge instead of padding, and so become one operator, where a
padded one leaves a PADV2 that XNNPACK does not know.

PyTorch is imported inside the functions: it is an optional extra.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qbench.pipeline.networks import INCEPTIONS

ARCHITECTURES = ("vgg16", "googlenet", "resnet34", "small")


def network(arch: str, classes: int) -> Any:
    """An untrained torch.nn.Module: [n, 1, size, size] float32 in 0..1 -> [n, classes] logits."""
    from torch import nn

    features, width = _FEATURES[arch]()
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


def _conv(inputs: int, outputs: int, size: int, stride: int = 1, relu: bool = True) -> Any:
    """Convolution, batch normalization and ReLU: one CONV_2D once converted."""
    from torch import nn

    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    layers = [convolution, nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


def _pool() -> Any:
    """3x3 at every second place; what hangs over the edge counts for nothing, as in SAME."""
    from torch import nn

    return nn.MaxPool2d(3, 2, ceil_mode=True)


def _last_conv(inputs: int) -> Any:
    """The convolution that the study puts before global pooling: 3x3 to 1024, with a bias.

    It begins with He's weights. PyTorch's are 2.4 times smaller, and without a normalization
    behind them Adam pushed 97 % of VGG16's 1024 outputs below zero within two epochs, for good.
    """
    from torch import nn

    convolution = nn.Conv2d(inputs, 1024, 3, padding=1)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.bias)
    return nn.Sequential(convolution, nn.ReLU())


def _residual(inputs: int, outputs: int, stride: int = 1) -> Any:
    """Two 3x3 convolutions around a shortcut; the shortcut is a 1x1 one where shapes differ."""
    from torch import nn

    class Residual(nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.a = _conv(inputs, outputs, 3, stride)
            self.b = _conv(outputs, outputs, 3, relu=False)
            same = stride == 1 and inputs == outputs
            self.shortcut = nn.Identity() if same else _conv(inputs, outputs, 1, stride, relu=False)
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.b(self.a(x)) + self.shortcut(x))

    return Residual()


def _inception(inputs: int, blocks: tuple[int, int, int, int, int, int]) -> Any:
    import torch
    from torch import nn

    one, reduce3, three, reduce5, five, pooled = blocks

    class Inception(nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.one = _conv(inputs, one, 1)
            self.three = nn.Sequential(_conv(inputs, reduce3, 1), _conv(reduce3, three, 3))
            self.five = nn.Sequential(_conv(inputs, reduce5, 1), _conv(reduce5, five, 5))
            self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), _conv(inputs, pooled, 1))

        def forward(self, x: Any) -> Any:
            return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], 1)

    return Inception()


def _vgg16() -> tuple[Any, int]:
    from torch import nn

    layers: list[Any] = []
    inputs = 1
    for stage, (outputs, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for _ in range(count):
            layers.append(_conv(inputs, outputs, 3))
            inputs = outputs
        if stage < 5:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, _last_conv(inputs)), 1024


def _googlenet() -> tuple[Any, int]:
    from torch import nn

    layers: list[Any] = [_conv(1, 64, 7, 2), _pool()]
    layers += [_conv(64, 64, 1), _conv(64, 192, 3), _pool()]
    inputs = 192
    for blocks in INCEPTIONS:
        if blocks is None:
            layers.append(_pool())
            continue
        layers.append(_inception(inputs, blocks))
        inputs = blocks[0] + blocks[2] + blocks[4] + blocks[5]
    return nn.Sequential(*layers, _last_conv(inputs)), 1024


def _stages(first: int, kernel: int, stages: tuple[tuple[int, int], ...]) -> tuple[Any, int]:
    """Stem, pool, then stages of residual blocks, each but the first at half the resolution."""
    from torch import nn

    layers: list[Any] = [_conv(1, first, kernel, 2), _pool()]
    inputs = first
    for number, (outputs, count) in enumerate(stages):
        for index in range(count):
            layers.append(_residual(inputs, outputs, 2 if number and not index else 1))
            inputs = outputs
    return nn.Sequential(*layers), inputs


def _resnet34() -> tuple[Any, int]:
    return _stages(64, 7, ((64, 3), (128, 4), (256, 6), (512, 3)))


def _small() -> tuple[Any, int]:
    """The same graph as the built-in `smallcnn`: about 95 k parameters, 53 M MACs."""
    return _stages(16, 3, ((16, 1), (32, 2), (64, 1)))


_FEATURES: dict[str, Callable[[], tuple[Any, int]]] = {
    "vgg16": _vgg16,
    "googlenet": _googlenet,
    "resnet34": _resnet34,
    "small": _small,
}
