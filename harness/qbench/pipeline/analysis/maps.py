"""What the first and the last convolution see: feature maps and filters, fp32 beside quantized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qbench.pipeline.analysis.pairing import CONVOLUTIONS, Layer, pair
from qbench.pipeline.analysis.tiles import Row, picture
from qbench.pipeline.classifier import Classifier, InputRange
from qbench.pipeline.data import images

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 8  # channels


class Maps(msgspec.Struct, frozen=True):
    """One PNG: rows fp32, quantized, difference; a column per channel. `what` is "feature maps" or
    "filters"; `error_ratio`: the largest difference over the largest value, of all channels."""

    what: str
    where: str  # "first convolution 0 conv1 of net"
    slug: str
    png: bytes
    error_ratio: float


def maps(
    fp32: Path, quantized: Path, image: Path, scale: InputRange, mark: str = ""
) -> tuple[Maps, ...]:
    """Four pictures: both kinds of both convolutions; `mark` is said in each. Raises InputError
    when the graphs differ."""
    import numpy as np

    ours = Classifier(fp32, scale=scale, keep_all=True)
    theirs = Classifier(quantized, scale=scale, keep_all=True)
    layers = [x for x in pair(ours.info, theirs.info) if x.op in CONVOLUTIONS]
    shape = ours.shape
    shown = images.read(image, shape.height, shape.width, shape.channels)
    ours.scores(shown)
    theirs.scores(shown)
    name = str(theirs.info.precision)
    found = []
    for which, layer in (("first", layers[0]), ("last", layers[-1])) if layers else ():
        a, b = ours.tensor(layer.output)[0], theirs.tensor(layer.quantized_output)[0]
        chosen = np.argsort(a.std(axis=(0, 1)))[::-1][:_SHOWN]
        found.append(
            _maps("feature maps", which, layer, name, _planes(a, chosen), _planes(b, chosen), mark)
        )
        kernels = _kernels(ours, layer.weights), _kernels(theirs, layer.quantized_weights)
        planes = [_filters(k, chosen, kernels[0]) for k in kernels]
        found.append(_maps("filters", which, layer, name, planes[0], planes[1], mark))
    return tuple(found)


def _maps(
    what: str,
    which: str,
    layer: Layer,
    precision: str,
    fp32: list[NDArray[Any]],
    quantized: list[NDArray[Any]],
    mark: str,
) -> Maps:
    import numpy as np

    reach = max(float(np.abs(np.stack(fp32)).max()), 1e-12)
    low = -reach if min(float(p.min()) for p in fp32) < 0 else 0.0
    difference = [b - a for a, b in zip(fp32, quantized, strict=True)]
    error = float(np.abs(np.stack(difference)).max())
    rows = [
        Row("fp32", fp32, low, reach),
        Row(precision, quantized, low, reach),
        Row("difference", difference, -(error or 1.0), error or 1.0),
    ]
    where = f"{which} convolution, layer {layer.name}"
    return Maps(
        what,
        where,
        f"{what.replace(' ', '-')}-{which}",
        picture(f"{what} of the {where}{mark}", rows),
        error / reach,
    )


def _planes(values: NDArray[Any], chosen: Sequence[int] | NDArray[Any]) -> list[NDArray[Any]]:
    return [values[:, :, int(c)] for c in chosen]


def _filters(
    kernels: NDArray[Any], chosen: Sequence[int] | NDArray[Any], reference: NDArray[Any]
) -> list[NDArray[Any]]:
    """Of each chosen output the plane of the input that it weighs most in `reference`; of a 1x1
    kernel, whose planes are single values, all its inputs in rows."""
    import numpy as np

    planes = []
    if kernels.shape[1:3] == (1, 1):
        rows = next(n for n in (8, 4, 2, 1) if kernels.shape[3] % n == 0)
        return [kernels[int(channel)].reshape(rows, -1) for channel in chosen]
    for channel in chosen:
        weight = np.abs(reference[int(channel)]).sum(axis=(0, 1))
        planes.append(kernels[int(channel), :, :, int(weight.argmax())])
    return planes


def _kernels(model: Classifier, index: int | None) -> NDArray[Any]:
    """[outputs, height, width, inputs] as real numbers."""
    assert index is not None
    values = model.tensor(index)
    # A depthwise kernel is [1, h, w, channels]: its outputs stand last.
    return values.transpose(3, 1, 2, 0) if values.shape[0] == 1 and values.shape[3] > 1 else values
