"""A change is found: 5 % with five runs, 2 % with ten."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.promise_parts._comparing import Regime, comparisons
from scripts.promise_parts._row import Row

from qbench.stats import Ratio, Verdict


def rows(trials: int) -> Iterator[Row]:
    """Found: the verdict is "slower". For a change of 2 % the margin is 1 %: with a margin of 2 %
    the question would be whether the change is above the margin, and it is not."""
    for effect, margin_ratio, regime in (
        (0.05, 0.02, Regime(runs=5)),
        (0.02, 0.01, Regime(runs=10)),
    ):
        found = comparisons(trials, regime, effect, seed=2, margin_ratio=margin_ratio)
        slower = sum(isinstance(f, Ratio) and f.verdict is Verdict.SLOWER for f in found)
        name = f"A/B: {effect:.0%} slower is found (margin {margin_ratio:.0%})"
        yield Row(name, str(regime), slower, trials, low=0.90)
