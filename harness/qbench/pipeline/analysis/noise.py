"""How much noise quantization put into each layer's output, and which layer adds the most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qbench.pipeline.analysis.pairing import pair
from qbench.pipeline.classifier import Classifier, InputRange
from qbench.pipeline.data import images

# Of an output that is equal bit for bit; float32 itself has about 150.
EXACT_DB = 160.0


class LayerNoise(msgspec.Struct, frozen=True):
    """`sqnr_db`: power of the fp32 output over that of the difference; `before_db`: that of the
    worst of the layer's inputs. `added_ratio`: noise power over signal power at the output less
    that at the input, which is what this layer itself is to blame for (noise that arrives is
    passed on; noises of different layers add up as powers)."""

    name: str
    op: str
    sqnr_db: float
    cosine: float
    before_db: float
    added_ratio: float


class Noise(msgspec.Struct, frozen=True):
    """Of one quantized model over `images` images. `input_db` is of the input itself."""

    path: str
    images: int
    input_db: float
    layers: tuple[LayerNoise, ...]

    @property
    def worst(self) -> LayerNoise:
        """The layer where quantization hurts most: the one that adds the most noise."""
        return max(self.layers, key=lambda layer: layer.added_ratio)


def measure(fp32: Path, quantized: Path, pictures: Sequence[Path], scale: InputRange) -> Noise:
    """Run both on `pictures`, keeping every layer's output. Raises InputError when the graphs
    differ."""
    ours = Classifier(fp32, scale=scale, keep_all=True)
    theirs = Classifier(quantized, scale=scale, keep_all=True)
    layers = pair(ours.info, theirs.info)
    ends = (ours.info.main.inputs[0], theirs.info.main.inputs[0])
    sums = {key: [0.0] * 4 for key in (None, *layers)}
    for path in pictures:
        image = images.read(path, ours.shape.height, ours.shape.width, ours.shape.channels)
        ours.scores(image)
        theirs.scores(image)
        for layer in (None, *layers):
            a = ours.tensor(layer.output if layer else ends[0])
            b = theirs.tensor(layer.quantized_output if layer else ends[1])
            for place, value in enumerate((a * a, (a - b) ** 2, a * b, b * b)):
                sums[layer][place] += float(value.sum())
    known = {ends[0]: _sqnr_db(sums[None])}
    found = []
    for layer in layers:
        sqnr_db = _sqnr_db(sums[layer])
        before_db = min((known[i] for i in layer.inputs if i in known), default=EXACT_DB)
        known[layer.output] = sqnr_db
        added = max(10 ** (-sqnr_db / 10) - 10 ** (-before_db / 10), 0.0)
        cosine = _cosine(sums[layer])
        found.append(LayerNoise(layer.name, layer.op, sqnr_db, cosine, before_db, added))
    return Noise(str(quantized), len(pictures), known[ends[0]], tuple(found))


def _sqnr_db(sums: Sequence[float]) -> float:
    signal, noise = sums[0], sums[1]
    if noise <= 0:
        return EXACT_DB
    return min(10 * math.log10(signal / noise), EXACT_DB) if signal > 0 else 0.0


def _cosine(sums: Sequence[float]) -> float:
    length = math.sqrt(sums[0] * sums[3])
    return sums[2] / length if length else 1.0
