"""Which charts an examination has, in the order of the page."""

from __future__ import annotations

from qbench.pipeline.analysis import figures
from qbench.pipeline.analysis.examination import Examination, Inside
from qbench.pipeline.analysis.figures import Chart
from qbench.pipeline.evaluation import Subject
from qbench.records import Precision

CONFIDENCE, NOISE, WEIGHTS, FRONT, TIMES = "confidence-", "noise-", "weights-", "front-", "time-"
"""How the names of a section's charts begin."""


def all_of(of: Examination) -> list[Chart]:
    found: list[Chart] = []
    positive = of.grades[0].positive
    for cloud in of.clouds:
        name = f"{CONFIDENCE}{_slug(cloud.subject)}"
        found.append(figures.cloud(name, cloud, of.data.classes, positive))
    for network in dict.fromkeys(i.subject.network for i in of.insides):
        noisy = [
            (str(i.subject.precision), i.noise)
            for i in of.insides
            if i.subject.network == network and i.noise is not None
        ]
        if noisy:
            found.append(figures.noise(f"{NOISE}{network}", network, noisy))
    for inside in _with_weights(of):
        name = f"{WEIGHTS}{_slug(inside.subject)}"
        found.append(figures.weights(name, inside.subject.title, inside.weights))
    largest = max((spot.grade.subject.file_bytes for spot in of.spots), default=1)
    for draw in ("front", "times"):
        for network in dict.fromkeys(spot.grade.subject.network for spot in of.spots):
            spots = [spot for spot in of.spots if spot.grade.subject.network == network]
            if draw == "front":
                title = f"{network}: accuracy, latency, size"
                found.append(figures.front(f"{FRONT}{network}", title, spots, largest))
            else:
                found.append(figures.times(f"{TIMES}{network}", f"{network}: one invoke", spots))
    return found


def networks(of: Examination) -> str:
    return ", ".join(dict.fromkeys(g.subject.network for g in of.grades))


def _with_weights(of: Examination) -> list[Inside]:
    """One per network: dynamic and int8 hold the same integers."""
    found: dict[str, Inside] = {}
    for inside in of.insides:
        if inside.weights and (
            inside.subject.network not in found or inside.subject.precision == Precision.INT8
        ):
            found[inside.subject.network] = inside
    return list(found.values())


def _slug(subject: Subject) -> str:
    return f"{subject.network}-{subject.precision}"
