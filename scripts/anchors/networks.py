"""Every rebuilt network by name, at the size at which it was measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from scripts.anchors import classifiers as c
from scripts.anchors import dense_nets as d
from scripts.anchors.graph import Graph

from qbench.records import ModelInfo

_Writer = Callable[[Graph], int]

# Written by TensorFlow: strided SAME convolutions.
_TENSORFLOW: dict[str, _Writer] = {
    "mobilenet_v1": c.mobilenet_v1,
    "mobilenet_v1_128": partial(c.mobilenet_v1, size=128),
    "mobilenet_v1_025_128": partial(c.mobilenet_v1, width=0.25, size=128),
    "mobilenet_v2_tf": partial(c.mobilenet_v2, classes=1001, softmax=True),
    "inception_v1": c.inception_v1,
    "inception_v3": c.inception_v3,
    "inception_resnet_v2": c.inception_resnet_v2,
    "nasnet_mobile": c.nasnet_mobile,
    "squeezenet_1_0": partial(c.squeezenet, version="1.0"),
    "posenet_257": partial(d.posenet, height=257, width=257, last_stride=32),
    **{f"efficientnet_lite{n}": partial(c.efficientnet_lite, variant=n) for n in range(5)},
}
# Written by PyTorch: symmetric padding.
_PYTORCH: dict[str, _Writer] = {
    "googlenet": partial(c.inception_v1, classes=1000),
    "inception_v3_224": partial(c.inception_v3, size=224, classes=1000),
    "mobilenet_v2": c.mobilenet_v2,
    "mobilenet_v3_large": c.mobilenet_v3_large,
    "regnet_x_3_2gf": c.regnet_x_3_2gf,
    "resnet18": partial(c.resnet, blocks=(2, 2, 2, 2), bottleneck=False),
    "resnet34": partial(c.resnet, blocks=(3, 4, 6, 3), bottleneck=False),
    "resnet50": partial(c.resnet, blocks=(3, 4, 6, 3), bottleneck=True),
    "resnet101": partial(c.resnet, blocks=(3, 4, 23, 3), bottleneck=True),
    "resnext50": partial(c.resnet, blocks=(3, 4, 6, 3), bottleneck=True, width=4, groups=32),
    "resnext101": partial(c.resnet, blocks=(3, 4, 23, 3), bottleneck=True, width=8, groups=32),
    "wide_resnet50": partial(c.resnet, blocks=(3, 4, 6, 3), bottleneck=True, width=128),
    "shufflenet_v2": c.shufflenet_v2,
    "squeezenet_1_1": c.squeezenet,
    "vgg16": c.vgg16,
    "bisenet": d.bisenet,
    "deeplab_v3_plus_mobilenet": d.deeplab_v3_plus_mobilenet,
    "ffnet_40s": partial(
        d.ffnet, blocks=(4, 5, 6, 4), height=1024, width=2048, first_stride=2, head="B"
    ),
    "ffnet_54s": partial(
        d.ffnet, blocks=(5, 8, 8, 5), height=1024, width=2048, first_stride=2, head="B"
    ),
    "ffnet_78s": partial(
        d.ffnet, blocks=(6, 12, 12, 8), height=1024, width=2048, first_stride=2, head="B"
    ),
    "hrnet_w32_pose": d.hrnet_w32_pose,
    "posenet_513": partial(d.posenet, height=513, width=257, last_stride=16),
    "quicksrnet_small": partial(d.quicksrnet, layers=2),
    "quicksrnet_medium": partial(d.quicksrnet, layers=5),
    "real_esrgan_compact": d.real_esrgan_compact,
    "real_esrgan_x4plus": d.real_esrgan_x4plus,
    "xlsr": d.xlsr,
    "yamnet": d.yamnet,
}


def names() -> tuple[str, ...]:
    return (*_TENSORFLOW, *_PYTORCH)


def build(name: str, dtype: str) -> ModelInfo:
    """The network with activations of this type: float32, int8 or uint8. KeyError: unknown name."""
    symmetric = name in _PYTORCH
    g = Graph(name, dtype, symmetric=symmetric)
    (_PYTORCH if symmetric else _TENSORFLOW)[name](g)
    return g.info()
