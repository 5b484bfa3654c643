"""Quantizing by TFLiteConverter: the second opinion, in an environment that has TensorFlow."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from qbench.pipeline.conversion import environments
from qbench.pipeline.quantization import converter_worker
from qbench.pipeline.quantization.options import Options


def quantized(
    model: Path, options: Options, pictures: Sequence[Path], say: Callable[[str], None]
) -> tuple[bytes, dict[str, str]]:
    """The fp32 file `model` in `options.scheme`, and the versions of what made it.

    Raises InputError when TensorFlow cannot be had or the model is not one that can be handed to
    it, RunnerCrashedError when it dies.
    """
    program = environments.python("tensorflow", say)
    with tempfile.TemporaryDirectory(prefix="qbench-quantize-") as scratch:
        out = Path(scratch) / "model.tflite"
        request = converter_worker.Request(
            model=str(model.resolve()),
            out=str(out),
            options=options,
            pictures=tuple(str(p.resolve()) for p in pictures),
        )
        environments.run(program, converter_worker.__name__, msgspec.json.encode(request), say)
        tools = msgspec.json.decode(converter_worker.tools_path(out).read_bytes())
        return out.read_bytes(), tools
