"""The same numbers as scipy, ruptures and pyperf, where they compute the same thing."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import ruptures
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyperf._utils import is_significant
from scipy import stats as scipy_stats

from fakes.latency_samples import autocorrelated
from fakes.summaries import measured
from qbench.stats import Ratio, Verdict, detectable_ratio, ratio
from qbench.stats.changes import MIN_SIZE, partition, segment_costs
from qbench.stats.intervals import median_interval
from qbench.stats.percentiles import percentile_us

UNHURRIED = settings(deadline=None, max_examples=50)  # the first example imports scipy
# Nanoseconds instead of microseconds, so that half a tick of the clock does not count.
MEDIANS = st.lists(st.integers(9_000_000, 11_000_000), min_size=5, max_size=20)
SAME_SIZE = st.integers(5, 20).flatmap(
    lambda n: st.tuples(
        *[st.lists(st.integers(9_000_000, 11_000_000), min_size=n, max_size=n, unique=True)] * 2
    )
)


def compared(ours: list[int], theirs: list[int], *, interleaved: bool) -> Ratio:
    found = ratio(measured(ours), measured(theirs), interleaved=interleaved)
    assert isinstance(found, Ratio)
    return found


@UNHURRIED
@given(SAME_SIZE)
def test_paired_p_and_interval_are_those_of_scipys_t_test_on_logs(
    sides: tuple[list[int], list[int]],
) -> None:
    ours, theirs = sides
    assume(float(np.std(np.log(ours) - np.log(theirs))) > 1e-4)
    found = compared(ours, theirs, interleaved=True)
    oracle = scipy_stats.ttest_rel(np.log(ours), np.log(theirs))
    low, high = oracle.confidence_interval(0.95)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-3, abs=1e-4)
    assert found.interval is not None
    assert math.log(found.interval.low) == pytest.approx(low, rel=1e-3, abs=1e-6)
    assert math.log(found.interval.high) == pytest.approx(high, rel=1e-3, abs=1e-6)


@UNHURRIED
@given(MEDIANS, MEDIANS)
def test_unpaired_p_is_that_of_scipys_welch_test_on_logs(
    ours: list[int], theirs: list[int]
) -> None:
    assume(float(np.std(ours)) > 1e3 and float(np.std(theirs)) > 1e3)
    oracle = scipy_stats.ttest_ind(np.log(ours), np.log(theirs), equal_var=False)
    found = compared(ours, theirs, interleaved=False)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-3, abs=1e-4)


@UNHURRIED
@given(SAME_SIZE)
def test_same_is_what_two_one_sided_tests_at_a_fortieth_say(
    sides: tuple[list[int], list[int]],
) -> None:
    """TOST (Schuirmann 1987): the 95 % interval within the margin is both tests at 2.5 %."""
    ours, theirs = sides
    found = compared(ours, theirs, interleaved=True)
    logs = np.log(ours) - np.log(theirs)
    margin = math.log(1.02)
    above = scipy_stats.ttest_1samp(logs, -margin, alternative="greater").pvalue
    below = scipy_stats.ttest_1samp(logs, margin, alternative="less").pvalue
    worst = max(float(above), float(below))
    if abs(worst - 0.025) > 1e-4:
        assert (found.verdict is Verdict.SAME) == (worst < 0.025)


@UNHURRIED
@given(SAME_SIZE)
def test_pyperf_finds_significant_what_the_unpaired_test_does(
    sides: tuple[list[int], list[int]],
) -> None:
    """Of sides of one size Welch's t is Student's; the degrees of freedom are fewer, so it may
    only be the more careful. pyperf's table of critical values has three digits."""
    ours, theirs = ([math.log(v) for v in side] for side in sides)
    significant, t = is_significant(ours, theirs)
    found = compared(*sides, interleaved=False)
    oracle = scipy_stats.ttest_ind(ours, theirs, equal_var=False)
    assert t == pytest.approx(oracle.statistic, rel=1e-6)
    assert found.p_value is not None
    if found.p_value < 0.0499:
        assert significant


@pytest.mark.parametrize("runs", [2, 5, 10, 40])
@pytest.mark.parametrize("is_paired", [True, False])
def test_the_detectable_ratio_has_the_power_that_the_noncentral_t_gives_it(
    runs: int, is_paired: bool
) -> None:
    scatter = 0.015
    effect = math.log(detectable_ratio(runs, scatter, is_paired=is_paired))
    degrees = runs - 1 if is_paired else 2 * runs - 2
    shift = effect / (scatter / math.sqrt(runs))
    bound = scipy_stats.t.ppf(0.975, degrees)
    assert scipy_stats.nct.sf(bound, degrees, shift) == pytest.approx(0.90, abs=1e-6)


@UNHURRIED
@given(MEDIANS)
def test_the_interval_of_a_latency_is_scipys_t_interval_of_the_logs(medians: list[int]) -> None:
    logs = np.log(medians)
    found = median_interval(medians, float(np.exp(logs.mean())))
    assert found is not None
    low, high = scipy_stats.t.interval(
        0.95, len(logs) - 1, loc=logs.mean(), scale=max(float(scipy_stats.sem(logs)), 1e-300)
    )
    assert found.low == pytest.approx(math.exp(low), abs=1)
    assert found.high == pytest.approx(math.exp(high), abs=1)


@UNHURRIED
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=200), st.integers(0, 99))
def test_percentiles_are_numpys_higher_ones(samples: list[int], pct: int) -> None:
    """`n * pct // 100` is the first sample that more than pct percent of the samples reach."""
    ordered = sorted(samples)
    assert percentile_us(samples, pct) == ordered[len(samples) * pct // 100]
    assert percentile_us(samples, pct) >= np.percentile(samples, pct, method="lower")


@pytest.mark.parametrize("rho", [0.0, 0.6])
@pytest.mark.parametrize("step", [0.0, 0.02, 0.2])
def test_changes_are_cut_where_ruptures_cuts_them_or_cheaper(step: float, rho: float) -> None:
    """PELT with the same cost, penalty and least size, on every place (`jump` 1). Its pruning does
    not foresee a least size: now and then it misses the best cut, never the other way round."""
    rng = np.random.default_rng(5)
    same = 0
    for _ in range(3):
        series = 0.01 * autocorrelated(rng, 1, 60, rho)[0]
        series[int(rng.integers(5, 55)) :] += step
        costs = segment_costs([float(v) for v in series])
        for penalty in (0.02, 0.05, 0.12):  # 3 ln n times the scatter is 0.12
            ours = partition(costs, penalty=penalty)
            pelt = ruptures.Pelt(model="l1", min_size=MIN_SIZE, jump=1).fit(series)
            *theirs, end = pelt.predict(pen=penalty)
            assert end == 60
            same += ours == theirs
            totals = [
                sum(costs[a, b] for a, b in pairwise([0, *cuts, end])) + penalty * len(cuts)
                for cuts in (ours, theirs)
            ]
            assert totals[0] <= totals[1] + 1e-12
    assert same >= 8  # of 9
