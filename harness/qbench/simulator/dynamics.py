"""How invokes scatter around their median, by the profile's noise prior.

`p90_ratio` computes, `Scatter` draws. An invoke is `median * r * exp(x) * (1 + o) * w`: r of the
process, x autocorrelated from invoke to invoke, o now and then where something pre-empted it, w
while the process warms up. The form is that of qbench.stats' own test generators; the values are
priors of the profile (AR(1) with sigma 3 - 8 % unpinned and rho .3 - .8 on phones, outliers in
1 - 3 % of the invokes, .5 - 1.5 % from process to process).
"""

from __future__ import annotations

from functools import cache
from math import erf, exp, hypot, log, sqrt
from random import Random

from qbench.records import Noise

_LEVEL = 0.9
# PRIOR: the first invoke takes about twice as long, the next ones e times less beyond the median
# for every 2 invokes; .3 - 2 and 1 - 4 have been seen.
WARMUP_EXCESS, WARMUP_INVOKES = 1.0, 2.0


@cache
def p90_ratio(noise: Noise) -> float:
    """90th percentile over median of an invoke of some run, warm.

    Autocorrelation leaves the distribution as it is; o is zero, or exponential with the outliers'
    mean excess for a share of the invokes. The percentile is found by bisection.
    """
    sigma = hypot(noise.within_run_sigma_ratio, noise.between_run_sigma_ratio)
    low, high = 1.0, exp(10 * sigma) * (1 + 20 * noise.outlier_excess_ratio) + 1
    for _ in range(80):
        middle = (low + high) / 2
        if _share_below(middle, sigma, noise) < _LEVEL:
            low = middle
        else:
            high = middle
    return high


def _share_below(ratio: float, sigma: float, noise: Noise) -> float:
    """Share of invokes below `ratio` times the median of the undisturbed ones."""
    undisturbed = 1.0 if sigma == 0 else (1 + erf(log(ratio) / (sigma * sqrt(2)))) / 2
    excess = noise.outlier_excess_ratio
    # the scatter of an outlier beside its excess is small and left out
    disturbed = 1.0 if excess == 0 else 1 - exp(-(ratio - 1) / excess)
    return (1 - noise.outlier_ratio) * undisturbed + noise.outlier_ratio * disturbed


class Scatter:
    """Invokes of one process, drawn from `generator`: the same state, the same invokes."""

    def __init__(self, noise: Noise, generator: Random) -> None:
        self._noise = noise
        self._generator = generator
        self._process_ratio = exp(generator.gauss(0, noise.between_run_sigma_ratio))
        self._x = generator.gauss(0, 1)
        self._done = 0.0

    @property
    def is_warm(self) -> bool:
        return self._done > 5 * WARMUP_INVOKES

    def draw(self, stride: float = 1.0) -> float:
        """Latency over the undisturbed median of the invoke that comes `stride` invokes later.

        Skipping is exact: an AR(1) series seen every k-th time is AR(1) with rho^k.
        """
        noise, generator = self._noise, self._generator
        kept = noise.autocorrelation**stride
        self._x = kept * self._x + sqrt(1 - kept * kept) * generator.gauss(0, 1)
        ratio = self._process_ratio * exp(noise.within_run_sigma_ratio * self._x)
        if generator.random() < noise.outlier_ratio:
            ratio *= 1 + generator.expovariate(1) * noise.outlier_excess_ratio
        ratio *= 1 + WARMUP_EXCESS * exp(-self._done / WARMUP_INVOKES)
        self._done += stride
        return ratio
