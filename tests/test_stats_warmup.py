from __future__ import annotations

import numpy as np
import pytest

from fakes.latency_samples import Floats, Noise, steady, throttle_step, warm_up
from fakes.rates import is_at_least, is_at_most
from qbench.stats.warmup import MIN_INVOKES, THRESHOLD_RATIO, leftover_warmup

SIMS = [100, pytest.param(1000, marks=pytest.mark.heavy)]


def true_end(excess: float, tau_invokes: float) -> float:
    """Where `excess * exp(-i / tau)` falls below the threshold."""
    return float(tau_invokes * np.log(excess / THRESHOLD_RATIO))


def warming(sims: int, n: int, excess: float, tau: float, rho: float, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    decay = warm_up(n, excess=excess, tau_invokes=tau)
    return steady(rng, sims, n, Noise(rho=rho)) * decay


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize("rho", [0.3, 0.6])
@pytest.mark.parametrize(
    ("n", "excess", "tau"), [(200, 1, 5), (200, 3, 20), (1000, 1, 20), (1000, 1, 50), (1000, 3, 50)]
)
def test_the_end_of_a_warm_up_is_found_within_20_percent(
    n: int, excess: float, tau: float, rho: float, sims: int
) -> None:
    end = true_end(excess, tau)
    found = [leftover_warmup(run) for run in warming(sims, n, excess, tau, rho, seed=1)]
    assert is_at_least(sum(abs(f / end - 1) <= 0.2 for f in found), sims, 0.95)


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize(("excess", "tau"), [(0.3, 20), (1, 20), (3, 20), (1, 5), (3, 50)])
def test_what_is_left_of_a_warm_up_biases_the_median_by_less_than_half_a_percent(
    excess: float, tau: float, sims: int
) -> None:
    clean = warming(sims, 1000, 0.0, tau, 0.6, seed=2)
    warm = clean * warm_up(1000, excess=excess, tau_invokes=tau)
    biases = [
        float(np.median(w[leftover_warmup(w) :]) / np.median(c) - 1)
        for w, c in zip(warm, clean, strict=True)
    ]
    assert abs(np.mean(biases)) < 0.005
    assert is_at_least(sum(abs(bias) < 0.01 for bias in biases), sims, 0.95)


@pytest.mark.parametrize("sims", [400, pytest.param(4000, marks=pytest.mark.heavy)])
@pytest.mark.parametrize("n", [30, 50, 200])
@pytest.mark.parametrize("rho", [0.3, 0.6, 0.8])
def test_a_run_without_warm_up_loses_nothing(n: int, rho: float, sims: int) -> None:
    rng = np.random.default_rng(3)
    runs = steady(rng, sims, n, Noise(rho=rho))
    assert is_at_most(sum(leftover_warmup(run) > 0 for run in runs), sims, 0.015)


def test_a_run_that_starts_below_its_level_is_no_warm_up() -> None:
    rng = np.random.default_rng(4)
    throttled = steady(rng, 1, 200, Noise())[0] * throttle_step(200, at=0.3, rise=0.2)
    assert leftover_warmup(throttled) == 0


def test_a_run_that_does_not_settle_within_its_first_half_has_no_warm_up() -> None:
    falling = 10_000.0 * (1 + np.linspace(1.0, 0.0, 200))
    assert leftover_warmup(falling) == 0


def test_an_outlier_at_the_start_is_not_taken_for_a_warm_up() -> None:
    run = np.full(200, 10_000.0)
    run[0] = 50_000.0
    assert leftover_warmup(run) == 0


def test_runs_too_short_to_settle_are_left_alone() -> None:
    run = np.full(MIN_INVOKES - 1, 10_000.0)
    run[:5] = 20_000.0
    assert leftover_warmup(run) == 0
    assert leftover_warmup(np.array([])) == 0
