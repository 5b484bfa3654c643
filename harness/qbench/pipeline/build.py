"""From a network's name to .tflite files with seeded random weights, in any precision."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbench import modelfile
from qbench.errors import InputError, MissingExtraError, ModelFileError
from qbench.models import file_name
from qbench.pipeline import networks
from qbench.pipeline.speckle import speckle_images
from qbench.records import Precision

if TYPE_CHECKING:
    from types import ModuleType

PRECISIONS = (Precision.FP32, Precision.DYNAMIC, Precision.FP16, Precision.INT8)
METADATA_NAME = "qbench_origin"

_STATISTICS_IMAGES = 8
_CALIBRATION_IMAGES = 16


def describe(name: str, precision: Precision, seed: int, made_by: str) -> str:
    """The description that `build` writes into a file: what it is, and that nobody trained it."""
    return f"{name} {precision}: random weights; made by {made_by} seed {seed}"


def build(
    name: str,
    precisions: Sequence[Precision],
    *,
    seed: int,
    out_dir: Path,
    made_by: str,
    progress: Callable[[str], None],
) -> tuple[Path, ...]:
    """Write `<out_dir>/<name>-<precision>.tflite`, one for each precision, each in one step.

    The same seed and TensorFlow version give the same bytes (on processors with the same vector
    instructions). `made_by` names the command in the file's description. `progress` is told each
    step. int8 files are int8 from input to output.

    Raises MissingExtraError without TensorFlow, InputError for an unknown network or a folder
    that cannot be written, ModelFileError when a file is not what was asked for.
    """
    for precision in precisions:
        if precision not in PRECISIONS:
            raise InputError(
                f"{name}: cannot be built as {precision}",
                hint=f"one of {', '.join(PRECISIONS)}",
            )
    with _quiet():
        tf = _tensorflow()
    progress(f"{name}: drawing weights from seed {seed}")
    with _quiet():
        frozen = _frozen(tf, name, seed)
    paths = []
    for precision in precisions:
        progress(f"{name}: converting to {precision}")
        with _quiet():
            content = _convert(tf, frozen, precision, seed)
        content = _sign(content, tf, name, precision, seed, made_by)
        paths.append(_write(out_dir / file_name(name, precision), content, precision))
    return tuple(paths)


def _tensorflow() -> ModuleType:
    """TensorFlow, told to be deterministic and to use the CPU alone."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise MissingExtraError(
            "qbench models build: needs TensorFlow, which is not installed",
            hint='pip install "tflite-qbench[convert]"  '
            "(in a checkout: pip install -e '.[convert]')",
        ) from None
    tf.get_logger().setLevel("ERROR")
    tf.config.experimental.enable_op_determinism()
    module: ModuleType = tf
    return module


def _frozen(tf: Any, name: str, seed: int) -> Any:
    """The network as a function [1, 224, 224, 1] -> [1, 2] whose weights are constants.

    Constants, because the converter folds batch normalization only into those.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    tf.keras.backend.clear_session()  # layer names, and so the files, must not count calls
    model = networks.network(name)
    networks.randomize(model, seed, speckle_images(_STATISTICS_IMAGES, seed))
    size = networks.IMAGE_SIZE
    image = tf.TensorSpec([1, size, size, 1], tf.float32, name="image")
    function = tf.function(lambda image: model(image, training=False), input_signature=[image])
    return convert_variables_to_constants_v2(function.get_concrete_function())


def _convert(tf: Any, frozen: Any, precision: Precision, seed: int) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    if precision is not Precision.FP32:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision is Precision.FP16:
        converter.target_spec.supported_types = [tf.float16]
    if precision is Precision.INT8:
        images = speckle_images(_CALIBRATION_IMAGES, seed)
        converter.representative_dataset = lambda: ([image[None]] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def _sign(
    content: bytes, tf: Any, name: str, precision: Precision, seed: int, made_by: str
) -> bytes:
    """`content` with its origin written into it: the description, and a metadata entry (JSON)."""
    import flatbuffers
    import keras
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    class AlignedBuffer(schema.BufferT):  # type: ignore[misc]
        """The schema asks for data at multiples of 16 bytes; the generated `Pack` forgets it."""

        def Pack(self, builder: Any) -> Any:
            data = None
            if self.data is not None and len(self.data):
                raw = np.asarray(self.data, np.uint8)
                builder.StartVector(1, len(raw), 16)
                builder.head -= len(raw)
                builder.Bytes[builder.head : builder.head + len(raw)] = raw.tobytes()
                data = builder.EndVector()
            schema.BufferStart(builder)
            if data is not None:
                schema.BufferAddData(builder, data)
            return schema.BufferEnd(builder)

    origin = {
        "network": name,
        "precision": precision.value,
        "weights": "random",
        "seed": seed,
        "made_by": made_by,
        "tools": {"tensorflow": tf.__version__, "keras": keras.__version__},
    }
    if precision is Precision.INT8:
        origin["calibration"] = f"{_CALIBRATION_IMAGES} made-up speckle images"
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    model.description = describe(name, precision, seed, made_by)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(json.dumps(origin).encode(), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name = METADATA_NAME
    entry.buffer = len(model.buffers) - 1
    model.metadata.append(entry)
    for buffer in model.buffers:
        buffer.__class__ = AlignedBuffer
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _write(path: Path, content: bytes, precision: Precision) -> Path:
    """Put `content` at `path`, wholly or not at all, once it has proved to be `precision`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            _prove(part, precision)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _prove(path: Path, precision: Precision) -> None:
    """Raise ModelFileError unless the file at `path` is `precision`; int8 must be all integer."""
    info = modelfile.read(path)
    floats = sorted({t.dtype for t in info.main.tensors if t.dtype.startswith("float")})
    if info.precision is not precision or (precision is Precision.INT8 and floats):
        found = f"{info.precision}{', with ' + ', '.join(floats) if floats else ''}"
        raise ModelFileError(
            f"{path.name}: the converter was asked for {precision} and gave {found}",
            hint="check the TensorFlow version: pip install 'tensorflow-cpu==2.21.0'",
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep TensorFlow's chatter off the terminal; show it when something fails.

    Its C++ side writes to file descriptor 2 before it reads any setting from the environment.
    """
    with tempfile.TemporaryFile() as chatter, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        terminal = os.dup(2)
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except MissingExtraError:
            chatter.truncate(0)
            raise
        except BaseException:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
