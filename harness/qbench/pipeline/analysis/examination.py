"""All that is found out about the models of one network: values, no pictures of charts yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from qbench.errors import InputError
from qbench.pipeline.analysis import maps as mapping
from qbench.pipeline.analysis import noise, weights
from qbench.pipeline.analysis.front import Spot
from qbench.pipeline.analysis.maps import Maps
from qbench.pipeline.analysis.noise import Noise
from qbench.pipeline.analysis.points import Cloud, clouds
from qbench.pipeline.analysis.weights import LayerWeights
from qbench.pipeline.classifier import InputRange
from qbench.pipeline.data import DataSet
from qbench.pipeline.evaluation import Answer, Grade, Subject
from qbench.records import Precision

# Enough for SQNR to be stable to about 0.1 dB, few enough for large networks.
_NOISE_IMAGES = 8


class Inside(msgspec.Struct, frozen=True):
    """Of one quantized model. `refusal`: why its layers could not be compared."""

    subject: Subject
    noise: Noise | None
    weights: tuple[LayerWeights, ...]
    maps: tuple[Maps, ...]
    refusal: str | None = None


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What the report is made from."""

    data: DataSet
    split: str
    grades: tuple[Grade, ...]
    clouds: tuple[Cloud, ...]
    insides: tuple[Inside, ...]
    spots: tuple[Spot, ...]


def examine(
    data: DataSet,
    split: str,
    answers: Mapping[Subject, Sequence[Answer]],
    grades: tuple[Grade, ...],
    spots: tuple[Spot, ...],
    scale: InputRange,
    progress: Callable[[int, int], None],
) -> Examination:
    """Look into every quantized model whose fp32 form is there too. Raises InputError when no
    model has one."""
    references = {s.network: s for s in answers if s.precision == Precision.FP32}
    quantized = [s for s in answers if s.network in references and s not in references.values()]
    if not quantized:
        raise InputError(
            "nothing to compare: no quantized model whose fp32 form is given as well",
            hint="give both, such as net-fp32.tflite net-int8.tflite",
        )
    samples = data.splits[split]
    step = max(1, len(samples) // _NOISE_IMAGES)
    pictures = [Path(s.path) for s in samples[::step][:_NOISE_IMAGES]]
    insides = []
    for done, subject in enumerate(quantized):
        progress(done, len(quantized))
        mark = " - SYNTHETIC data" if data.is_synthetic else ""
        fp32 = Path(references[subject.network].path)
        insides.append(_look(fp32, subject, pictures, scale, mark))
    progress(len(quantized), len(quantized))
    positive = None
    if len(data.classes) == 2 and grades[0].positive is not None:
        positive = data.classes.index(grades[0].positive)
    return Examination(
        data=data,
        split=split,
        grades=grades,
        clouds=clouds(answers, positive),
        insides=tuple(insides),
        spots=spots,
    )


def _look(
    fp32: Path, subject: Subject, pictures: Sequence[Path], scale: InputRange, mark: str
) -> Inside:
    path = Path(subject.path)
    try:
        found = noise.measure(fp32, path, pictures, scale)
        histograms = weights.histograms(fp32, path)
        shown: tuple[Maps, ...] = ()
        if subject.precision == Precision.INT8:
            shown = mapping.maps(fp32, path, pictures[-1], scale, mark)
    except InputError as error:  # a graph of another shape is told, the other models go on
        return Inside(subject, None, (), (), str(error))
    return Inside(subject, found, histograms, shown)
