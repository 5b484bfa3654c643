"""Rebuilt networks have the published work; published names find them."""

from __future__ import annotations

import pytest

from qbench.errors import PlanError
from qbench.simulator import networks
from qbench.simulator.titles import Refused, network_of


@pytest.mark.parametrize(
    ("name", "gmacs", "parameters"),
    [
        ("alexnet", 0.714, 61.1),
        ("ddrnet_23_slim", 36.3, 5.7),
        ("densenet_121", 2.834, 7.98),
        ("efficientnet_b0", 0.386, 5.29),
        ("efficientnet_lite0", 0.385, 4.6),
        ("efficientnet_lite4", 2.55, 13.0),
        # torchvision counts the auxiliary head, too
        ("deeplab_v3_resnet50@520x520", 178.72 - 9.99, 39.6),
        ("fcn_resnet50@520x520", 152.72 - 9.99, 32.9),
        ("googlenet", 1.498, 6.6),
        ("hrnet_w32_pose", 7.645, 28.5),
        ("inception_resnet_v2", 13.156, 55.8),
        ("inception_v2", 1.94, 11.2),
        ("inception_v3", 5.713, 23.8),
        ("inception_v4", 12.27, 42.7),
        ("mnasnet_1_0", 0.314, 4.38),
        ("mobilenet_v1", 0.569, 4.2),
        ("mobilenet_v1_025@128x128", 0.0136, 0.47),
        ("mobilenet_v2", 0.301, 3.5),
        ("mobilenet_v2_140", 0.582, 6.1),
        ("mobilenet_v3_large", 0.217, 5.5),
        ("mobilenet_v3_small", 0.0565, 2.54),
        ("nasnet_mobile", 0.564, 5.3),
        ("pidnet_s", 47.6, 7.6),
        ("quicksrnet_large", 7.125, 0.436),
        ("real_esrgan_x4plus", 293.7, 16.7),
        ("regnet_x_3_2gf", 3.177, 15.3),
        ("resnet101", 7.801, 44.5),
        ("resnet152", 11.51, 60.2),
        ("resnet18", 1.814, 11.7),
        ("resnet34", 3.664, 21.8),
        ("resnet50", 4.089, 25.5),
        ("resnet50@320x320", 8.343, 25.5),
        ("resnext101", 16.41, 88.8),
        ("resnext50", 4.230, 25.0),
        ("shufflenet_v2", 0.145, 2.3),
        ("squeezenet_1_1", 0.349, 1.24),
        ("vgg16", 15.47, 138.4),
        ("vgg19", 19.63, 143.7),
        ("wide_resnet50", 11.398, 68.9),
    ],
)
def test_a_rebuilt_network_has_the_work_and_the_weights_its_authors_publish(
    name: str, gmacs: float, parameters: float
) -> None:
    model = networks.build(name, "float32")
    assert model.macs is not None
    assert model.macs / 1e9 == pytest.approx(gmacs, rel=0.01)
    assert model.weight_bytes / 4e6 == pytest.approx(parameters, rel=0.03)


@pytest.mark.parametrize("name", networks.names())
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_every_network_is_one_connected_graph(name: str, dtype: str) -> None:
    main = networks.build(name, dtype).main
    read = {t for op in main.ops for t in op.inputs} | set(main.outputs)
    known = set(main.inputs) | {t.index for t in main.tensors if t.is_constant}
    for op in main.ops:
        assert known.issuperset(op.inputs)
        known.update(op.outputs)
        if name not in ("posenet_257", "posenet_513"):  # several heads
            assert read.issuperset(op.outputs)


def test_an_unknown_network_or_size_is_refused_by_name() -> None:
    with pytest.raises(PlanError, match=r"lenet: no network of this name"):
        networks.build("lenet", "int8")
    with pytest.raises(PlanError, match=r"vgg16: cannot be rebuilt for an image of 320x320"):
        networks.build("vgg16@320x320", "int8")
    with pytest.raises(PlanError, match=r"resnet50: cannot be rebuilt for an image of 320x224"):
        networks.build("resnet50@320x224", "int8")


