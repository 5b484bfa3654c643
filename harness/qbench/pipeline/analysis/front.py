"""Accuracy, latency and size of each model on each delegate, and which of them nothing beats."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qbench.pipeline.evaluation import Grade
from qbench.records import Interval, Origin


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long one model takes somewhere. The band is that of its origin."""

    path: str
    delegate: str
    device: str
    origin: Origin
    p50_us: int
    band: Interval | None  # in us
    cpu_fallback: bool = False

    @property
    def place(self) -> str:
        """`nnapi@sd865 SIMULATED`."""
        word = "" if self.origin is Origin.DEVICE else f" {self.origin.value.upper()}"
        return f"{self.delegate}@{self.device}{word}"


class Spot(msgspec.Struct, frozen=True):
    """`is_best`: no other is at least as accurate, as fast and as small, and better in one."""

    grade: Grade
    timing: Timing
    is_best: bool


def spots(grades: Sequence[Grade], timings: Sequence[Timing]) -> tuple[Spot, ...]:
    """Every pair of a graded model and a timing of it. The front is drawn within one device and
    origin: a simulated number does not beat a measured one."""
    pairs = [(g, t) for g in grades for t in timings if t.path == g.subject.path]
    found = []
    for grade, timing in pairs:
        rivals = [
            (g, t)
            for g, t in pairs
            if (t.device, t.origin) == (timing.device, timing.origin) and (g, t) != (grade, timing)
        ]
        beaten = any(_beats(rival, (grade, timing)) for rival in rivals)
        found.append(Spot(grade, timing, not beaten))
    return tuple(found)


def _beats(a: tuple[Grade, Timing], b: tuple[Grade, Timing]) -> bool:
    ours, theirs = _merits(*a), _merits(*b)
    return all(x >= y for x, y in zip(ours, theirs, strict=True)) and ours != theirs


def _merits(grade: Grade, timing: Timing) -> tuple[float, float, float]:
    return grade.accuracy.ratio or 0.0, -timing.p50_us, -grade.subject.file_bytes
