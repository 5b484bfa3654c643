"""The program that quantizes by TFLiteConverter, where TensorFlow is.

`python -m qbench.pipeline.quantization.converter_worker`, a JSON request (`Request`) on stdin.
Prints `step: ...` lines, and `error: ...` when the model is to blame.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qbench import modelfile
from qbench.errors import ModelFileError, QBenchError
from qbench.pipeline.quantization.options import Io, Options
from qbench.pipeline.quantization.rebuilding import function
from qbench.records import Precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHOWN = 4
_TOLERANCE = 1e-3


class Request(msgspec.Struct, frozen=True):
    """`model` (fp32 .tflite) is quantized into the file `out`; `pictures` calibrate. Beside `out`
    goes a JSON file with the versions of what made it."""

    model: str
    out: str
    options: Options
    pictures: tuple[str, ...] = ()


def tools_path(out: Path) -> Path:
    return out.with_suffix(".json")


def main() -> int:
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    try:
        Path(request.out).write_bytes(_converted(request))
    except QBenchError as error:
        print(f"error: {error}", flush=True)
        return 2
    return 0


def _converted(request: Request) -> bytes:
    import numpy as np
    import tensorflow as tf

    info = modelfile.read(Path(request.model))
    original = tf.lite.Interpreter(
        request.model,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    original.allocate_tensors()
    rebuilt = function(tf, info, original.get_tensor)
    taken = info.main.tensors[info.main.inputs[0]]
    images = [_ranged(request.options, p, taken.shape) for p in request.pictures]
    drawn = np.random.default_rng(0).random((_SHOWN, *taken.shape), np.float32)
    _refuse_other_answers(info.path, original, rebuilt, [*drawn, *images[:_SHOWN]])
    concrete = tf.function(
        rebuilt, input_signature=[tf.TensorSpec(taken.shape, tf.float32, name="image")]
    ).get_concrete_function()
    tools = {"tensorflow": tf.__version__, "numpy": np.__version__}
    tools_path(Path(request.out)).write_bytes(msgspec.json.encode(tools))
    print("step: quantizing by TFLiteConverter", flush=True)
    return _quantized(tf, concrete, request.options, images)


def _ranged(options: Options, picture: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    import numpy as np

    from qbench.pipeline.data import images

    scale = options.input_range
    image = images.read(Path(picture), *shape[1:])
    return np.asarray(image * np.float32(scale.high - scale.low) + np.float32(scale.low))[None]


def _refuse_other_answers(
    name: str, original: Any, rebuilt: Any, images: list[NDArray[np.float32]]
) -> None:
    """TensorFlow must say of the rebuilt graph what the file says, or its form here is wrong."""
    import numpy as np

    for image in images:
        original.set_tensor(original.get_input_details()[0]["index"], image)
        original.invoke()
        wanted = original.get_tensor(original.get_output_details()[0]["index"])
        off = float(np.abs(np.asarray(rebuilt(image)) - wanted).max())
        if not off <= _TOLERANCE * max(1.0, float(np.abs(wanted).max())):
            raise ModelFileError(
                f"{name}: handed to TensorFlow its answers change by {off:.3g}: --with "
                "tflite-converter cannot be used for it"
            )


def _quantized(tf: Any, concrete: Any, options: Options, images: list[Any]) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    if options.scheme is not Precision.FP32:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter._experimental_disable_per_channel = not options.per_channel
    if options.scheme is Precision.FP16:
        converter.target_spec.supported_types = [tf.float16]
    if options.scheme is Precision.INT8:
        ends = {Io.INT8: tf.int8, Io.UINT8: tf.uint8, Io.FLOAT: tf.float32}[options.io]
        converter.representative_dataset = lambda: ([image] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = ends
    return bytes(converter.convert())


if __name__ == "__main__":
    sys.exit(main())
