"""Histograms of weights: fp32 values beside the integers that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qbench import modelfile
from qbench.pipeline.analysis.pairing import pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BINS = 201
WHOLE = "whole model"


class Histogram(msgspec.Struct, frozen=True):
    """`counts` between `low` and `high` in equal bins."""

    low: float
    high: float
    counts: tuple[int, ...]


class LayerWeights(msgspec.Struct, frozen=True):
    """`quantized` has one bin per integer from -127 to 127. `used_ratio`: how many of these 255
    integers occur at all; `edge_ratio`: share of weights at -127, 127 or beyond."""

    name: str
    count: int
    fp32: Histogram
    quantized: Histogram
    used_ratio: float
    edge_ratio: float


def histograms(fp32: Path, quantized: Path) -> tuple[LayerWeights, ...]:
    """The whole model first, then each layer with int8 weights. Raises InputError when the graphs
    differ; empty when no weight is int8."""
    import numpy as np

    layers = pair(modelfile.read(fp32), modelfile.read(quantized))
    floats, integers = _reader(fp32), _reader(quantized)
    pairs: list[tuple[str, NDArray[Any], NDArray[Any]]] = []
    for layer in layers:
        if layer.weights is not None and layer.quantized_weights is not None:
            values = integers.get_tensor(layer.quantized_weights)
            if values.dtype == np.int8:
                pairs.append((layer.name, floats.get_tensor(layer.weights).ravel(), values.ravel()))
    if not pairs:
        return ()
    whole = (WHOLE, np.concatenate([p[1] for p in pairs]), np.concatenate([p[2] for p in pairs]))
    return tuple(_layer(*each) for each in (whole, *pairs))


def _layer(name: str, floats: NDArray[Any], integers: NDArray[Any]) -> LayerWeights:
    import numpy as np

    reach = float(np.abs(floats).max()) or 1.0
    counts, _ = np.histogram(floats, _BINS, (-reach, reach))
    clipped = np.clip(integers.astype(np.int16), -127, 127)
    whole = np.bincount(clipped + 127, minlength=255)
    return LayerWeights(
        name,
        int(floats.size),
        Histogram(-reach, reach, _ints(counts)),
        Histogram(-127.5, 127.5, _ints(whole)),
        used_ratio=float((whole > 0).mean()),
        edge_ratio=float((whole[0] + whole[-1]) / floats.size),
    )


def _ints(values: Sequence[Any] | NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(v) for v in values)


def _reader(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_content=path.read_bytes(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
