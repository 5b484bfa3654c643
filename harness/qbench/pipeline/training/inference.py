"""A trained PyTorch network as a classifier of images, as `qbench.pipeline.classifier` is one."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

from qbench.pipeline.classifier import ImageShape, InputRange, softmax
from qbench.pipeline.training import checkpoint
from qbench.pipeline.training.torch_import import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TorchClassifier:
    """Raises what `checkpoint.load` does."""

    def __init__(self, path: Path, scale: InputRange | None = None) -> None:
        self._torch = torch(threads=1)
        said, self._model = checkpoint.load(path)
        self.shape = ImageShape(said.size, said.size, 1)
        self._scale = scale or InputRange()

    def raw(self, image: NDArray[np.float32]) -> tuple[bytes, int]:
        """[height, width, 1] in 0..1 -> (logits as float32's bytes, us it took)."""
        import numpy as np

        span = self._scale.high - self._scale.low
        ranged = (image * np.float32(span) + np.float32(self._scale.low)).transpose(2, 0, 1)
        taken = self._torch.from_numpy(np.ascontiguousarray(ranged[None]))
        before = perf_counter_ns()
        with self._torch.inference_mode():
            given = self._model(taken)
        took_us = (perf_counter_ns() - before) // 1000
        return given[0].numpy().tobytes(), took_us

    def probabilities(self, raw: bytes) -> NDArray[np.float64]:
        import numpy as np

        return softmax(np.frombuffer(raw, np.float32).astype(np.float64))
