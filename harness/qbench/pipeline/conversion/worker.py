"""The program that runs inside an environment: one model in, one fp32 .tflite out, and what the
source answers to some images, so that whoever asked can compare.

`python -m qbench.pipeline.conversion.worker`, a JSON request (`Request`) on stdin. Prints
`step: ...` lines, and `error: ...` when the model is to blame. Needs msgspec and NumPy besides the
framework.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qbench.errors import InputError, QBenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Request(msgspec.Struct, frozen=True):
    """`pictures` and `random` made-up images are shown to the source; its answers, the images, the
    .tflite file and a `Result` are written into `folder`. `onnx`: leave the ONNX file there too."""

    route: str  # direct, onnx, keras
    source: str
    folder: str
    pictures: tuple[str, ...] = ()
    random: int = 8
    seed: int = 0
    onnx: str | None = None


class Result(msgspec.Struct, frozen=True):
    """`said`: what a checkpoint of `qbench train` says of itself."""

    tools: dict[str, str]
    said: dict[str, Any] | None = None


MODEL, IMAGES, ANSWERS, RESULT = "model.tflite", "images.npy", "answers.npy", "result.json"
_TOOLS = ("torch", "litert-torch", "onnx", "onnx2tf", "tensorflow", "tensorflow-cpu")


def main() -> int:
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    try:
        said = _ROUTES[request.route](request)
    except QBenchError as error:
        print(f"error: {error}", flush=True)
        return 2
    result = Result({name: v for name in _TOOLS if (v := _version(name))}, said)
    (Path(request.folder) / RESULT).write_bytes(msgspec.json.encode(result))
    return 0


def _version(name: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _images(request: Request, height: int, width: int, channels: int) -> NDArray[np.float32]:
    """[n, height, width, channels]: made-up ones first, then the pictures."""
    import numpy as np

    from qbench.pipeline.data import images

    rng = np.random.default_rng(request.seed)
    drawn = [
        rng.random((height, width, channels), np.float32) ** (1 + n % 3)
        for n in range(request.random)
    ]
    read = [images.read(Path(p), height, width, channels) for p in request.pictures]
    shown = np.stack([*drawn, *read])
    np.save(Path(request.folder) / IMAGES, shown)
    return shown


def _keep(request: Request, answers: NDArray[np.float32]) -> None:
    import numpy as np

    np.save(Path(request.folder) / ANSWERS, answers.astype(np.float32))


def _step(text: str) -> None:
    print(f"step: {text}", flush=True)


def _direct(request: Request) -> dict[str, Any] | None:
    """PyTorch by litert-torch, which reads the graph as torch.export gives it."""
    import litert_torch
    import torch

    model, said, size = _torch_model(request.source)
    _keep(request, _torch_answers(model, _images(request, size, size, 1)))
    _step("converting by litert-torch")
    channels_last = litert_torch.to_channel_last_io(model, args=[0])
    converted = litert_torch.convert(channels_last, (torch.zeros(1, size, size, 1),))
    converted.export(str(Path(request.folder) / MODEL))
    return said


def _onnx(request: Request) -> dict[str, Any] | None:
    """PyTorch -> ONNX -> TensorFlow -> TFLite, as the case study did; or from an ONNX file."""
    import shutil

    import numpy as np

    folder, source = Path(request.folder), Path(request.source)
    said = None
    if source.suffix == ".onnx":
        file = source.resolve()
        _keep(request, _onnx_answers(request, file))
    else:
        model, said, size = _torch_model(request.source)
        _keep(request, _torch_answers(model, _images(request, size, size, 1)))
        file = folder / "model.onnx"
        _step("exporting to ONNX")
        _export_onnx(model, file, size)
    if request.onnx is not None:
        shutil.copyfile(file, request.onnx)
    # onnx2tf fetches this file from the network, whatever it is told, unless it is there.
    calibration = folder / "calibration_image_sample_data_20x128x128x3_float32.npy"
    np.save(calibration, np.zeros((20, 128, 128, 3), np.float32))
    os.chdir(folder)
    _step("converting by onnx2tf")
    import onnx2tf
    import tensorflow as tf

    # What onnx2tf itself saves takes 4.3 GB and 90 s for a VGG16 of 78 MB; see below.
    model = onnx2tf.convert(
        input_onnx_file_path=str(file),
        output_folder_path=str(folder / "onnx2tf"),
        non_verbose=True,
        disable_model_save=True,
    )
    shape = [1, *model.inputs[0].shape[1:]]
    if len(model.inputs) != 1 or len(shape) != 4 or None in shape:
        raise InputError(f"{request.source}: does not take one image of known size: {shape}")
    function = tf.function(lambda image: model(image, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image"))
    _convert_tensorflow(request, concrete)
    return said


def _keras(request: Request) -> dict[str, Any] | None:
    """A .keras file or a SavedModel by TensorFlow's own converter."""
    import numpy as np
    import tensorflow as tf

    source = Path(request.source)
    try:
        if source.is_dir():
            loaded = tf.saved_model.load(str(source))
            signature = loaded.signatures["serving_default"]
            name, spec = next(iter(signature.structured_input_signature[1].items()))
            shape = [1, *spec.shape[1:]]
            function = tf.function(lambda image: next(iter(signature(**{name: image}).values())))
        else:
            loaded = tf.keras.models.load_model(source)
            shape = [1, *loaded.input_shape[1:]]
            function = tf.function(lambda image: loaded(image, training=False))
    except (ValueError, KeyError, OSError, StopIteration) as error:
        text = str(error).partition("\n")[0]
        raise InputError(f"{source}: is no Keras model or SavedModel: {text}") from error
    if len(shape) != 4 or None in shape:
        raise InputError(f"{source}: does not take one image of known size: {shape}")
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image"))
    shown = _images(request, *map(int, shape[1:]))
    _keep(request, np.stack([np.asarray(concrete(tf.constant(i[None])))[0] for i in shown]))
    _convert_tensorflow(request, concrete)
    return None


