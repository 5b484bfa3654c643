"""Where the warm-up ends that a runner's own warm-up left over.

androidx.benchmark (WarmupManager.kt) calls a benchmark warm once a fast moving average (weight
0.1) stays within 4 % of a slow one (0.005). That rule has to decide while it measures. Its slow
average remembers the first invokes for hundreds more: on a warm-up that ends at invoke 64 it
waits until invoke 740. Here the whole run is known, so the slow average gives way to the level
that the run settles at, and the fast one looks ahead instead of back.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from qbench.stats.medians import median, running_median

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FAST_WEIGHT = 0.1
THRESHOLD_RATIO = 0.04
MIN_INVOKES = 20

_SPIKE_INVOKES = 5  # that running_median spans: it drops outliers and keeps a decay
_LOOK_AHEAD = 64  # 0.9 ** 64 is 0.1 %: what lies further ahead does not count
# Looking ahead, the average falls below the threshold a little early: by 5 invokes for decays
# of 5 to 50 invokes (measured by the simulation in tests/test_stats_warmup.py).
_LAG_INVOKES = 5


def leftover_warmup(latencies_us: NDArray[np.float64]) -> int:
    """How many leading invokes still were more than 4 % above the level of the later ones.

    Shape (n,). 0 if the run starts at its level, starts below it (that is throttling, no
    warm-up), has fewer than MIN_INVOKES, or finds no level within its first half.
    """
    import numpy as np

    n = len(latencies_us)
    if n < MIN_INVOKES:
        return 0
    level = median(latencies_us[n // 2 :])
    head = latencies_us[: n // 2 + _LOOK_AHEAD + _SPIKE_INVOKES]
    reflected = np.concatenate([head[2:0:-1], head, head[-2:-4:-1]])
    smooth = np.concatenate([running_median(reflected), np.full(_LOOK_AHEAD, level)])
    warm_us = level * (1 + THRESHOLD_RATIO)
    # Most runs are warm at once, and the others have to be looked at from end to end.
    if np.correlate(smooth[:_LOOK_AHEAD], _weights(), mode="valid")[0] <= warm_us:
        return 0
    is_warm = np.correlate(smooth, _weights(), mode="valid")[: n // 2 + 1] <= warm_us
    if not is_warm.any():
        return 0
    end = int(np.argmax(is_warm)) + _LAG_INVOKES
    return end if end <= n // 2 else 0


@cache
def _weights() -> NDArray[np.float64]:
    import numpy as np

    weights = FAST_WEIGHT * (1 - FAST_WEIGHT) ** np.arange(_LOOK_AHEAD, dtype=np.float64)
    scaled: NDArray[np.float64] = weights / weights.sum()
    return scaled
