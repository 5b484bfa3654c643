"""Two cases whose samples are made up, and what comparing the medians of their runs says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fakes.latency_samples import Floats, Noise, session_drift, steady
from fakes.summaries import measured
from qbench.stats import Measured, Ratio, Refusal, compare
from qbench.stats.percentiles import percentile_index

ROUGH = Noise(between_run_sigma=0.02, rho=0.8)  # the worst that the promises speak of


class Regime(NamedTuple):
    """10 ms per invoke: what the protocol `default` (50 invokes and 3 s) measures is 300."""

    runs: int = 10
    invokes: int = 300
    noise: Noise = Noise()
    drift: float = 0.015
    interleaved: bool = True

    def __str__(self) -> str:
        noise = self.noise
        way = "paired" if self.interleaved else "two sessions"
        return (
            f"R={self.runs} n={self.invokes} {way}, run sd {noise.between_run_sigma:.1%}, "
            f"rho {noise.rho:g}, drift {self.drift:.1%}"
        )


def comparisons(
    trials: int, regime: Regime, effect: float, *, seed: int, margin_ratio: float = 0.02
) -> Iterator[Ratio | Refusal]:
    """The candidate takes `1 + effect` of the baseline. Two sessions share no drift, and have
    none: how much a session is off cannot be seen in one."""
    rng = np.random.default_rng([seed, regime.runs, regime.invokes])
    drift = session_drift(rng, trials * regime.runs, regime.drift if regime.interleaved else 0.0)
    ours = run_medians(rng, trials, regime, drift * (1 + effect))
    theirs = run_medians(rng, trials, regime, drift)
    for mine, other in zip(ours, theirs, strict=True):
        yield compare(
            [_measured(mine, "s" if regime.interleaved else "t")],
            [_measured(other, "s")],
            margin_ratio=margin_ratio,
        )


def run_medians(rng: np.random.Generator, trials: int, regime: Regime, drift: Floats) -> Floats:
    """Shape (trials, runs); `drift` is a factor per run of each trial, shape (trials * runs, 1)."""
    samples = steady(rng, trials * regime.runs, regime.invokes, regime.noise) * drift
    place = percentile_index(regime.invokes, 50)
    medians: Floats = np.partition(samples, place, axis=1)[:, place]
    return medians.reshape(trials, regime.runs)


def _measured(medians_us: Floats, session: str) -> Measured:
    summary = measured([int(v) for v in medians_us])
    return Measured(session=session, summary=summary, device=None, tools=())


def differs(found: Ratio | Refusal) -> bool:
    """The 95 % interval excludes 1."""
    return not covers(found, 1.0)


def covers(found: Ratio | Refusal, truth: float) -> bool:
    assert isinstance(found, Ratio)
    assert found.interval is not None
    return found.interval.low <= truth <= found.interval.high
