"""Medians without numpy's overhead are numpy's, bit by bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from qbench.stats.medians import median, running_median

LATENCIES = st.floats(0, 1e9, allow_nan=False)


@given(st.lists(LATENCIES, min_size=1, max_size=40))
def test_the_median_is_numpys(values: list[float]) -> None:
    array = np.array(values)
    assert median(array) == float(np.median(array))
    assert array.tolist() == values  # and the array is left as it was


@given(st.lists(LATENCIES, min_size=5, max_size=40))
def test_the_running_median_is_numpys_of_every_window(values: list[float]) -> None:
    array = np.array(values)
    expected = np.median(sliding_window_view(array, 5), axis=1)
    assert running_median(array).tolist() == expected.tolist()
