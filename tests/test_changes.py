"""Change points: exact partitions, known steps, and what is said of the noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.latency_samples import autocorrelated
from qbench.stats import changes
from qbench.stats.changes import change_points, partition, segment_costs


def noisy(n: int, *, seed: int = 0, sigma: float = 0.01, rho: float = 0.0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(v) for v in 10_000 * np.exp(sigma * autocorrelated(rng, 1, n, rho)[0])]


def cost(values: Sequence[float]) -> float:
    middle = median(values)
    return sum(abs(value - middle) for value in values)


values = st.lists(st.floats(-10, 10), min_size=10, max_size=18)


@given(values)
def test_a_segments_cost_is_the_sum_of_distances_from_its_median(series: list[float]) -> None:
    costs = segment_costs(series)
    for start, end in combinations(range(len(series) + 1), 2):
        assert costs[start, end] == pytest.approx(cost(series[start:end]), abs=1e-9)


@settings(max_examples=50)
@given(values, st.floats(0.1, 20))
def test_no_other_partition_is_cheaper(series: list[float], penalty: float) -> None:
    n, least = len(series), changes.MIN_SIZE

    def total(cuts: Sequence[int]) -> float:
        edges = [0, *cuts, n]
        parts = [series[a:b] for a, b in pairwise(edges)]
        if min(map(len, parts)) < least:
            return float("inf")
        return sum(map(cost, parts)) + penalty * len(cuts)

    every = [cuts for count in range(n // least) for cuts in combinations(range(1, n), count)]
    chosen = partition(segment_costs(series), penalty=penalty)
    assert total(chosen) == pytest.approx(min(map(total, every)), abs=1e-9)


def test_a_step_is_found_where_it_is_and_measured() -> None:
    series = noisy(60)
    series[40:] = [value * 1.1 for value in series[40:]]
    found = change_points(series)
    assert found is not None
    (change,) = found.changes
    assert change.at == 40
    assert change.ratio == pytest.approx(1.1, abs=0.01)
    assert found.level == pytest.approx(11_000, rel=0.01)


def test_a_step_down_and_back_makes_two_changes() -> None:
    series = noisy(60)
    series[20:40] = [value * 0.9 for value in series[20:40]]
    found = change_points(series)
    assert found is not None
    assert [change.at for change in found.changes] == [20, 40]
    assert found.changes[0].ratio < 1 < found.changes[1].ratio


def test_single_wild_points_are_no_change() -> None:
    series = noisy(60)
    for place in (10, 11, 30, 58, 59):
        series[place] *= 3
    found = change_points(series)
    assert found is not None
    assert found.changes == ()


def test_equal_values_have_no_change_and_a_move_below_2_percent_is_none() -> None:
    for late in (10_000.0, 10_150.0):
        found = change_points([10_000.0] * 30 + [late] * 30)
        assert found is not None
        assert found.changes == ()


def test_a_short_series_says_nothing_and_a_very_long_one_is_refused() -> None:
    assert change_points(noisy(changes.MIN_POINTS - 1)) is None
    with pytest.raises(ValueError, match="at most 1000"):
        change_points([1.0] * 1001)


def test_scatter_and_what_can_be_detected_follow_the_noise_and_not_the_steps() -> None:
    calm, rough = noisy(200, sigma=0.01), noisy(200, sigma=0.03)
    stepped = calm[:100] + [value * 1.5 for value in calm[100:]]
    for series, sigma in ((calm, 0.01), (rough, 0.03), (stepped, 0.01)):
        found = change_points(series)
        assert found is not None
        assert found.scatter == pytest.approx(sigma, rel=0.25)
    little, much = change_points(calm), change_points(rough)
    assert little is not None
    assert much is not None
    assert 1.02 <= little.detectable_ratio < much.detectable_ratio


def test_the_detectable_step_is_found_in_nine_of_ten_series() -> None:
    said = [change_points(noisy(60, seed=seed)) for seed in range(40)]
    step = float(np.median([s.detectable_ratio for s in said if s is not None]))
    hits = 0
    for seed in range(200):
        series = noisy(65, seed=1000 + seed)
        series[60:] = [value * step for value in series[60:]]
        found = change_points(series)
        hits += found is not None and any(abs(c.at - 60) <= 5 for c in found.changes)
    assert hits / 200 >= 0.85
