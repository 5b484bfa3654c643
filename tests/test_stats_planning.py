from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.rates import is_at_least, is_at_most
from qbench.stats import detectable_ratio, holm, runs_to_settle
from qbench.stats.intervals import t_p_value, t_quantile


@pytest.mark.parametrize(("runs", "log_sd"), [(5, 0.014), (10, 0.014), (10, 0.03)])
def test_the_detectable_ratio_is_detected_in_nine_of_ten_cases(runs: int, log_sd: float) -> None:
    rng = np.random.default_rng(1)
    sims = 4000
    effect = math.log(detectable_ratio(runs, log_sd))
    pairs = effect + log_sd * rng.standard_normal((sims, runs))
    error = pairs.std(axis=1, ddof=1) / math.sqrt(runs)
    found = int((np.abs(pairs.mean(axis=1)) > t_quantile(runs - 1, 0.95) * error).sum())
    assert is_at_least(found, sims, 0.90)
    assert is_at_most(found, sims, 0.90)


def test_more_runs_and_less_scatter_resolve_more() -> None:
    ratios = [detectable_ratio(runs, 0.02) for runs in (2, 3, 5, 10, 30)]
    assert ratios == sorted(ratios, reverse=True)
    assert detectable_ratio(10, 0.01) < detectable_ratio(10, 0.02)
    assert detectable_ratio(10, 0.0) == 1.0
    # Pairs of which half the variance is drift, against the same without pairing.
    assert detectable_ratio(10, 0.01) < detectable_ratio(10, 0.014, is_paired=False)


def test_the_runs_needed_are_the_fewest_that_settle_the_question() -> None:
    for effect, room in ((0.03, 0.03), (0.005, math.log(1.02) - 0.005)):
        runs = runs_to_settle(effect, 0.03, margin_ratio=0.02, floor=5)
        assert runs is not None

        def half(count: int) -> float:
            return t_quantile(count - 1, 0.95) * 0.03 / math.sqrt(count)

        assert half(runs) <= room < half(runs - 1)


def test_an_effect_at_the_margin_is_not_settled_by_any_number_of_runs() -> None:
    assert runs_to_settle(math.log(1.019), 0.02, margin_ratio=0.02, floor=5) is None
    assert runs_to_settle(0.0, 3.0, margin_ratio=0.02, floor=5) is None
    assert runs_to_settle(0.0, 0.001, margin_ratio=0.02, floor=5, blur=0.02) is None


def test_never_fewer_runs_are_recommended_than_a_verdict_takes() -> None:
    assert runs_to_settle(0.5, 0.001, margin_ratio=0.02, floor=5) == 5


def test_holm_multiplies_the_smallest_p_most_and_keeps_the_order() -> None:
    assert holm((0.01, 0.04, 0.03)) == pytest.approx((0.03, 0.06, 0.06))
    assert holm((0.5, 0.9)) == pytest.approx((1.0, 1.0))
    assert holm(()) == ()


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_lowers_a_p_and_respects_ranks(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    assert all(a <= 1 for a in adjusted)
    by_p = [a for _, a in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(by_p)


def test_holm_errs_anywhere_among_ten_true_nulls_in_5_percent() -> None:
    rng = np.random.default_rng(2)
    sims = 2000
    wrong = sum(min(holm(list(rng.random(10)))) < 0.05 for _ in range(sims))
    assert is_at_most(wrong, sims, 0.05)


def test_t_quantile_and_p_value_are_each_others_inverse() -> None:
    assert t_quantile(4, 0.95) == pytest.approx(2.776445)
    assert t_p_value(t_quantile(4, 0.95), 4) == pytest.approx(0.05)
    assert t_quantile(math.inf, 0.90) == pytest.approx(1.644854)
