"""The networks that qbench builds itself, as Keras graphs with seeded random weights.

Three are those of "A Case Study of Quantizing Convolutional Neural Networks for Fast Disease
Diagnosis on Portable Medical Devices" (Sensors 2022, 22(1), 219): one grey channel of 224x224,
two classes, logits out, and not quite the networks their names suggest (see each function).
`smallcnn` is qbench's own: a residual network small enough to travel with the package.

All strided layers use SAME padding: the shapes and the arithmetic are those of the symmetric
paddings of the original, without a PAD operator in front of each.

TensorFlow is imported inside the functions: it is an optional extra.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IMAGE_SIZE = 224
CLASSES = 2

# Outputs of each inception block: 1x1; 3x3 reduced, 3x3; 5x5 reduced, 5x5; after the pool.
# None stands for the 3x3 stride 2 pool between stages. (Szegedy et al., CVPR 2015, table 1.)
INCEPTIONS: tuple[tuple[int, int, int, int, int, int] | None, ...] = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    None,
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    None,
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)


def check(name: str) -> None:
    """Raise InputError unless `network` knows `name`."""
    if name not in _NETWORKS:
        raise InputError(
            f"network {name!r}: there is no such network", hint=f"one of {', '.join(_NETWORKS)}"
        )


def network(name: str) -> Any:
    """The untrained Keras model `name`: [batch, 224, 224, 1] float32 in 0..1 -> [batch, 2] logits.

    Raises InputError for a name it does not know.
    """
    check(name)
    import keras

    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1), name="image")
    features = _NETWORKS[name](image)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    logits = keras.layers.Dense(CLASSES, name="logits")(pooled)
    return keras.Model(image, logits, name=name)


def randomize(model: Any, seed: int, images: NDArray[np.float32]) -> None:
    """Give `model` seeded random weights under which activations neither fade nor explode.

    He normal kernels; then one pass over `images` [n, 224, 224, 1] sets every batch
    normalization's statistics to those of the signal that reaches it, as training would.
    Last, each logit is shifted and scaled to mean 0 and standard deviation 1 over `images`, so
    that the answer depends on the image and not on the draw alone.
    """
    import keras
    import numpy as np

    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # statistics become those of the one pass
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            kernel = _he_normal(rng, layer.kernel.shape)
            zeros = np.zeros(kernel.shape[-1], np.float32)
            layer.set_weights([kernel, zeros] if layer.use_bias else [kernel])
    model(images, training=True)
    logits = np.asarray(model(images, training=False))
    head = model.get_layer("logits")
    spread = logits.std(axis=0)
    head.set_weights([head.get_weights()[0] / spread, -logits.mean(axis=0) / spread])


def _he_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Normal with variance 2 / fan-in (He et al., ICCV 2015)."""
    import numpy as np

    fan_in = int(np.prod(shape[:-1]))
    kernel: NDArray[np.float64] = rng.standard_normal(shape) * np.sqrt(2.0 / fan_in)
    return kernel.astype(np.float32)


def _conv(x: Any, filters: int, size: int, name: str, stride: int = 1, relu: bool = True) -> Any:
    """Convolution, batch normalization and ReLU: one CONV_2D once converted."""
    from keras import layers

    x = layers.Conv2D(filters, size, stride, "same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _last_conv(x: Any) -> Any:
    """The convolution that the study puts before global pooling: 3x3 to 1024, with a bias."""
    from keras import layers

    return layers.Conv2D(1024, 3, padding="same", activation="relu", name="conv6")(x)


def _max_pool(x: Any, size: int, stride: int, name: str) -> Any:
    from keras import layers

    return layers.MaxPooling2D(size, stride, "same", name=name)(x)


def _residual(x: Any, filters: int, name: str, stride: int = 1) -> Any:
    """Two 3x3 convolutions around a shortcut; the shortcut is a 1x1 one where shapes differ."""
    from keras import layers

    y = _conv(x, filters, 3, f"{name}_a", stride)
    y = _conv(y, filters, 3, f"{name}_b", relu=False)
    if stride != 1 or x.shape[-1] != filters:
        x = _conv(x, filters, 1, f"{name}_shortcut", stride, relu=False)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))


def _vgg16(x: Any) -> Any:
    """13 convolutions, four pools instead of five, and a 512 -> 1024 convolution at the end."""
    for stage, (filters, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for index in range(1, count + 1):
            x = _conv(x, filters, 3, f"conv{stage}_{index}")
        if stage < 5:
            x = _max_pool(x, 2, 2, f"pool{stage}")
    return _last_conv(x)


def _googlenet(x: Any) -> Any:
    """GoogLeNet with real 5x5 branches and a 3x3 1024 -> 1024 convolution at the end."""
    from keras import layers

    x = _max_pool(_conv(x, 64, 7, "conv1", 2), 3, 2, "pool1")
    x = _conv(_conv(x, 64, 1, "conv2_reduce"), 192, 3, "conv2")
    x = _max_pool(x, 3, 2, "pool2")
    stage, block = 3, "a"
    for widths in INCEPTIONS:
        if widths is None:
            x = _max_pool(x, 3, 2, f"pool{stage}")
            stage, block = stage + 1, "a"
            continue
        name = f"inception{stage}{block}"
        block = chr(ord(block) + 1)
        ones, reduce_3, threes, reduce_5, fives, pooled = widths
        x = layers.Concatenate(name=name)(
            [
                _conv(x, ones, 1, f"{name}_1x1"),
                _conv(_conv(x, reduce_3, 1, f"{name}_3x3_reduce"), threes, 3, f"{name}_3x3"),
                _conv(_conv(x, reduce_5, 1, f"{name}_5x5_reduce"), fives, 5, f"{name}_5x5"),
                _conv(_max_pool(x, 3, 1, f"{name}_pool"), pooled, 1, f"{name}_pool_1x1"),
            ]
        )
    return _last_conv(x)


def _resnet34(x: Any) -> Any:
    """ResNet-34 (He et al., CVPR 2016)."""
    x = _max_pool(_conv(x, 64, 7, "conv1", 2), 3, 2, "pool1")
    for stage, (filters, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 2):
        for index in range(1, count + 1):
            x = _residual(x, filters, f"conv{stage}_{index}", 2 if stage > 2 and index == 1 else 1)
    return x


def _smallcnn(x: Any) -> Any:
    """A residual network of about 95 k parameters and 53 M multiply-accumulates."""
    x = _max_pool(_conv(x, 16, 3, "conv1", 2), 3, 2, "pool1")
    for stage, (filters, count) in enumerate(((16, 1), (32, 2), (64, 1)), 2):
        for index in range(1, count + 1):
            x = _residual(x, filters, f"conv{stage}_{index}", 2 if stage > 2 and index == 1 else 1)
    return x


_NETWORKS: dict[str, Callable[[Any], Any]] = {
    "googlenet": _googlenet,
    "resnet34": _resnet34,
    "smallcnn": _smallcnn,
    "vgg16": _vgg16,
}
