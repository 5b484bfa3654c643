"""From answers to grades: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

from qbench.pipeline.evaluation.records import Answer, Grade, Share, Subject, Versus
from qbench.records import Precision
from qbench.stats import holm
from qbench.stats.accuracy import auc, auc_interval, mcnemar, wilson

Answers = Mapping[Subject, Sequence[Answer]]


def grade(answers: Answers, classes: Sequence[str], positive: str) -> tuple[Grade, ...]:
    """One grade per subject, in their order. `positive`: what a sensitive test finds."""
    grades = [_alone(subject, given, classes, positive) for subject, given in answers.items()]
    references = {s.network: given for s, given in answers.items() if s.precision == Precision.FP32}
    compared: dict[int, tuple[Share, int, int, float]] = {}
    for index, (subject, given) in enumerate(answers.items()):
        reference = references.get(subject.network)
        if reference is not None and subject.precision != Precision.FP32:
            compared[index] = _compare(reference, given)
    corrected: dict[int, float] = {}
    for network in references:
        of_it = [i for i in compared if grades[i].subject.network == network]
        p_values = holm([compared[i][3] for i in of_it])
        corrected |= dict(zip(of_it, p_values, strict=True))
    for index, (agreement, theirs, ours, _) in compared.items():
        versus = Versus(agreement, theirs, ours, corrected[index])
        grades[index] = msgspec.structs.replace(grades[index], versus_fp32=versus)
    return tuple(grades)


def share(hits: int, trials: int) -> Share:
    return Share(hits, trials, hits / trials if trials else None, wilson(hits, trials))


def _alone(
    subject: Subject, answers: Sequence[Answer], classes: Sequence[str], positive: str
) -> Grade:
    table = [[0] * len(classes) for _ in classes]
    for answer in answers:
        table[answer.label][answer.told] += 1
    right = sum(table[i][i] for i in range(len(classes)))
    times = [a.took_us for a in answers if a.took_us is not None]
    sensitivity = specificity = area = interval = None
    if len(classes) == 2:
        p = list(classes).index(positive)
        n = 1 - p
        sensitivity = share(table[p][p], sum(table[p]))
        specificity = share(table[n][n], sum(table[n]))
        area = auc([a.probabilities[p] for a in answers], [a.label == p for a in answers])
        if area is not None:
            interval = auc_interval(area, sum(table[p]), sum(table[n]))
    return Grade(
        subject=subject,
        accuracy=share(right, len(answers)),
        confusion=tuple(tuple(row) for row in table),
        positive=positive if len(classes) == 2 else None,
        sensitivity=sensitivity,
        specificity=specificity,
        auc=area,
        auc_interval=interval,
        latency_us=round(median(times)) if times else None,
    )


def _compare(reference: Sequence[Answer], given: Sequence[Answer]) -> tuple[Share, int, int, float]:
    pairs = list(zip(reference, given, strict=True))
    same = sum(a.told == b.told for a, b in pairs)
    theirs = sum(a.is_right and not b.is_right for a, b in pairs)
    ours = sum(b.is_right and not a.is_right for a, b in pairs)
    return share(same, len(pairs)), theirs, ours, mcnemar(theirs, ours)
