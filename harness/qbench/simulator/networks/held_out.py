"""Networks on which predictions are judged: no calibration may measure them.

Image sizes are the usual ones, or smaller where a network would take most of the time that judging
may take. Relatives of them (another width or depth of a family) may be measured; the same network
for images of another size, or with the padding of another framework, may not.
"""

from __future__ import annotations

NAMES = (
    *("mobilenet_v1", "mobilenet_v1_025@96x96", "mobilenet_v2_140", "mobilenet_v2_tf_035@96x96"),
    *("mobilenet_v3_large", "mobilenet_v3_small_tf", "efficientnet_b0", "efficientnet_lite0"),
    *("mnasnet_1_0", "shufflenet_v2", "squeezenet_1_1", "resnet18", "resnet50@160x160"),
    *("regnet_x_3_2gf@128x128", "googlenet", "inception_v3@139x139", "densenet_121@128x128"),
    *("vgg_small", "deeplab_v3_plus_mobilenet@161x161", "posenet_257", "xlsr@64x64", "yamnet"),
    *("ds_cnn", "resnet_8", "perceptron"),
)


def is_one_of(name: str) -> bool:
    """Whether a network of the catalogue is one of these, whatever its image and padding."""
    return _plain(name) in {_plain(held) for held in NAMES}


def _plain(name: str) -> str:
    base = name.partition("@")[0].replace("_tf", "")
    return "googlenet" if base == "inception_v1" else base
