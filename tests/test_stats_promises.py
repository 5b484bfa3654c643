"""What is promised of comparisons and intervals, by seeded simulation.

Simulated: two cases whose runs take turns, a drift common to the pair, a between-run effect of
each process, AR(1) noise and outliers within runs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from fakes.latency_samples import Floats, Noise, session_drift, steady
from fakes.rates import is_at_least, is_at_most
from fakes.summaries import measured
from qbench.records import (
    Summary,
)
from qbench.stats import Method, Ratio, Verdict, ratio
from qbench.stats.intervals import median_interval

SIMS = [400, pytest.param(1000, marks=pytest.mark.heavy)]


def compare(candidate: Summary, baseline: Summary, *, interleaved: bool = True) -> Ratio:
    found = ratio(candidate, baseline, interleaved=interleaved)
    assert isinstance(found, Ratio)
    return found


class Regime(NamedTuple):
    runs: int
    invokes: int
    noise: Noise = Noise()
    drift: float = 0.015
    tick_us: int = 1


def run_medians(rng: np.random.Generator, sims: int, regime: Regime, drift: Floats) -> Floats:
    samples = steady(rng, sims * regime.runs, regime.invokes, regime.noise)
    medians = np.median(samples, axis=1).reshape(sims, regime.runs) * drift
    ticks: Floats = np.floor(medians / regime.tick_us) * regime.tick_us
    return ticks


def simulate(
    sims: int, regime: Regime, effect: float, *, seed: int, interleaved: bool = True
) -> list[Ratio]:
    rng = np.random.default_rng(seed)
    shape = (sims, regime.runs)
    drift = session_drift(rng, sims * regime.runs, regime.drift).reshape(shape)
    ours = run_medians(rng, sims, regime, drift * (1 + effect))
    theirs = run_medians(rng, sims, regime, drift)
    return [
        compare(
            measured([int(v) for v in a], tick_us=regime.tick_us),
            measured([int(v) for v in b], tick_us=regime.tick_us),
            interleaved=interleaved,
        )
        for a, b in zip(ours, theirs, strict=True)
    ]


def differs(found: Ratio) -> bool:
    """The interval excludes 1."""
    assert found.interval is not None
    return not found.interval.low <= 1 <= found.interval.high


def covers(found: Ratio, truth: float) -> bool:
    assert found.interval is not None
    return found.interval.low <= truth <= found.interval.high


ROUGH = Noise(between_run_sigma=0.02, rho=0.8)
CALM = Noise(between_run_sigma=0.005, rho=0.3)
REGIMES = [
    Regime(5, 100),
    Regime(10, 50),
    Regime(5, 100, ROUGH, drift=0.03),
    Regime(10, 50, ROUGH, drift=0.03),
    Regime(5, 100, CALM, drift=0.0),
    Regime(10, 50, replace(Noise(), within_run_sigma=0.05, outlier_share=0.05), drift=0.03),
]


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize("regime", REGIMES)
def test_equal_things_are_told_apart_in_5_percent_and_their_ratio_is_covered_in_95(
    regime: Regime, sims: int
) -> None:
    found = simulate(sims, regime, 0.0, seed=1)
    wrong = sum(differs(f) for f in found)
    assert is_at_most(wrong, sims, 0.05)
    assert is_at_least(wrong, sims, 0.03)
    verdicts = sum(f.verdict in (Verdict.FASTER, Verdict.SLOWER) for f in found)
    assert is_at_most(verdicts, sims, 0.05)


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize("effect", [0.02, 0.05, 1.0])
@pytest.mark.parametrize("regime", [REGIMES[0], REGIMES[3]])
def test_the_interval_of_a_ratio_covers_it_in_95_percent(
    regime: Regime, effect: float, sims: int
) -> None:
    found = simulate(sims, regime, effect, seed=2)
    hits = sum(covers(f, 1 + effect) for f in found)
    assert is_at_least(hits, sims, 0.95)
    assert is_at_most(hits, sims, 0.97)


@pytest.mark.parametrize("sims", SIMS)
def test_a_5_percent_change_is_found_with_five_runs_and_named_so(sims: int) -> None:
    found = simulate(sims, Regime(5, 100), 0.05, seed=3)
    assert is_at_least(sum(differs(f) for f in found), sims, 0.95)
    assert is_at_least(sum(f.verdict is Verdict.SLOWER for f in found), sims, 0.90)
    assert not any(f.verdict in (Verdict.FASTER, Verdict.SAME) for f in found)


@pytest.mark.parametrize("sims", SIMS)
def test_a_2_percent_change_is_seen_with_ten_runs_in_85_percent(sims: int) -> None:
    found = simulate(sims, Regime(10, 50), 0.02, seed=4)
    assert is_at_least(sum(differs(f) for f in found), sims, 0.85)


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize("regime", [Regime(10, 50), Regime(10, 50, CALM, drift=0.03)])
def test_a_change_of_just_the_margin_is_called_the_same_in_at_most_5_percent(
    regime: Regime, sims: int
) -> None:
    found = simulate(sims, regime, 0.02, seed=5)
    assert is_at_most(sum(f.verdict is Verdict.SAME for f in found), sims, 0.05)


@pytest.mark.parametrize("sims", SIMS)
def test_equal_things_are_called_the_same_where_the_set_up_resolves_the_margin(sims: int) -> None:
    found = simulate(sims, Regime(10, 100, CALM), 0.0, seed=6)
    assert is_at_least(sum(f.verdict is Verdict.SAME for f in found), sims, 0.95)


@pytest.mark.parametrize("sims", SIMS)
def test_unpaired_comparisons_keep_the_error_too(sims: int) -> None:
    found = simulate(sims, Regime(10, 50, drift=0.0), 0.0, seed=7, interleaved=False)
    assert all(f.method is Method.UNPAIRED for f in found)
    assert is_at_most(sum(differs(f) for f in found), sims, 0.05)


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize("tick_us", [10, 100, 1000])
def test_a_coarse_clock_makes_intervals_longer_never_wrong(tick_us: int, sims: int) -> None:
    found = simulate(sims, Regime(5, 50, CALM, drift=0.0, tick_us=tick_us), 0.03, seed=8)
    assert is_at_least(sum(covers(f, 1.03) for f in found), sims, 0.95)


@pytest.mark.parametrize("sims", SIMS)
@pytest.mark.parametrize("runs", [2, 5, 10])
def test_the_interval_of_a_latency_covers_it_in_95_percent(runs: int, sims: int) -> None:
    regime = Regime(runs, 50)
    rng = np.random.default_rng(9)
    drift = session_drift(rng, sims * runs, 0.015).reshape(sims, runs)
    medians = run_medians(rng, sims, regime, drift)
    truth = float(np.exp(np.log(run_medians(rng, 4000, regime, np.ones((4000, runs)))).mean()))
    hits = 0
    for row in medians:
        values = [int(v) for v in row]
        interval = median_interval(values, float(np.median(values)))
        assert interval is not None
        hits += interval.low <= truth <= interval.high
    assert is_at_least(hits, sims, 0.95)
    assert is_at_most(hits, sims, 0.97)


def test_pooling_the_invokes_of_one_run_per_side_would_call_equal_things_different() -> None:
    """Why one run per side is refused: what is done elsewhere errs in 45 % (Welch's t) and 80 %
    (Mann-Whitney) of the cases, at a nominal 5 %."""
    from scipy.stats import mannwhitneyu, ttest_ind

    rng = np.random.default_rng(10)
    drift = session_drift(rng, 200, 0.015)
    ours = steady(rng, 200, 200, Noise()) * drift
    theirs = steady(rng, 200, 200, Noise()) * drift
    by_t = ttest_ind(ours, theirs, axis=1, equal_var=False).pvalue < 0.05
    by_rank = mannwhitneyu(ours, theirs, axis=1).pvalue < 0.05
    assert by_t.mean() > 0.35
    assert by_rank.mean() > 0.70
