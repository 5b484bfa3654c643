"""Statistics of right and wrong answers, against published values and by counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, mannwhitneyu

from qbench.stats.accuracy import auc, auc_interval, mcnemar, wilson


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    # Newcombe, Stat. Med. 17, 1998, table I, method 3
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_s_interval_is_the_published_one(
    hits: int, trials: int, low: float, high: float
) -> None:
    found = wilson(hits, trials)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_no_trials_have_no_interval() -> None:
    assert wilson(0, 0) is None


@given(st.integers(0, 300), st.integers(1, 300))
def test_the_interval_holds_the_share_and_stays_within_0_and_1(hits: int, trials: int) -> None:
    hits = min(hits, trials)
    found = wilson(hits, trials)
    assert found is not None
    assert 0 <= found.low <= hits / trials <= found.high <= 1
    assert found.high > found.low


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60))
def test_the_area_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[int, bool]]) -> None:
    found = auc([float(score) for score, _ in pairs], [positive for _, positive in pairs])
    ups = [score for score, positive in pairs if positive]
    downs = [score for score, positive in pairs if not positive]
    if not ups or not downs:
        assert found is None
        return
    right = sum((u > d) + (u == d) / 2 for u in ups for d in downs)
    assert found == pytest.approx(right / (len(ups) * len(downs)))


def test_a_perfect_area_has_an_interval_below_it() -> None:
    few, many = auc_interval(1.0, 10, 10), auc_interval(1.0, 100, 100)
    assert few.high == many.high == 1
    assert few.low < many.low < 1


def test_the_area_s_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Binormal scores, area 0.9, 40 of each class."""
    rng = np.random.default_rng(0)
    distance = math.sqrt(2) * 1.2815515594  # Phi(d / sqrt 2) = 0.9
    hits, rounds = 0, 600
    for _ in range(rounds):
        scores = np.concatenate([rng.normal(distance, 1, 40), rng.normal(0, 1, 40)])
        area = auc(scores, [True] * 40 + [False] * 40)
        assert area is not None
        found = auc_interval(area, 40, 40)
        hits += found.low <= 0.9 <= found.high
    assert 0.92 < hits / rounds < 0.985


@pytest.mark.parametrize(
    ("first", "second", "p"), [(0, 0, 1.0), (5, 5, 1.0), (1, 9, 22 / 1024), (9, 1, 22 / 1024)]
)
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60))
def test_the_area_is_that_of_scipy_s_ranks(rows: list[tuple[int, bool]]) -> None:
    ups = [score for score, is_up in rows if is_up]
    downs = [score for score, is_up in rows if not is_up]
    found = auc([float(score) for score, _ in rows], [is_up for _, is_up in rows])
    if not ups or not downs:
        assert found is None
    else:
        expected = mannwhitneyu(ups, downs).statistic / (len(ups) * len(downs))
        assert found == pytest.approx(expected)


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_s_p_value_is_scipy_s_binomial(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected)
