"""From a model's published name to a network that can be rebuilt.

Publishers write `MobileNetV2`, `mobilenet_v2`, `MobileNet-v2 1.0 224` and mean one network. What is
not recognised, or published at a size that cannot be rebuilt, is refused with the reason.
"""

from __future__ import annotations

import re

import msgspec

from qbench.simulator.networks import catalogue

_UNKNOWN = "its graph is not known well enough to be rebuilt"
# Recognised by a part of the name, before anything else.
_REFUSED = (
    ("ssd", "its detection head and non-maximum suppression are not rebuilt"),
    ("yolo", "its detection head is not rebuilt"),
    ("efficientdet", "its detection head is not rebuilt"),
    ("easyocr", "input size as published does not fit its latency"),
    ("gpunet", "input size not published"),
    ("unet", "input size as published does not fit its latency"),
    ("hrnetface", "input size not published"),
    ("sesr", "whether its linear blocks were collapsed is not told"),
)
_NOISE = re.compile(r"\([^)]*\)|quantized|quant|float|torchvision|keras|w8a8|u?int8|fp(16|32)")
_WIDTH = re.compile(r"(?<![\d.])([0-3]\.\d+)")
_SIZES = ("96", "128", "160", "192", "224", "240", "256", "260", "280", "288", "299", "300", "320")

# Pattern of the name without spaces and marks -> network as TensorFlow, as PyTorch writes it.
_NAMES: tuple[tuple[str, str | None, str | None], ...] = (
    (r"mobilenet(v?1)?", "mobilenet_v1", None),
    (r"mobilenetv?2", "mobilenet_v2_tf", "mobilenet_v2"),
    (r"mobilenetv?3(large)?", "mobilenet_v3_large_tf", "mobilenet_v3_large"),
    (r"mobilenetv?3small", "mobilenet_v3_small_tf", "mobilenet_v3_small"),
    (r"efficientnetlite([0-4])", r"efficientnet_lite\1", None),
    (r"efficientnetb0", None, "efficientnet_b0"),
    (r"mnasnet(a1|10)?", None, "mnasnet_1_0"),
    (r"nasnet(a|mobile|amobile)*", "nasnet_mobile", None),
    (r"(inceptionv?1|googlenet)", "inception_v1", "googlenet"),
    (r"inceptionv?2", "inception_v2", None),
    (r"inceptionv?3", "inception_v3", "inception_v3_224"),
    (r"inceptionv?4", "inception_v4", None),
    (r"inceptionresnetv?2", "inception_resnet_v2", None),
    (r"squeezenet(v?10)?", "squeezenet_1_0", None),
    (r"squeezenetv?11", None, "squeezenet_1_1"),
    (r"alexnet", None, "alexnet"),
    (r"vgg(16|19)", None, r"vgg\1"),
    (r"densenet(121)?", None, "densenet_121"),
    (r"resnet(?:v?1)?(50|101)(?:v?1)?", r"resnet\1_tf", r"resnet\1"),
    (r"resnet(18|34|152)", None, r"resnet\1"),
    (r"resnext(50|101)(32x[48]d)?", None, r"resnext\1"),
    (r"wideresnet50(2)?", None, "wide_resnet50"),
    (r"regnet(x32gf)?", None, "regnet_x_3_2gf"),
    (r"shufflenetv?2(x?10)?", None, "shufflenet_v2"),
    (r"posenet(mobilenet)?(v?1)?(100)?", "posenet_257", "posenet_513"),
    (r"deeplabv3(plus)?mobilenet(v?2)?", None, "deeplab_v3_plus_mobilenet"),
    (r"ddrnet23slim", None, "ddrnet_23_slim"),
    (r"pidnet(s)?", None, "pidnet_s"),
    (r"deeplabv3resnet50", None, "deeplab_v3_resnet50"),
    (r"fcnresnet50", None, "fcn_resnet50"),
    (r"bisenet", None, "bisenet"),
    (r"ffnet(40s|54s|78s)", None, r"ffnet_\1"),
    (r"ffnet(78s|122ns)lowres", None, r"ffnet_\1_lowres"),
    (r"hrnetpose", None, "hrnet_w32_pose"),
    (r"quicksrnet(small|medium|large)", None, r"quicksrnet_\1"),
    (r"realesrgangeneral(x4v3)?", None, "real_esrgan_compact"),
    (r"realesrganx4plus", None, "real_esrgan_x4plus"),
    (r"xlsr", None, "xlsr"),
    (r"yamnet", None, "yamnet"),
)


class Refused(msgspec.Struct, frozen=True):
    """Why no network stands for a published name."""

    reason: str


def network_of(model: str, input_size: str, *, pytorch: bool) -> str | Refused:
    """The name for `networks.build`, with the published size where it is not the usual one.

    `pytorch` prefers the network as that framework's exporters write it; one that only the other
    framework's writes is taken as it is.
    """
    name, width, size = _parts(model)
    for part, reason in _REFUSED:
        if part in name:
            return Refused(reason)
    for pattern, tensorflow, torch in _NAMES:
        match = re.fullmatch(pattern, name)
        if match is None:
            continue
        likely = (torch, tensorflow) if pytorch else (tensorflow, torch)
        told = [_built(match.expand(n), width, input_size, size) for n in likely if n]
        return next((n for n in told if isinstance(n, str)), told[0])
    return Refused(_UNKNOWN)


def _built(base: str, width: str, input_size: str, named: tuple[int, int] | None) -> str | Refused:
    """`base` at this width, and at the size that is published or part of the name."""
    if width not in ("", "1.0", "1.00"):
        base += f"_{round(float(width) * 100):03d}"
    if base not in catalogue.names():
        return Refused(f"{base}: this width is not among the networks that can be rebuilt")
    return _sized(base, _extents(input_size) or named)


def _parts(model: str) -> tuple[str, str, tuple[int, int] | None]:
    """(name without marks, width, image size) of `mobilenet_v1_0.25_128_quant`."""
    text = re.sub(r"x(\d)_(\d+)", r"\1.\2", model.lower())
    text = _NOISE.sub(" ", text.replace("_", " ").replace("-", " "))
    width, size = "", None
    is_mobile = "mobilenet" in text and "pose" not in text and "plus" not in text
    if is_mobile and (found := _WIDTH.search(text)):
        width = found.group(1)
        text = text.replace(width, " ", 1)
    words = text.split()
    if len(words) > 1 and words[-1] in _SIZES:
        size = (int(words[-1]), int(words[-1]))
        words.pop()
    return re.sub(r"[^a-z0-9]", "", "".join(words)), width, size


def _extents(input_size: str) -> tuple[int, int] | None:
    """Height and width (or width and height: publishers differ) of `224x224` or `1x1x96x64`."""
    plain = re.match(r"\s*\d+(\s*x\s*\d+)+", input_size)
    if plain is None:
        return None
    numbers = [int(n) for n in re.findall(r"\d+", plain.group())]
    if len(numbers) > 2 and numbers[-1] <= 4:
        numbers.pop()
    return numbers[-2], numbers[-1]


def _sized(base: str, asked: tuple[int, int] | None) -> str | Refused:
    usual = catalogue.usual_size(base)
    if asked is None or sorted(asked) == sorted(usual):
        return base
    if asked[0] == asked[1] and catalogue.network(base).sizes == ("size",):
        return f"{base}@{asked[0]}x{asked[1]}"
    return Refused(
        f"published at {asked[0]}x{asked[1]}, can only be rebuilt at {usual[0]}x{usual[1]}"
    )
