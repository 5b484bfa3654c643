"""Every rebuilt network by name, at the size at which it is usually measured."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from qbench.errors import PlanError
from qbench.records import ModelInfo
from qbench.simulator.networks import (
    classic,
    inception,
    keypoints,
    mobile,
    residual,
    segmentation,
    superresolution,
    tiny,
)
from qbench.simulator.networks.graph import Graph

_Writer = Callable[..., int]

_WIDTHS = {"": 1.0, "_025": 0.25, "_035": 0.35, "_050": 0.5, "_075": 0.75, "_130": 1.3, "_140": 1.4}

# Written by TensorFlow: strided SAME convolutions.
_TENSORFLOW: dict[str, _Writer] = {
    **{f"mobilenet_v1{w}": partial(mobile.mobilenet_v1, width=r) for w, r in _WIDTHS.items()},
    **{
        f"mobilenet_v2_tf{w}": partial(mobile.mobilenet_v2, width=r, classes=1001, softmax=True)
        for w, r in _WIDTHS.items()
    },
    "mobilenet_v3_large_tf": partial(mobile.mobilenet_v3, large=True, classes=1001),
    "mobilenet_v3_small_tf": partial(mobile.mobilenet_v3, large=False, classes=1001),
    "inception_v1": inception.inception_v1,
    "inception_v2": inception.inception_v2,
    "inception_v3": inception.inception_v3,
    "inception_v4": inception.inception_v4,
    "inception_resnet_v2": inception.inception_resnet_v2,
    "nasnet_mobile": classic.nasnet_mobile,
    "squeezenet_1_0": partial(classic.squeezenet, version="1.0"),
    "posenet_257": partial(keypoints.posenet, height=257, width=257, last_stride=32),
    **{f"efficientnet_lite{n}": partial(mobile.efficientnet_lite, variant=n) for n in range(5)},
    "resnet50_tf": partial(residual.resnet, blocks=(3, 4, 6, 3), bottleneck=True),
    "resnet101_tf": partial(residual.resnet, blocks=(3, 4, 23, 3), bottleneck=True),
    "vgg_small": classic.vgg_small,
    "ds_cnn": tiny.ds_cnn,
    "resnet_8": tiny.resnet_8,
    "autoencoder": tiny.autoencoder,
    "perceptron": tiny.perceptron,
}
_LOW_RESOLUTION: dict[str, Any] = {"height": 512, "width": 1024, "head": "C", "halved": True}
# Written by PyTorch: symmetric padding.
_PYTORCH: dict[str, _Writer] = {
    "alexnet": classic.alexnet,
    "densenet_121": classic.densenet_121,
    "efficientnet_b0": mobile.efficientnet_b0,
    "googlenet": partial(inception.inception_v1, classes=1000),
    "inception_v3_224": partial(inception.inception_v3, size=224, classes=1000),
    "mnasnet_1_0": mobile.mnasnet_1_0,
    **{f"mobilenet_v2{w}": partial(mobile.mobilenet_v2, width=r) for w, r in _WIDTHS.items()},
    "mobilenet_v3_large": partial(mobile.mobilenet_v3, large=True),
    "mobilenet_v3_small": partial(mobile.mobilenet_v3, large=False),
    "regnet_x_3_2gf": residual.regnet_x_3_2gf,
    "resnet18": partial(residual.resnet, blocks=(2, 2, 2, 2), bottleneck=False),
    "resnet34": partial(residual.resnet, blocks=(3, 4, 6, 3), bottleneck=False),
    "resnet50": partial(residual.resnet, blocks=(3, 4, 6, 3), bottleneck=True),
    "resnet101": partial(residual.resnet, blocks=(3, 4, 23, 3), bottleneck=True),
    "resnet152": partial(residual.resnet, blocks=(3, 8, 36, 3), bottleneck=True),
    "resnext50": partial(residual.resnet, blocks=(3, 4, 6, 3), bottleneck=True, width=4, groups=32),
    "resnext101": partial(
        residual.resnet, blocks=(3, 4, 23, 3), bottleneck=True, width=8, groups=32
    ),
    "wide_resnet50": partial(residual.resnet, blocks=(3, 4, 6, 3), bottleneck=True, width=128),
    "shufflenet_v2": mobile.shufflenet_v2,
    "squeezenet_1_1": classic.squeezenet,
    "vgg16": partial(classic.vgg, repeats=(2, 2, 3, 3, 3)),
    "vgg19": partial(classic.vgg, repeats=(2, 2, 4, 4, 4)),
    "bisenet": segmentation.bisenet,
    "ddrnet_23_slim": segmentation.ddrnet_23_slim,
    "deeplab_v3_resnet50": segmentation.deeplab_v3_resnet50,
    "fcn_resnet50": segmentation.fcn_resnet50,
    "deeplab_v3_plus_mobilenet": segmentation.deeplab_v3_plus_mobilenet,
    "ffnet_40s": partial(segmentation.ffnet, blocks=(4, 5, 6, 4)),
    "ffnet_54s": partial(segmentation.ffnet, blocks=(5, 8, 8, 5)),
    "ffnet_78s": partial(segmentation.ffnet, blocks=(6, 12, 12, 8)),
    "ffnet_78s_lowres": partial(
        segmentation.ffnet, blocks=(6, 12, 12, 8), first_stride=1, **_LOW_RESOLUTION
    ),
    "ffnet_122ns_lowres": partial(segmentation.ffnet, blocks=(16, 24, 20), **_LOW_RESOLUTION),
    "hrnet_w32_pose": keypoints.hrnet_w32_pose,
    "pidnet_s": segmentation.pidnet_s,
    "posenet_513": partial(keypoints.posenet, height=513, width=257, last_stride=16),
    "quicksrnet_small": partial(superresolution.quicksrnet, layers=2),
    "quicksrnet_medium": partial(superresolution.quicksrnet, layers=5),
    "quicksrnet_large": partial(superresolution.quicksrnet, layers=11, channels=64),
    "real_esrgan_compact": superresolution.real_esrgan_compact,
    "real_esrgan_x4plus": superresolution.real_esrgan_x4plus,
    "xlsr": superresolution.xlsr,
    "yamnet": keypoints.yamnet,
}


_UNFUSED = "_unfused"


class Network(msgspec.Struct, frozen=True):
    """`symmetric`: pads as PyTorch does. `fused`: clamps are part of convolutions. `sizes`: what of
    its input may be chosen."""

    name: str
    writer: _Writer
    symmetric: bool
    fused: bool

    @property
    def sizes(self) -> tuple[str, ...]:
        """`("size",)`: square; `("height", "width")`; empty: only as it is."""
        known = inspect.signature(self.writer).parameters
        return next((s for s in (("size",), ("height", "width")) if set(s) <= set(known)), ())


def names() -> tuple[str, ...]:
    return (*_TENSORFLOW, *_PYTORCH)


def network(name: str) -> Network:
    """`NAME`, or `NAME_unfused` with RELU6 as operators. Raises PlanError: no such network."""
    plain = name.removesuffix(_UNFUSED)
    for writers, symmetric in ((_TENSORFLOW, False), (_PYTORCH, True)):
        if plain in writers:
            return Network(name, writers[plain], symmetric, plain == name)
    raise PlanError(f"{name}: no network of this name can be rebuilt")


def build(name: str, dtype: str) -> ModelInfo:
    """The network `NAME` or `NAME@HEIGHTxWIDTH` with activations of this type: float32, int8 or
    uint8. Raises PlanError when there is none, or its input cannot have that size."""
    base, _, asked = name.partition("@")
    found = network(base)
    g = Graph(name, dtype, symmetric=found.symmetric, fused=found.fused)
    found.writer(g, **_size(found, asked))
    return g.info()


def _size(found: Network, asked: str) -> dict[str, int]:
    if not asked:
        return {}
    height, width = (int(part) for part in asked.split("x"))
    if found.sizes == ("height", "width"):
        return {"height": height, "width": width}
    if found.sizes != ("size",) or height != width:
        raise PlanError(f"{found.name}: cannot be rebuilt for an image of {height}x{width}")
    return {"size": height}


def usual_size(name: str) -> tuple[int, int]:
    """Height and width of the image that the network is built for when nobody says otherwise."""
    main = build(name, "float32").main
    _, height, width, _ = main.tensors[main.inputs[0]].shape
    return height, width
