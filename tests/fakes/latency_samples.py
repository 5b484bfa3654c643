"""Made-up invoke latencies with known properties, from a seeded generator.

The shape is that of latencies on phones: autocorrelated from invoke to invoke (AR(1)), one-sided
outliers, an effect common to all invokes of a process, slow drift of a session, a warm-up that
decays, clocks that are lowered, two kinds of core, a clock that ticks coarsely. Effects are
factors, so they compose: `quantised(throttle_step(steady(...)) * warm_up(...))`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How latencies scatter. `*_sigma` are standard deviations of the log."""

    within_run_sigma: float = 0.02
    rho: float = 0.6
    outlier_share: float = 0.02
    outlier_excess: float = 0.3  # mean of the exponential excess over the latency
    between_run_sigma: float = 0.01


def autocorrelated(rng: np.random.Generator, rows: int, n: int, rho: float) -> Floats:
    """AR(1) with unit variance, stationary from the first value; shape (rows, n)."""
    values = rng.standard_normal((rows, n))
    scale = np.sqrt(1 - rho**2)
    for i in range(1, n):
        values[:, i] = rho * values[:, i - 1] + scale * values[:, i]
    return values


def steady(
    rng: np.random.Generator, runs: int, n: int, noise: Noise, *, base_us: float = 10_000.0
) -> Floats:
    """Latencies in us of `runs` processes with `n` invokes each; shape (runs, n)."""
    between = noise.between_run_sigma * rng.standard_normal((runs, 1))
    within = noise.within_run_sigma * autocorrelated(rng, runs, n, noise.rho)
    is_outlier = rng.random((runs, n)) < noise.outlier_share
    excess = is_outlier * rng.exponential(noise.outlier_excess, (runs, n))
    samples: Floats = base_us * np.exp(between + within) * (1 + excess)
    return samples


def session_drift(rng: np.random.Generator, repetitions: int, sigma: float) -> Floats:
    """One factor per repetition, common to all cases of that repetition; shape (repetitions, 1)."""
    factors: Floats = np.exp(sigma * rng.standard_normal((repetitions, 1)))
    return factors


def warm_up(n: int, *, excess: float, tau_invokes: float) -> Floats:
    """Factor `1 + excess * exp(-i / tau)`; shape (n,)."""
    factors: Floats = 1 + excess * np.exp(-np.arange(n) / tau_invokes)
    return factors


def throttle_step(n: int, *, at: float, rise: float) -> Floats:
    """Factor 1, and `1 + rise` from the share `at` of the run on; shape (n,)."""
    factors: Floats = np.where(np.arange(n) < at * n, 1.0, 1.0 + rise)
    return factors


def throttle_ramp(n: int, *, rise: float) -> Floats:
    """Factor that grows evenly from 1 to `1 + rise`; shape (n,)."""
    return np.linspace(1.0, 1.0 + rise, n)


def migrations(rng: np.random.Generator, n: int, *, gap: float, mean_dwell: float) -> Floats:
    """Factor that hops between 1 and `1 + gap`, staying about `mean_dwell` invokes; shape (n,)."""
    hops = rng.random(n) < 1 / mean_dwell
    state = (np.cumsum(hops) + int(rng.integers(2))) % 2
    factors: Floats = 1 + gap * state
    return factors


def quantised(latencies_us: Floats, tick_us: int = 1) -> tuple[int, ...]:
    """What a clock that ticks each `tick_us` tells: rounded down, in whole us."""
    ticks = np.floor(latencies_us / tick_us).astype(np.int64) * tick_us
    return tuple(int(value) for value in ticks)
