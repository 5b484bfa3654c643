"""What a re-run said of a step."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from qbench.history.series import Series, Step
from qbench.stats import Ratio, Verdict


class Word(StrEnum):
    CONFIRMED = "confirmed"
    GONE = "not confirmed"
    OPEN = "inconclusive"
    NOT_RUN = "not re-run"


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """`how`: what was run, or why nothing was. `result`: after the step over before it."""

    word: Word
    how: str
    sessions: tuple[str, ...] = ()
    result: Ratio | None = None

    @property
    def is_regression(self) -> bool:
        return self.word is Word.CONFIRMED and self.result is not None and self.result.ratio > 1


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A series, why its last number is stale (empty: it is not), and what became of its newest
    step."""

    series: Series
    stale: tuple[str, ...] = ()
    confirmation: Confirmation | None = None

    @property
    def step(self) -> Step | None:
        return self.series.steps[-1] if self.series.steps else None


def judged(step: Step, result: Ratio, *, how: str, sessions: tuple[str, ...]) -> Confirmation:
    """A step is confirmed by a difference in its direction, beyond the margin."""
    expected = Verdict.SLOWER if step.ratio > 1 else Verdict.FASTER
    if result.verdict is expected:
        word = Word.CONFIRMED
    elif result.verdict in (None, Verdict.INCONCLUSIVE):
        word = Word.OPEN
    else:
        word = Word.GONE
    return Confirmation(word=word, how=how, sessions=sessions, result=result)
