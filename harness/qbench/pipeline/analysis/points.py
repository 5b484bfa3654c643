"""Confidence of a quantized model over that of the fp32 model, image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev

import msgspec

from qbench.pipeline.evaluation import Answer, Subject
from qbench.records import Precision


class Point(msgspec.Struct, frozen=True):
    """`x`, `y`: confidence of the fp32 and of the quantized model, 0..1."""

    image: str
    label: int
    x: float
    y: float
    is_right: bool  # the quantized model
    is_flip: bool  # the two tell different classes


class Cloud(msgspec.Struct, frozen=True):
    """`shift` is the mean of y - x, `spread` its standard deviation, both of confidences."""

    subject: Subject
    points: tuple[Point, ...]
    shift: float
    spread: float
    largest: float
    flips: int


def clouds(answers: Mapping[Subject, Sequence[Answer]], positive: int | None) -> tuple[Cloud, ...]:
    """One cloud per quantized model whose fp32 form is there too.

    Confidence: the probability of class `positive`; None (more than two classes): of the true one.
    """
    references = {s.network: given for s, given in answers.items() if s.precision == Precision.FP32}
    found = []
    for subject, given in answers.items():
        reference = references.get(subject.network)
        if reference is None or subject.precision == Precision.FP32:
            continue
        points = tuple(_point(a, b, positive) for a, b in zip(reference, given, strict=True))
        moved = [p.y - p.x for p in points]
        found.append(
            Cloud(
                subject,
                points,
                shift=fmean(moved),
                spread=pstdev(moved),
                largest=max(map(abs, moved)),
                flips=sum(p.is_flip for p in points),
            )
        )
    return tuple(found)


def _point(fp32: Answer, quantized: Answer, positive: int | None) -> Point:
    of = quantized.label if positive is None else positive
    return Point(
        quantized.image,
        quantized.label,
        fp32.probabilities[of],
        quantized.probabilities[of],
        quantized.is_right,
        quantized.told != fp32.told,
    )
