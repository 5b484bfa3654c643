"""Slow-downs of 10 % are called throttled; runs without one are not blamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scripts.promise_parts._row import Row

from fakes.latency_samples import (
    Floats,
    Noise,
    a_case,
    measured_records,
    steady,
    throttle_ramp,
    throttle_step,
)
from qbench.records import Stability
from qbench.stats import summarize

RISE = 0.10
SHAPES = ((10, 50), (1, 200), (5, 50), (10, 300))
CASE = a_case()
# "too few" blames the plan, not the device: a call for more invokes.
BLAMELESS = (Stability.STABLE, Stability.TOO_FEW)


def rows(trials: int) -> Iterator[Row]:
    shapes = SHAPES if trials >= 1000 else SHAPES[:2]
    for name, change, least_runs in (
        ("step in each run", _steps, 1),
        ("ramp in each run", _ramps, 1),
        ("step in the session", _step_over_all, 10),
        ("ramp over the session", _ramp_over_all, 10),
    ):
        for runs, n in [shape for shape in shapes if shape[0] >= least_runs]:
            found = _verdicts(trials, runs, n, Noise(), change)
            count = sum(verdict is Stability.THROTTLED for verdict in found)
            yield Row(f"throttled: {name}, 10 %", f"R={runs} n={n}", count, trials, low=0.95)
    for noise in (Noise(), Noise(rho=0.3), Noise(between_run_sigma=0.02)):
        for runs, n in shapes:
            found = _verdicts(trials, runs, n, noise, None)
            count = sum(verdict not in BLAMELESS for verdict in found)
            regime = f"R={runs} n={n}, run sd {noise.between_run_sigma:.0%}, rho {noise.rho:g}"
            yield Row("clean, and blamed for something", regime, count, trials, high=0.02)


Change = Callable[[np.random.Generator, int, int], Floats]


def _verdicts(
    trials: int, runs: int, n: int, noise: Noise, change: Change | None
) -> Iterator[Stability | None]:
    rng = np.random.default_rng([7, runs, n])
    for _ in range(trials):
        samples = steady(rng, runs, n, noise)
        if change is not None:
            samples = samples * change(rng, runs, n)
        yield summarize([CASE], measured_records(CASE, samples))[0].verdict


def _steps(rng: np.random.Generator, runs: int, n: int) -> Floats:
    places = rng.uniform(0.2, 0.8, runs)
    return np.stack([throttle_step(n, at=float(at), rise=RISE) for at in places])


def _ramps(rng: np.random.Generator, runs: int, n: int) -> Floats:
    return np.stack([throttle_ramp(n, rise=RISE)] * runs)


def _step_over_all(rng: np.random.Generator, runs: int, n: int) -> Floats:
    return throttle_step(runs * n, at=rng.uniform(0.2, 0.8), rise=RISE).reshape(runs, n)


def _ramp_over_all(rng: np.random.Generator, runs: int, n: int) -> Floats:
    return throttle_ramp(runs * n, rise=RISE).reshape(runs, n)
