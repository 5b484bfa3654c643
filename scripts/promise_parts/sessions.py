"""Several sessions per side: what differs between sessions is not taken for a difference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scripts.promise_parts._comparing import covers, differs
from scripts.promise_parts._row import Row

from fakes.latency_samples import Floats
from fakes.summaries import measured
from qbench.stats import Measured, Ratio, Refusal, compare

SESSION_SD, RUN_SD, RUNS = 0.02, 0.012, 10


def rows(trials: int) -> Iterator[Row]:
    """In `nightly` every session measured both sides, and shares its level between them."""
    for name, count, is_shared in (("apart", 4, False), ("apart", 8, False), ("nightly", 5, True)):
        regime = f"{count} sessions per side, {name}, session sd {SESSION_SD:.0%}, R={RUNS}"
        wrong = sum(differs(f) for f in _comparisons(trials, count, 0.0, is_shared))
        yield Row("sessions: equal things differ", regime, wrong, trials, 0.02, 0.065)
        hits = sum(covers(f, 1.05) for f in _comparisons(trials, count, 0.05, is_shared))
        yield Row("sessions: interval of 1.05 holds it", regime, hits, trials, 0.93, 0.97)


def _comparisons(
    trials: int, count: int, effect: float, is_shared: bool
) -> Iterator[Ratio | Refusal]:
    rng = np.random.default_rng([9, count, is_shared])
    for _ in range(trials):
        levels = SESSION_SD * rng.standard_normal((2, count, 1))
        if is_shared:
            levels[1] = levels[0]
        logs = levels + RUN_SD * rng.standard_normal((2, count, RUNS))
        ours, theirs = 1_000_000 * np.exp(logs) * np.array([1 + effect, 1.0])[:, None, None]
        yield compare(_side(ours, "b" if not is_shared else "s"), _side(theirs, "s"))


def _side(medians_us: Floats, name: str) -> list[Measured]:
    return [
        Measured(
            session=f"{name}{n}",
            summary=measured([round(v) for v in runs]),
            device=None,
            tools=(),
        )
        for n, runs in enumerate(medians_us)
    ]
