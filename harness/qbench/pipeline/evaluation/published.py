"""The case study's own accuracies (Sensors 2022, 22(1), 219, table of results), of 200 test images
that are not public: to be seen beside ours, never compared with them."""

from __future__ import annotations

from qbench.records import Precision

SOURCE = "Sensors 2022, 22(1), 219: other images (200 of a private data set)"

ACCURACY: dict[tuple[str, Precision], float] = {
    ("vgg16", Precision.FP32): 0.870,
    ("vgg16", Precision.DYNAMIC): 0.870,
    ("vgg16", Precision.FP16): 0.870,
    ("vgg16", Precision.INT8): 0.865,
    ("googlenet", Precision.FP32): 0.885,
    ("googlenet", Precision.DYNAMIC): 0.880,
    ("googlenet", Precision.FP16): 0.885,
    ("googlenet", Precision.INT8): 0.880,
    ("resnet34", Precision.FP32): 0.770,
    ("resnet34", Precision.DYNAMIC): 0.770,
    ("resnet34", Precision.FP16): 0.770,
    ("resnet34", Precision.INT8): 0.765,
}
