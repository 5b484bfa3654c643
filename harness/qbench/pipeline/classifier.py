"""A .tflite file that takes an image and tells a class, run on this machine."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import msgspec

from qbench import modelfile
from qbench.errors import InputError, ModelFileError, RunnerError
from qbench.pipeline.quiet import quiet
from qbench.records import ModelInfo, TensorInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VALUES = ("float32", "int8", "uint8")


class ImageShape(msgspec.Struct, frozen=True):
    height: int
    width: int
    channels: int


class InputRange(msgspec.Struct, frozen=True):
    """What a model calls black and white."""

    low: float = 0.0
    high: float = 1.0


class Classifier:
    """`path` loaded into LiteRT, XNNPACK on; not shared between threads.

    Raises ModelFileError for a file that cannot be read, InputError for a model that does not
    take one image and give one row of class scores, RunnerError when the runtime refuses it.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        scale: InputRange | None = None,
        keep_all: bool = False,
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.info = modelfile.read(path)
        self.shape = image_shape(self.info)
        self.classes = classes(self.info)
        self.ends = Ends(self.info, scale or InputRange())
        try:
            # Bytes: a path that is not UTF-8, or a file that is replaced meanwhile, is no matter.
            with quiet():
                self._interpreter: Any = Interpreter(
                    model_content=path.read_bytes(),
                    num_threads=threads,
                    experimental_preserve_all_tensors=keep_all,
                )
                self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise RunnerError(f"{path}: the runtime refuses the model: {error}") from error
        self._details = {d["index"]: d for d in self._interpreter.get_tensor_details()}
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    def raw(self, image: NDArray[np.float32]) -> tuple[bytes, int]:
        """`image` [height, width, channels] in 0..1 -> (the output tensor's bytes, us it took)."""
        self._interpreter.set_tensor(self._input["index"], self.ends.encode(image)[None])
        before = perf_counter_ns()
        self._interpreter.invoke()
        took_us = (perf_counter_ns() - before) // 1000
        return self._interpreter.get_tensor(self._output["index"]).tobytes(), took_us

    def probabilities(self, raw: bytes) -> NDArray[np.float64]:
        """What `raw` gave, as one probability per class."""
        return self.ends.probabilities(raw)

    def scores(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float64], int]:
        """As `raw`, as one real number per class."""
        raw, took_us = self.raw(image)
        return self.ends.scores(raw), took_us

    def tensor(self, index: int) -> NDArray[Any]:
        """Tensor `index` as real numbers: a constant, or (with `keep_all`) what the last `scores`
        left there."""
        return real(self._interpreter.get_tensor(index), self._details[index])


class Ends:
    """What stands at a model's ends, wherever it runs: from an image to the input tensor, and from
    the output tensor to what it says. Raises InputError as `image_shape` and `classes`."""

    def __init__(self, info: ModelInfo, scale: InputRange) -> None:
        main = info.main
        self.shape = image_shape(info)
        self.classes = classes(info)
        self.path, self.precision = info.path, info.precision
        self.taken, self.given = main.tensors[main.inputs[0]], main.tensors[main.outputs[0]]
        self._scale = scale
        self._gives_probabilities = gives_probabilities(info)

    def encode(self, image: NDArray[np.float32]) -> NDArray[Any]:
        """`image` [height, width, channels] in 0..1, as the input tensor holds it."""
        import numpy as np

        ranged = image * np.float32(self._scale.high - self._scale.low) + np.float32(
            self._scale.low
        )
        dtype, quantization = np.dtype(self.taken.dtype), self.taken.quantization
        if dtype.kind == "f" or quantization is None:
            return np.asarray(ranged, dtype)
        limits = np.iinfo(dtype)
        whole = np.round(ranged / np.float32(quantization.scale)) + quantization.zero_point
        return np.asarray(np.clip(whole, limits.min, limits.max), dtype)

    def steps(self, raw: bytes) -> NDArray[np.float64]:
        """The output tensor as it is stored: integers of an int8 model, else real numbers."""
        import numpy as np

        return np.frombuffer(raw, self.given.dtype).astype(np.float64)

    def scores(self, raw: bytes) -> NDArray[np.float64]:
        """One real number per class."""
        values, quantization = self.steps(raw), self.given.quantization
        if self.given.dtype.startswith("float") or quantization is None:
            return values
        return (values - quantization.zero_point) * quantization.scale

    def probabilities(self, raw: bytes) -> NDArray[np.float64]:
        """As `scores`, as probabilities: softmax, unless the model's last operator did that."""
        scores = self.scores(raw)
        return scores if self._gives_probabilities else softmax(scores)


