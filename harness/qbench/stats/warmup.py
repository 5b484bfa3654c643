"""Where the warm-up ends that a runner's own warm-up left over.

androidx.benchmark (WarmupManager.kt) calls a benchmark warm once a fast moving average (weight
0.1) stays within 4 % of a slow one (0.005). That rule has to decide while it measures. Its slow
average remembers the first invokes for hundreds more: on a warm-up that ends at invoke 64 it
waits until invoke 740. Here the whole run is known, so the slow average gives way to the level
that the run settles at, and the fast one looks ahead instead of back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FAST_WEIGHT = 0.1
THRESHOLD_RATIO = 0.04
MIN_INVOKES = 20

_SPIKE_INVOKES = 5  # a running median as long as this drops outliers and keeps a decay
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
    level = float(np.median(latencies_us[n // 2 :]))
    head = latencies_us[: n // 2 + _LOOK_AHEAD + _SPIKE_INVOKES]
    padded = np.pad(head, _SPIKE_INVOKES // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SPIKE_INVOKES)
    smooth = np.concatenate([np.median(windows, axis=1), np.full(_LOOK_AHEAD, level)])
    weights = FAST_WEIGHT * (1 - FAST_WEIGHT) ** np.arange(_LOOK_AHEAD)
    ahead = np.correlate(smooth, weights / weights.sum(), mode="valid")[: n // 2 + 1]
    is_warm = ahead <= level * (1 + THRESHOLD_RATIO)
    if is_warm[0] or not is_warm.any():
        return 0
    end = int(np.argmax(is_warm)) + _LAG_INVOKES
    return end if end <= n // 2 else 0
