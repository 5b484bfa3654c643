from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.latency_samples import quantised
from qbench.errors import InputError
from qbench.stats import percentile_us
from qbench.stats.percentiles import median_us

SAMPLES = st.lists(st.integers(0, 10**9), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("samples", "pct", "expected"),
    [
        ((7,), 50, 7),
        ((1, 2), 50, 2),  # n * pct // 100 = 1
        ((1, 2, 3), 50, 2),
        ((4, 1, 3, 2), 50, 3),
        (tuple(range(100)), 90, 90),
        (tuple(range(100)), 99, 99),
        (tuple(range(10)), 95, 9),
        (tuple(range(10)), 100, 9),
        (tuple(range(10)), 0, 0),
    ],
)
def test_a_percentile_is_the_sample_that_tflite_and_mlperf_would_name(
    samples: tuple[int, ...], pct: int, expected: int
) -> None:
    assert percentile_us(samples, pct) == expected


@given(SAMPLES, st.integers(0, 100))
def test_a_percentile_is_one_of_the_samples_and_does_not_depend_on_their_order(
    samples: list[int], pct: int
) -> None:
    value = percentile_us(samples, pct)
    assert value in samples
    assert value == percentile_us(sorted(samples, reverse=True), pct)


@given(SAMPLES, st.integers(0, 99))
def test_percentiles_rise_with_the_percentage(samples: list[int], pct: int) -> None:
    assert percentile_us(samples, pct) <= percentile_us(samples, pct + 1)


def test_no_samples_have_no_percentile() -> None:
    with pytest.raises(InputError, match="no samples to take the 50th percentile of"):
        percentile_us((), 50)


def test_the_median_of_runs_lies_between_the_middle_two_and_none_have_none() -> None:
    assert median_us((10, 30, 20)) == 20
    assert median_us((10, 20, 30, 44)) == 25
    assert median_us(()) is None


def test_a_coarse_clock_rounds_down_to_its_ticks() -> None:
    assert quantised(np.array([999.9, 1000.0, 1999.0, 2500.0]), 1000) == (0, 1000, 1000, 2000)