@pytest.mark.parametrize(
    ("published", "size", "tensorflow", "pytorch"),
    [
        ("MobileNetV2", "224x224", "mobilenet_v2_tf", "mobilenet_v2"),
        ("mobilenet_v2", "", "mobilenet_v2_tf", "mobilenet_v2"),
        ("MobileNet-v2 1.0 224", "", "mobilenet_v2_tf", "mobilenet_v2"),
        ("MobileNet-v2-Quantized", "224x224", "mobilenet_v2_tf", "mobilenet_v2"),
        ("MobilenetV2_x0_5", "224x224", "mobilenet_v2_tf_050", "mobilenet_v2_050"),
        ("mobilenet_v1_0.25_128_quant", "", "mobilenet_v1_025@128x128", None),
        ("mobilenet_v1_1.0_224 (float)", "224x224", "mobilenet_v1", None),
        ("MobileNet-v3-Large-Quantized", "", "mobilenet_v3_large_tf", "mobilenet_v3_large"),
        ("MobileNetV3_small_x1_0", "", "mobilenet_v3_small_tf", "mobilenet_v3_small"),
        ("EfficientNet-Lite3", "280x280", "efficientnet_lite3", None),
        ("inception_v4_299_quant", "299x299", "inception_v4", None),
        ("Inception-v3", "224x224", "inception_v3@224x224", "inception_v3_224"),
        ("GoogLeNetQuantized", "224x224", "inception_v1", "googlenet"),
        ("resnetv1_50_quant", "224x224x3", "resnet50_tf", "resnet50"),
        ("ResNet-50", "1x224x224x3", "resnet50_tf", "resnet50"),
        ("SqueezeNet-1_1", "", "squeezenet_1_1", "squeezenet_1_1"),
        ("SqueezeNet", "227x227", "squeezenet_1_0@227x227", None),
        ("WideResNet50-Quantized", "224x224", "wide_resnet50", "wide_resnet50"),
        ("ResNeXt101", "", "resnext101", "resnext101"),
        ("YamNet", "1x1x96x64", "yamnet", "yamnet"),
        ("FFNet-78S", "1024x2048", "ffnet_78s", "ffnet_78s"),
        ("FFNet-122NS-LowRes", "1024x512", "ffnet_122ns_lowres", "ffnet_122ns_lowres"),
        ("DDRNet23-Slim", "2048x1024", "ddrnet_23_slim", "ddrnet_23_slim"),
        ("PidNet", "1024x2048", "pidnet_s", "pidnet_s"),
        ("PoseNet mobilenet_v1_100", "257x257", "posenet_257", None),
        ("NASNet mobile", "224x224", "nasnet_mobile", None),
    ],
)
def test_a_network_is_found_however_publishers_write_its_name(
    published: str, size: str, tensorflow: str, pytorch: str | None
) -> None:
    assert network_of(published, size, pytorch=False) == tensorflow
    assert network_of(published, size, pytorch=True) == (pytorch or tensorflow)


@pytest.mark.parametrize(
    ("published", "size", "reason"),
    [
        ("COCO SSD MobileNet v1", "300x300", "detection head"),
        ("Something-New", "224x224", "not known well enough"),
        ("MobileNetV2_x2_0", "224x224", "this width is not among"),
        ("VGG16", "320x320", "published at 320x320, can only be rebuilt at 224x224"),
        ("GPUNet", "not stated", "input size not published"),
        ("Unet-Segmentation", "not reliable (info.yaml says 224x224)", "does not fit"),
    ],
)
def test_what_cannot_be_rebuilt_is_refused_with_the_reason(
    published: str, size: str, reason: str
) -> None:
    told = network_of(published, size, pytorch=True)
    assert isinstance(told, Refused)
    assert reason in told.reason
