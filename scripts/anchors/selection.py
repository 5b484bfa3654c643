"""Which published rows make which group, and which rebuilt network each row's model is.

A row of a group's runtime, chip and unit whose model is not in `networks` is refused with a
reason: nothing is left out silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from qbench.records import ComputeUnit
from qbench.simulator.anchors import Transfer
from qbench.simulator.kernels import Dtype

PublicRow = Mapping[str, str]  # one line of the table of published latencies


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One group to fit. `wanted` says whether a row is of its runtime, chip, unit and type."""

    profile: str
    unit: ComputeUnit
    executors: tuple[str, ...]
    dtype: Dtype
    runtime: str
    where: str  # device and publisher, for the user
    wanted: Callable[[PublicRow], bool]
    networks: Mapping[str, str]


_UNKNOWN = "its graph is not known well enough to be rebuilt"
REFUSED = {
    "COCO SSD MobileNet v1": "its non-maximum suppression is no operator that can be priced",
    "EasyOCRDetector": "input size as published does not fit its latency",
    "Unet-Segmentation": "input size as published does not fit its latency",
    "FFNet-78S-LowRes": "whether its input is halved once more inside is not told",
    "GPUNet": "input size not published",
    "HRNetFace": "input size not published",
    "SESR-M5": "whether its linear blocks were collapsed is not told",
}


def refusal(model: str) -> str:
    return REFUSED.get(model, _UNKNOWN)


_PIXEL_4 = {
    "MobileNet_v1_1.0_224 (float)": "mobilenet_v1",
    "MobileNet_v1_1.0_224 (quant)": "mobilenet_v1",
    "NASNet mobile": "nasnet_mobile",
    "SqueezeNet": "squeezenet_1_0",
    "Inception_ResNet_V2": "inception_resnet_v2",
    "PoseNet mobilenet_v1_100": "posenet_257",
    "inception_v1_224_quant": "inception_v1",
    "inception_v3_quant": "inception_v3",
    "mobilenet_v1_0.25_128_quant": "mobilenet_v1_025_128",
    "mobilenet_v1_1.0_128_quant": "mobilenet_v1_128",
    "mobilenet_v1_1.0_224_quant": "mobilenet_v1",
    "mobilenet_v2_1.0_224_quant": "mobilenet_v2_tf",
    **{f"EfficientNet-Lite{n}": f"efficientnet_lite{n}" for n in range(5)},
}
_AI_HUB = {
    "BiseNet": "bisenet",
    "DeepLabV3-Plus-MobileNet": "deeplab_v3_plus_mobilenet",
    "FFNet-40S": "ffnet_40s",
    "FFNet-54S": "ffnet_54s",
    "FFNet-78S": "ffnet_78s",
    "HRNetPose": "hrnet_w32_pose",
    "Inception-v3": "inception_v3_224",
    "MobileNet-v2": "mobilenet_v2",
    "MobileNet-v2-Quantized": "mobilenet_v2",
    "MobileNet-v3-Large-Quantized": "mobilenet_v3_large",
    "Posenet-Mobilenet": "posenet_513",
    "QuickSRNetMedium": "quicksrnet_medium",
    "QuickSRNetSmall": "quicksrnet_small",
    "Real-ESRGAN-General-x4v3": "real_esrgan_compact",
    "Real-ESRGAN-x4plus": "real_esrgan_x4plus",
    "RegNet": "regnet_x_3_2gf",
    "ResNet18": "resnet18",
    "ResNet50": "resnet50",
    "ResNet101": "resnet101",
    "ResNeXt50": "resnext50",
    "ResNeXt101": "resnext101",
    "SqueezeNet-1.1": "squeezenet_1_1",
    "SqueezeNet-1_1": "squeezenet_1_1",
    "WideResNet50": "wide_resnet50",
    "GoogLeNet": "googlenet",
    "XLSR": "xlsr",
    "YamNet": "yamnet",
}


def _is_pixel_4(row: PublicRow, frameworks: tuple[str, ...], backend: str, precision: str) -> bool:
    """TensorFlow's, EfficientNet-Lite's and Halide's tables; not an app with a live camera."""
    return (
        row["device"] == "Pixel 4"
        and row["framework"].startswith(frameworks)
        and "NNAPI" not in row["framework"]
        and row["backend"] == backend
        and row["precision"].startswith(precision)
    )


def _is_default_gpu(row: PublicRow) -> bool:
    """The GPU delegate as it is by default: fp16 arithmetic."""
    full_precision = "gpu_precision_loss_allowed=false" in row["notes"]
    return _is_pixel_4(row, ("TFLite GPU delegate",), "gpu", "fp") and not full_precision


def _is_qcs8250(row: PublicRow, backend: str) -> bool:
    return (
        row["soc"].startswith("SD865-class QCS8250")
        and row["framework"].startswith("TFLite")
        and row["backend"].startswith(backend)
    )


SOURCES = (
    Source(
        profile="sd855",
        unit=ComputeUnit.CPU,
        executors=("xnnpack", "builtin"),
        dtype=Dtype.FP32,
        runtime="TFLite of 2020, XNNPACK",
        where="TFLite on a Pixel 4 (TensorFlow's own tables)",
        wanted=lambda row: _is_pixel_4(row, ("TFLite",), "cpu", "fp32"),
        networks=_PIXEL_4,
    ),
    Source(
        profile="sd855",
        unit=ComputeUnit.CPU,
        executors=("xnnpack", "builtin"),
        dtype=Dtype.INT8,
        runtime="TFLite 2.4 - 2.5",
        where="TFLite on a Pixel 4 (TensorFlow's and Halide's tables)",
        wanted=lambda row: _is_pixel_4(row, ("TFLite",), "cpu", "int8"),
        networks=_PIXEL_4,
    ),
    Source(
        profile="sd855",
        unit=ComputeUnit.GPU,
        executors=("gpu",),
        dtype=Dtype.FP16,
        runtime="TFLite of 2020, GPU delegate with fp16 arithmetic",
        where="TFLite's GPU delegate on a Pixel 4 (TensorFlow's own tables)",
        wanted=_is_default_gpu,
        networks=_PIXEL_4,
    ),
    Source(
        profile="sd865",
        unit=ComputeUnit.GPU,
        executors=("gpu",),
        dtype=Dtype.FP16,
        runtime="TFLite 2.17 GPU delegate, int8 models computed in float",
        where="TFLite's GPU delegate on a QCS8250 (Qualcomm AI Hub, int8 files)",
        wanted=lambda row: _is_qcs8250(row, "gpu"),
        networks=_AI_HUB,
    ),
    Source(
        profile="sd865",
        unit=ComputeUnit.NPU,
        executors=("nnapi", "hexagon"),
        dtype=Dtype.INT8,
        runtime="TFLite up to 2.17; whether by NNAPI or the Hexagon delegate is not told",
        where="TFLite on the Hexagon of a QCS8250 (Qualcomm AI Hub)",
        wanted=lambda row: _is_qcs8250(row, "npu"),
        networks=_AI_HUB,
    ),
)

TRANSFERS = {
    "sd865": (
        Transfer(
            profile="sd855",
            time_ratio=0.94,
            reason="Paddle-Lite's latencies on the 865 are 0.88 - 1.00 of those on the 855, at the "
            "same clocks",
        ),
        (ComputeUnit.CPU,),
    )
}
"""Profile -> a fit of another chip that it takes over, and for which units."""

TRANSFER_WIDEN_RATIO = 1.1
