"""Is a rate, seen in some trials, compatible with a promised one?

One-sided at 0.1 %: a seeded simulation that keeps its promise fails here for one seed in a
thousand, and the seeds in the tests are not among them.
"""

from __future__ import annotations

from scipy.stats import binom

_ERROR = 0.001


def is_at_most(count: int, trials: int, rate: float) -> bool:
    return count <= int(binom.ppf(1 - _ERROR, trials, rate))


def is_at_least(count: int, trials: int, rate: float) -> bool:
    return count >= int(binom.ppf(_ERROR, trials, rate))
