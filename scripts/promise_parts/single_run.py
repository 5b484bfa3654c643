"""One run per side is never compared, whatever it shows."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.promise_parts._comparing import Regime, comparisons
from scripts.promise_parts._row import Row

from qbench.stats import Refusal


def rows(trials: int) -> Iterator[Row]:
    for effect in (0.0, 1.0):
        found = comparisons(trials, Regime(runs=1), effect, seed=8)
        refused = sum(isinstance(f, Refusal) and "one run" in f.reason for f in found)
        yield Row(f"one run per side ({effect:+.0%}) is refused", "R=1 n=300", refused, trials, 1.0)
