"""From the median invoke to its 90th percentile, by the profile's noise prior; nothing random."""

from __future__ import annotations

from math import erf, exp, hypot, log, sqrt

from qbench.records import Noise

_LEVEL = 0.9


def p90_ratio(noise: Noise) -> float:
    """90th percentile over median of an invoke of some run.

    An invoke is `median * exp(x) * (1 + o)`: x normal with the standard deviations of invokes and
    of processes together (autocorrelation leaves it as it is), o zero, or exponential with the
    outliers' mean excess for a share of the invokes. The percentile is found by bisection.
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
