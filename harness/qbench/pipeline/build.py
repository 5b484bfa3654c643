"""From a network's name to .tflite files with seeded random weights, in any precision."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qbench import modelfile
from qbench.errors import InputError, MissingExtraError
from qbench.models import PRECISIONS, file_name
from qbench.pipeline import networks
from qbench.pipeline.quiet import quiet
from qbench.pipeline.speckle import speckle_images
from qbench.pipeline.tflite_file import put, sign
from qbench.records import Precision

_STATISTICS_IMAGES = 8
_CALIBRATION_IMAGES = 16


def describe(name: str, precision: Precision, seed: int, made_by: str) -> str:
    """What `build` writes into a file as its description: that nobody trained it, above all."""
    return f"{name} {precision}: random weights; made by {made_by} seed {seed}"


def build(
    name: str,
    precisions: Sequence[Precision],
    seed: int,
    out_dir: Path,
    progress: Callable[[str], None],
    *,
    made_by: str = "qbench models build",
    force: bool = False,
) -> tuple[Path, ...]:
    """Write `<out_dir>/<name>-<precision>.tflite` for each of `precisions`; return their paths.

    A file that is there and has the same description is left as it is, unless `force`. The same
    seed and TensorFlow version give the same bytes (on processors with the same vector
    instructions). `made_by` names the command in the description; `progress` is told each step.
    int8 files are int8 from input to output.

    Raises InputError for an unknown network or precision, for a file that is there but was made
    otherwise, and for a folder that cannot be written; MissingExtraError without TensorFlow;
    ModelFileError when the converter gives something other than what it was asked for.
    """
    networks.check(name)
    paths = {precision: out_dir / file_name(name, precision) for precision in precisions}
    for precision in paths:
        if precision not in PRECISIONS:
            raise InputError(
                f"{name}: cannot be built as {precision}", hint=f"one of {', '.join(PRECISIONS)}"
            )
    wanted = {p: describe(name, p, seed, made_by) for p in paths}
    todo = [p for p in paths if force or not _is_there(paths[p], wanted[p])]
    if todo:
        _make_folder(out_dir)
        with quiet():
            tf = _tensorflow()
        progress(f"{name}: drawing weights from seed {seed}")
        with quiet():
            frozen = _frozen(tf, name, seed)
    for precision in todo:
        progress(f"{name}: converting to {precision}")
        with quiet():
            content = _convert(tf, frozen, precision, seed)
        provenance = {
            "network": name,
            "precision": precision.value,
            "weights": "random",
            "seed": seed,
            "made_by": made_by,
            "calibration_images": _CALIBRATION_IMAGES if precision is Precision.INT8 else 0,
            "tools": {"tensorflow": tf.__version__, "keras": tf.keras.__version__},
        }
        put(paths[precision], sign(content, wanted[precision], provenance), precision)
    return tuple(paths.values())


def _is_there(path: Path, description: str) -> bool:
    """Whether `path` is the file that would be built. Raises InputError if it is another."""
    if not path.exists():
        return False
    found = modelfile.read(path).description
    if found != description:
        raise InputError(
            f"{path}: is there already, and is not what was asked for: {found or 'undescribed'}",
            hint="--force replaces it",
        )
    return True


def _make_folder(folder: Path) -> None:
    """Before the minutes of conversion, not after them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{folder}: models cannot be written there: {error.strerror}") from error


def _tensorflow() -> Any:
    """TensorFlow, told to give the same result each time and to leave graphics cards alone."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise MissingExtraError(
            "qbench models build: needs TensorFlow, which is not installed",
            hint='pip install "tflite-qbench[convert]"'
            "  (in a checkout: pip install -e '.[convert]')",
        ) from None
    tf.get_logger().setLevel("ERROR")
    tf.config.experimental.enable_op_determinism()
    return tf


def _frozen(tf: Any, name: str, seed: int) -> Any:
    """The network as a function [1, 224, 224, 1] -> [1, 2] whose weights are constants.

    Constants, because the converter folds batch normalization only into those.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    tf.keras.backend.clear_session()  # or names in the file would count this process's networks
    model = networks.network(name)
    networks.randomize(model, seed, speckle_images(_STATISTICS_IMAGES, seed))
    size = networks.IMAGE_SIZE
    image = tf.TensorSpec([1, size, size, 1], tf.float32, name="image")
    function = tf.function(lambda image: model(image, training=False), input_signature=[image])
    return convert_variables_to_constants_v2(function.get_concrete_function())


def _convert(tf: Any, frozen: Any, precision: Precision, seed: int) -> bytes:
    # With a module, even an empty one, the file gets a signature.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
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
