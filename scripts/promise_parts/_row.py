"""A line of the table: a promised rate and what was seen."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """`hits` of `trials`; the promise is that the rate lies in `low` .. `high`.

    With a thousand trials the rate itself has to lie there. With fewer it has to be compatible
    with a true rate there: one-sided binomial at 0.1 %, so that a short check of a promise that is
    kept fails for one seed in a thousand.
    """

    promise: str
    regime: str
    hits: int
    trials: int
    low: float = 0.0
    high: float = 1.0

    @property
    def rate(self) -> float:
        return self.hits / self.trials

    @property
    def is_kept(self) -> bool:
        from scipy.stats import binom

        if self.trials >= 1000:
            return self.low <= self.rate <= self.high
        least = binom.ppf(0.001, self.trials, self.low)
        most = binom.ppf(0.999, self.trials, self.high)
        return bool(least <= self.hits <= most)
