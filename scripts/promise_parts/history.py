"""Histories: next to no false change points, and steps are found soon after they happen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scripts.promise_parts._row import Row

from fakes.latency_samples import autocorrelated
from qbench.stats.changes import Changes, change_points

POINTS, SCATTER = 60, 0.015
OUTLIER_SHARE, OUTLIER_EXCESS = 0.03, 0.3


def rows(trials: int) -> Iterator[Row]:
    """A false alarm is counted per point of the history; found means within 5 points."""
    for rho in (0.0, 0.3, 0.6):
        rng = np.random.default_rng([11, int(10 * rho)])
        wrong = sum(len(_found(rng, rho, 0.0, 0).changes) for _ in range(trials))
        regime = f"{POINTS} points, sd {SCATTER:.1%}, rho {rho:g}, outliers {OUTLIER_SHARE:.0%}"
        name = "history: a point is a false alarm"
        yield Row(name, regime, wrong, trials * POINTS, high=0.001)
    for step, after, low in ((0.10, 5, 0.95), (0.05, 10, 0.90)):
        rng = np.random.default_rng([12, after])
        hits = sum(_is_found(_found(rng, 0.3, step, after)) for _ in range(trials))
        regime = f"{POINTS} points before, {after} after, sd {SCATTER:.1%}, rho 0.3"
        yield Row(f"history: a step of {step:.0%} is found", regime, hits, trials, low=low)


def _found(rng: np.random.Generator, rho: float, step: float, after: int) -> Changes:
    n = POINTS + after
    is_outlier = rng.random(n) < OUTLIER_SHARE
    excess = is_outlier * rng.exponential(OUTLIER_EXCESS, n)
    values = 10_000 * np.exp(SCATTER * autocorrelated(rng, 1, n, rho)[0]) * (1 + excess)
    values[POINTS:] *= 1 + step
    found = change_points([float(value) for value in values])
    assert found is not None
    return found


def _is_found(found: Changes) -> bool:
    return any(abs(change.at - POINTS) <= 5 and change.ratio > 1 for change in found.changes)
