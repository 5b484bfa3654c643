"""The slope of a run's log latencies, and the noise that the slope has to stand out from.

Invokes of a run are autocorrelated (AR(1) with rho 0.3 to 0.8 on phones), so the noise has a
scatter and a rho, and n invokes are worth n (1 - rho) / (1 + rho) independent ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from qbench.stats.medians import median, running_median

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_POINTS = 8  # of one run, for a slope and an autocorrelation to mean anything
_MAX_POINTS = 128


class Noise(NamedTuple):
    """Standard deviation and lag-1 autocorrelation."""

    scatter: float
    rho: float

    def effective(self, points: int) -> float:
        return points * (1 - self.rho) / (1 + self.rho)


def log_points(latencies_us: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logs; of 256 invokes and more, 128 medians of consecutive ones (the oldest few, which
    do not fill one, are left out)."""
    import numpy as np

    logs = np.log(np.maximum(latencies_us, 0.5))
    if len(logs) < 2 * _MAX_POINTS:
        return logs
    medians: NDArray[np.float64] = np.median(
        logs[len(logs) % _MAX_POINTS :].reshape(_MAX_POINTS, -1), axis=1
    )
    return medians


def rise(points: NDArray[np.float64]) -> float:
    """How much the points rise from the first to the last: Theil-Sen's slope, over the pairs
    that lie at least half a run apart.

    All pairs would do for a steady ramp. A step early or late in the run shows in these only.
    """
    early, late, scale = _pairs(len(points))
    return median((points[late] - points[early]) * scale)


@lru_cache(maxsize=_MAX_POINTS)
def _pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """First and last places of the pairs, and what makes their difference that of a whole run."""
    import numpy as np

    early, late = np.triu_indices(n, n // 2)
    return early, late, (n - 1) / (late - early)


def noise(series: Sequence[NDArray[np.float64]], rises: Sequence[float]) -> Noise:
    """Of all runs of a case together, without outliers.

    Residuals of a fit scatter less, and are less autocorrelated, than the noise was. Measured
    on AR(1) of 20 to 200 points: the fit takes (4 + 6 rho) / n from the autocorrelation, and
    from the variance the share of three effective points.
    """
    import numpy as np

    residuals = [_residuals(points, up) for points, up in zip(series, rises, strict=True)]
    pooled = np.concatenate(residuals)
    reach = 3 * 1.4826 * median(np.abs(pooled))
    inside = [np.where(np.abs(rest) <= reach, rest, np.nan) for rest in residuals]
    power = float(np.nanmean(np.concatenate(inside) ** 2))
    lagged = np.concatenate([rest[1:] * rest[:-1] for rest in inside])
    if power == 0 or np.isnan(lagged).all():
        return Noise(math.sqrt(power), 0.0)
    n = len(pooled) / len(residuals)
    rho = (n * float(np.nanmean(lagged)) / power + 4) / (n - 6)
    rho = min(max(rho, 0.0), 0.95)
    left = 1 - 3 * (1 + rho) / ((1 - rho) * n)
    return Noise(math.sqrt(power / max(left, 0.3)), rho)


def _residuals(points: NDArray[np.float64], up: float) -> NDArray[np.float64]:
    """What is left after a line or a step, whichever fits better: a step that is described as
    a line would look like noise, and hide itself."""
    import numpy as np

    line = points - up * np.linspace(0, 1, len(points))
    line = line - median(line)
    split = _best_split(points)
    early, late = points[:split], points[split:]
    step = np.concatenate([early - median(early), late - median(late)])
    return step if float(np.abs(step).sum()) < float(np.abs(line).sum()) else line


def _best_split(points: NDArray[np.float64]) -> int:
    """Where a step explains most squares, outliers taken out by a running median of five."""
    import numpy as np

    n = len(points)
    level = points - median(points)
    ends = np.repeat(level[[0, -1]], 2)
    smooth = running_median(np.concatenate([ends[:2], level, ends[2:]]))
    margin = max(n // 8, 1)
    splits = np.arange(margin, n - margin + 1)
    sums = np.cumsum(smooth)
    early, late = sums[splits - 1], sums[-1] - sums[splits - 1]
    return int(splits[np.argmax(early**2 / splits + late**2 / (n - splits))])
