"""Does a case have two latencies? (A process on a big core or on a little one, say.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from qbench.stats.medians import running_median

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_BIC_GAIN = 10.0
MIN_SHARE = 0.10  # of the rarer mode: fewer are outliers
MIN_GAP = 0.10  # log; clocks and core types differ by more, scatter between runs by less
MIN_SEPARATION = 3.0  # gap over the modes' standard deviation (root mean square of both)
_MAX_SAMPLES = 2000
_STEPS = 60
_SETTLED = 1e-12  # steps as small as this change no digit that anybody sees
_SPIKE_INVOKES = 5


class TwoModes(NamedTuple):
    """`fast_us` is the lower of the two latencies, `gap` the log of their ratio, `share` that
    of the slower one among the invokes."""

    fast_us: float
    gap: float
    share: float


def two_modes(latencies_us: NDArray[np.float64], *, tick_us: int) -> TwoModes | None:
    """A mixture of two normals on the log latencies, if it fits far better than one.

    Shape (n,), the invokes of all runs. More than 2,000 are thinned evenly in order of size.
    Expectation maximisation from a split halfway between the 10th and the 90th percentile;
    accepted on a gain in BIC, shares, gap and separation (the constants of this module). Two
    neighbouring ticks of a coarse clock are not two modes.
    """
    import numpy as np
    from scipy.special import expit

    logs = np.sort(np.log(np.maximum(latencies_us, 0.5)))
    if len(logs) < MIN_BIC_GAIN:
        return None
    logs = logs[:: -(-len(logs) // _MAX_SAMPLES)]
    low, centre, high = np.quantile(logs, [0.1, 0.5, 0.9])
    floor = 0.3 * tick_us / float(np.exp(centre))  # standard deviation of a uniform tick
    spread = max(1.4826 * float(np.median(np.abs(logs - centre))), floor)
    logs = logs[np.abs(logs - centre) <= max(6 * spread, 3 * (high - low))]
    least_gap = max(MIN_GAP, 2 * tick_us / float(np.exp(centre)))
    if float(logs.var()) < 0.99 * MIN_SHARE * (1 - MIN_SHARE) * least_gap**2:
        return None  # modes so far apart, the rarer one so large, would scatter more than this
    is_slow = logs > (low + high) / 2
    if is_slow.all() or not is_slow.any():
        return None
    n = len(logs)
    one = -n * np.log(max(float(logs.std()), floor)) - n / 2
    share = np.array([1 - is_slow.mean(), is_slow.mean()])
    mean = np.array([logs[~is_slow].mean(), logs[is_slow].mean()])
    deviation = np.array([logs[~is_slow].std(), logs[is_slow].std()]).clip(min=floor)
    for _ in range(_STEPS):
        before = np.concatenate([share, mean, deviation])
        fast, slow = _log_densities(logs, share, mean, deviation)
        is_of_slow = expit(slow - fast)  # how much each invoke belongs to the slow mode
        member = np.stack([1 - is_of_slow, is_of_slow])
        counts = member.sum(axis=1) + 1e-9
        share = counts / counts.sum()
        mean = member @ logs / counts
        squares = np.array([m @ (logs - own) ** 2 for m, own in zip(member, mean, strict=True)])
        deviation = np.sqrt(squares / counts).clip(min=floor)
        if np.abs(np.concatenate([share, mean, deviation]) - before).max() < _SETTLED:
            break
    two = float(np.logaddexp(fast, slow).sum())
    gap = float(abs(mean[1] - mean[0]))
    separation = gap / float(np.sqrt((deviation**2).mean()))
    gain = 2 * (two - one) - 3 * np.log(n)  # three more parameters
    is_accepted = (
        gain > MIN_BIC_GAIN
        and share.min() >= MIN_SHARE
        and gap >= least_gap
        and separation > MIN_SEPARATION
    )
    if not is_accepted:
        return None
    return TwoModes(float(np.exp(mean.min())), gap, float(share[np.argmax(mean)]))


def _log_densities(
    logs: NDArray[np.float64],
    share: NDArray[np.float64],
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of both modes, each weighted by its share; without a constant that both have."""
    import numpy as np

    weight = np.log(share) - np.log(deviation)
    fast: NDArray[np.float64] = weight[0] - ((logs - mean[0]) / deviation[0]) ** 2 / 2
    slow: NDArray[np.float64] = weight[1] - ((logs - mean[1]) / deviation[1]) ** 2 / 2
    return fast, slow


def is_hopping(modes: TwoModes, runs: Sequence[NDArray[np.float64]]) -> bool:
    """Do invokes go back to the fast mode within runs, at least half as often as they leave it?

    A processor whose clock is lowered leaves it once per run and stays away; a process that the
    scheduler moves between cores comes back. Single outliers (a running median of five drops
    them) and scatter that does not cross half the gap do not count.
    """
    import numpy as np

    low, high = np.log(modes.fast_us) + modes.gap * np.array([0.25, 0.75])
    left = returned = 0
    for run in runs:
        if len(run) < _SPIKE_INVOKES:
            continue
        logs = np.log(np.maximum(running_median(run), 0.5))
        sure = (logs > high)[(logs < low) | (logs > high)].astype(np.int8)
        changes = np.diff(sure)
        left += int((changes > 0).sum())
        returned += int((changes < 0).sum())
    return returned > 0 and 2 * returned >= left