def real(values: NDArray[Any], details: Any) -> NDArray[Any]:
    """The real numbers that quantized `values` stand for; others as they are, as float64."""
    import numpy as np

    parameters = details["quantization_parameters"]
    scales, zero_points = parameters["scales"], parameters["zero_points"]
    if np.issubdtype(values.dtype, np.floating) or not len(scales):
        return np.asarray(values, np.float64)
    shape = [1] * values.ndim
    if len(scales) > 1:
        shape[parameters["quantized_dimension"]] = len(scales)
        scales, zero_points = scales.reshape(shape), zero_points.reshape(shape)
    return np.asarray((values.astype(np.float64) - zero_points) * scales)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    with np.errstate(invalid="ignore"):  # of infinite scores NaN, which who asked looks for
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def image_shape(info: ModelInfo) -> ImageShape:
    """What image the model takes. Raises InputError unless it takes one, [1, h, w, 1 or 3]."""
    taken = [info.main.tensors[i] for i in info.main.inputs]
    if len(taken) == 1 and taken[0].dtype in _VALUES and taken[0].rank == 4:
        batch, height, width, channels = taken[0].shape
        if batch == 1 and channels in (1, 3) and height > 3 and width > 3:
            return ImageShape(height, width, channels)
    raise InputError(
        f"{info.path}: does not take one image: its inputs are {_listed(taken)}",
        hint="a classifier with one input [1, height, width, 1 or 3] is needed",
    )


def classes(info: ModelInfo) -> int:
    """How many classes the model tells. Raises InputError unless it gives one row of scores."""
    given = [info.main.tensors[i] for i in info.main.outputs]
    if len(given) == 1 and given[0].dtype in _VALUES and given[0].rank == 2:
        rows, columns = given[0].shape
        if rows == 1 and columns > 1:
            return columns
    raise InputError(
        f"{info.path}: does not tell a class: its outputs are {_listed(given)}",
        hint="a classifier with one output [1, classes] is needed",
    )


def gives_probabilities(info: ModelInfo) -> bool:
    """Whether what comes out went through SOFTMAX or LOGISTIC last."""
    made_by = {index: op for op in info.main.ops for index in op.outputs}
    op = made_by.get(info.main.outputs[0])
    while op is not None and op.name in ("DEQUANTIZE", "QUANTIZE", "RESHAPE"):
        op = made_by.get(op.inputs[0])
    return op is not None and op.name in ("SOFTMAX", "LOGISTIC")


def refuse_nan(info: ModelInfo) -> None:
    """Raise ModelFileError, naming the tensor, when a weight is not a finite number."""
    import numpy as np

    for tensor, values in constants(info):
        bad = int(values.size - np.isfinite(values).sum())
        if bad:
            raise ModelFileError(
                f"{info.path}: weights are broken: {bad} of {values.size} values of "
                f"{tensor.name} are NaN or infinite",
                hint="train or convert it again",
            )


def constants(info: ModelInfo) -> list[tuple[TensorInfo, NDArray[Any]]]:
    """Every constant float tensor of the main graph and its values."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter: Any = Interpreter(
        model_content=Path(info.path).read_bytes(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    return [
        (tensor, interpreter.get_tensor(tensor.index))
        for tensor in info.main.tensors
        if tensor.is_constant and tensor.dtype in ("float32", "float16")
    ]


def _listed(tensors: list[TensorInfo]) -> str:
    return ", ".join(f"{t.dtype} {list(t.shape)}" for t in tensors) or "none"
