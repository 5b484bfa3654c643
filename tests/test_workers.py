"""The same work for many things: in order, in several processes of which this is one."""

from __future__ import annotations

import math

import pytest

from qbench.pipeline import workers


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_results_come_in_the_order_of_the_work(jobs: int) -> None:
    todo = [float(n) for n in range(60)]
    assert list(workers.results(math.sqrt, todo, jobs)) == [math.sqrt(n) for n in todo]


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_work_raises_is_raised_in_its_turn(jobs: int) -> None:
    results = workers.results(math.sqrt, [4.0, 9.0, -1.0, 16.0], jobs)
    assert (next(results), next(results)) == (2.0, 3.0)
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        next(results)


def test_who_stops_listening_ends_the_work() -> None:
    results = workers.results(math.sqrt, [float(n) for n in range(200)], 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
