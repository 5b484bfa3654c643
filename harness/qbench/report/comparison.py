"""What `qbench compare` found: the nouns that its text and JSON are made of."""

from __future__ import annotations

from collections import Counter

import msgspec

from qbench.records import Case, Metric
from qbench.stats import Aspect, Measured, Ratio, Refusal, Verdict


class SideInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the user named, and what it meant: session folders (in git: of that commit)."""

    asked: str
    sessions: tuple[str, ...]
    commit: str | None = None


class ComparedPair(msgspec.Struct, frozen=True, kw_only=True):
    """One case of the candidate beside its case of the baseline; one entry per session."""

    label: str
    baseline: tuple[Measured, ...]
    candidate: tuple[Measured, ...]
    result: Ratio | Refusal

    @property
    def is_same_model(self) -> bool:
        sides = (*self.baseline, *self.candidate)
        return len({m.summary.case.model_sha256 for m in sides}) == 1

    @property
    def is_regression(self) -> bool:
        if isinstance(self.result, Refusal):
            return self.result.is_broken
        return self.result.verdict is Verdict.SLOWER

    @property
    def word(self) -> str:
        """The verdict; `broken`, `refused` or `too few runs` where there is none."""
        if isinstance(self.result, Refusal):
            return "broken" if self.result.is_broken else "refused"
        return self.result.verdict.value if self.result.verdict else "too few runs"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`differing`: the dimensions in which the sides differ as a whole; empty: they are the same
    cases, measured again or with another model file."""

    baseline: SideInfo
    candidate: SideInfo
    metric: Metric
    margin_ratio: float
    across: tuple[Aspect, ...]
    differing: tuple[str, ...]
    pairs: tuple[ComparedPair, ...]
    only_baseline: tuple[Case, ...] = ()
    only_candidate: tuple[Case, ...] = ()

    @property
    def has_regression(self) -> bool:
        return any(pair.is_regression for pair in self.pairs)

    @property
    def has_refusal(self) -> bool:
        return any(pair.word == "refused" for pair in self.pairs)

    @property
    def counts(self) -> dict[str, int]:
        """How often each word was said, worst first."""
        order = ("broken", "slower", "refused", "inconclusive", "too few runs", "same", "faster")
        found = Counter(pair.word for pair in self.pairs)
        return {word: found[word] for word in order if found[word]}