def _convert_tensorflow(request: Request, concrete: Any) -> None:
    """A function of one image.

    By way of a SavedModel of nothing else: of the same ResNet34 of 85 MB TFLiteConverter takes
    1.6 GB this way, 3.2 GB from the function with its variables as constants, and 4.3 GB from a
    Keras model, whose saving costs as much.
    """
    import tensorflow as tf

    _step("converting by TFLiteConverter")
    module, saved = tf.Module(), str(Path(request.folder) / "saved_model")
    module.held = concrete.variables
    tf.saved_model.save(module, saved, signatures=concrete)
    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    (Path(request.folder) / MODEL).write_bytes(converter.convert())


def _torch_model(source: str) -> tuple[Any, dict[str, Any], int]:
    from qbench.pipeline.training import checkpoint

    said, model = checkpoint.load(Path(source))
    return model, msgspec.to_builtins(said), said.size


def _torch_answers(model: Any, images: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np
    import torch

    with torch.inference_mode():
        rows = [
            model(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None])))[0].numpy()
            for image in images
        ]
    return np.stack(rows)


def _export_onnx(model: Any, file: Path, size: int) -> None:
    import torch

    torch.onnx.export(
        model,
        (torch.zeros(1, 1, size, size),),
        str(file),
        input_names=["image"],
        output_names=["logits"],
        opset_version=17,
        dynamo=False,
    )


def _onnx_answers(request: Request, file: Path) -> NDArray[np.float32]:
    import numpy as np
    import onnx
    from onnx.reference import ReferenceEvaluator

    try:
        model = onnx.load(str(file))
        given = model.graph.input[0].type.tensor_type.shape.dim
        _, channels, height, width = (d.dim_value for d in given)
    # protobuf and onnx raise errors of their own for what is no model.
    except Exception as error:
        text = str(error).partition("\n")[0]
        raise InputError(f"{file}: is no ONNX model of an image: {text}") from error
    runner = ReferenceEvaluator(model)
    name = runner.input_names[0]
    shown = _images(request, height, width, channels)
    return np.stack([runner.run(None, {name: i.transpose(2, 0, 1)[None]})[0][0] for i in shown])


_ROUTES: dict[str, Callable[[Request], dict[str, Any] | None]] = {
    "direct": _direct,
    "onnx": _onnx,
    "keras": _keras,
}

if __name__ == "__main__":
    sys.exit(main())
