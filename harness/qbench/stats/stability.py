"""Can the runs of a case be trusted?

The first that holds, in this order:

    contended   somebody else had the processor: run-queue wait above 2 % of wait and run time.
                First, for it explains everything below, and more runs do not help.
    bimodal     two latencies (such as those of a big and a little core), and invokes go back
                and forth between them within runs.
    throttled   the latency rose within the runs, in one run, or over the runs, by more than
                2 % (5 % over the runs), and heat or clocks agree; or nobody could read the
                temperature and it rose by 5 % or more.
    drifting    it rose or fell so, and nothing says that the clocks were lowered.
    bimodal     two latencies, each run keeping to one.
    noisy       robust CV above 5 %, or above 2 % where the clocks are locked; more outliers
                than 5 %; or run medians that scatter as much.
    too few     fewer than 30 effective invokes, or so few that they leave the median open by
                more than 1 %. (Trend and modes are not looked for below 15.)
    stable

Of aggregates only contention, the medians of the runs and the span from p5 to p95 can be judged.
A run whose p95 is less than 10 % above its p5 cannot hide a step of 10 %: such runs may be
called stable. Others stay "too few", for want of samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median, stdev
from typing import TYPE_CHECKING, NamedTuple

from qbench.records import InvokeAggregate, Stability
from qbench.stats import medians
from qbench.stats.measured import MeasuredRun
from qbench.stats.modes import TwoModes, is_hopping, two_modes
from qbench.stats.trend import MIN_EFFECTIVE, Drift, WithinRuns, between_runs, within_runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_CONTENTION_RATIO = 0.02
MAX_CV_RATIO = 0.05
MAX_CV_LOCKED_RATIO = 0.02
MAX_OUTLIER_RATIO = 0.05
MIN_EFFECTIVE_INVOKES = 30
MAX_HALF_WIDTH_RATIO = 0.01
THROTTLED_RISE = math.log(1.05)
HOTTER_C = 3.0
SLOWER_CLOCK_RATIO = 0.98

_OUTLIER_Z = 3.5  # modified z, Iglewicz and Hoaglin 1993
_MEDIAN_ERROR = 1.96 * 1.2533  # of a normal's median, in sd / sqrt(n), at 95 %
_NORMAL_SPAN = 3.29  # from p5 to p95, in standard deviations
_HIDES_NO_STEP_RATIO = 1.10


class Assessment(NamedTuple):
    """`reason` says in words what was seen; None when stable."""

    verdict: Stability
    reason: str | None


def assess(runs: Sequence[MeasuredRun], *, tick_us: int) -> Assessment:
    """The verdict on the measured runs of one case, at least one, in order of repetition."""
    import numpy as np

    settled = [np.empty(0) if run.settled_us is None else run.settled_us for run in runs]
    within = within_runs(settled, tick_us=tick_us)
    if any(run.settled_us is None for run in runs):
        found = (
            _contended(runs)
            or _trend(runs, within, tick_us)
            or _noisy(runs, settled, tick_us)
            or _too_coarse(runs)
        )
        return found or Assessment(Stability.STABLE, None)
    modes = two_modes(np.concatenate(settled), tick_us=tick_us)
    found = (
        _contended(runs)
        or (_bimodal(modes) if modes is not None and is_hopping(modes, settled) else None)
        or _trend(runs, within, tick_us)
        or _too_few(within, MIN_EFFECTIVE)
        or (_bimodal(modes) if modes is not None else None)
        or _noisy(runs, settled, tick_us)
        or _too_few(within, MIN_EFFECTIVE_INVOKES)
        or _left_open(within)
    )
    return found or Assessment(Stability.STABLE, None)


def contention_ratio(runs: Sequence[MeasuredRun]) -> float | None:
    """Of all runs together; None if no run tells."""
    told = [run.measurement for run in runs if run.contention_ratio is not None]
    wait_us = sum(m.run_queue_wait_us or 0 for m in told)
    cpu_us = sum(m.cpu_time_us or 0 for m in told)
    if not told:
        return None
    return wait_us / (wait_us + cpu_us) if wait_us else 0.0


def _contended(runs: Sequence[MeasuredRun]) -> Assessment | None:
    ratio = contention_ratio(runs)
    if ratio is None or ratio <= MAX_CONTENTION_RATIO:
        return None
    return Assessment(
        Stability.CONTENDED, f"{ratio:.1%} of the time was spent waiting for a processor"
    )


def _trend(runs: Sequence[MeasuredRun], within: WithinRuns, tick_us: int) -> Assessment | None:
    medians_us = [run.p50_us for run in runs if run.p50_us is not None]
    drifts = [within.drift, between_runs(medians_us, tick_us=tick_us)]
    drift = max((d for d in drifts if d is not None), key=lambda d: abs(d.rise), default=None)
    if drift is None:
        return None
    verb = "rose" if drift.rise > 0 else "fell"
    reason = f"latency {verb} by {abs(math.expm1(drift.rise)):.0%} {drift.where}"
    return Assessment(
        Stability.THROTTLED if _is_throttled(runs, drift) else Stability.DRIFTING, reason
    )


def _is_throttled(runs: Sequence[MeasuredRun], drift: Drift) -> bool:
    """androidx.benchmark (ThrottleDetector.kt) goes by latency alone where Android has no
    thermal status; so does this where no temperature was read."""
    if drift.rise <= 0:
        return False
    before = runs[drift.runs[0]].before
    after = runs[drift.runs[-1]].after
    if before is None or after is None:
        return drift.rise >= THROTTLED_RISE
    if after.thermal_status:
        return True
    if (
        before.cpu_khz is not None
        and after.cpu_khz is not None
        and after.cpu_khz < SLOWER_CLOCK_RATIO * before.cpu_khz
    ):
        return True
    if before.temperature_c is None or after.temperature_c is None:
        return drift.rise >= THROTTLED_RISE
    return after.temperature_c - before.temperature_c >= HOTTER_C


def _bimodal(modes: TwoModes) -> Assessment:
    reason = f"two latencies {math.expm1(modes.gap):.0%} apart, {modes.share:.0%} at the slower"
    return Assessment(Stability.BIMODAL, reason)


def _noisy(
    runs: Sequence[MeasuredRun], settled: Sequence[NDArray[np.float64]], tick_us: int
) -> Assessment | None:
    limit = MAX_CV_LOCKED_RATIO if all(run.is_locked for run in runs) else MAX_CV_RATIO
    medians_us = [run.p50_us for run in runs if run.p50_us]
    if medians_us:  # neighbouring ticks of a coarse clock are no scatter
        limit = max(limit, 1.5 * tick_us / median(medians_us))
    scatters = [cv for run in runs if (cv := _robust_cv(run)) is not None]
    if scatters and (cv := median(scatters)) > limit:
        return Assessment(
            Stability.NOISY, f"invokes scatter by {cv:.1%} (robust CV; limit {limit:.0%})"
        )
    outliers, count = _outliers(settled, tick_us)
    # The limit, and what chance adds to it: 99 % of a binomial.
    chance = 2.33 * math.sqrt(count * MAX_OUTLIER_RATIO * (1 - MAX_OUTLIER_RATIO))
    if outliers > count * MAX_OUTLIER_RATIO + chance:
        return Assessment(
            Stability.NOISY,
            f"{outliers / count:.1%} of the invokes are outliers (limit {MAX_OUTLIER_RATIO:.0%})",
        )
    logs = [math.log(value) for value in medians_us]
    if len(logs) >= 3 and (scatter := stdev(logs)) > limit:
        return Assessment(
            Stability.NOISY, f"run medians scatter by {scatter:.1%} (limit {limit:.0%})"
        )
    return None


def _robust_cv(run: MeasuredRun) -> float | None:
    """1.4826 MAD / median; of an aggregate, from the span p5 to p95 as if normal."""
    if run.settled_us is not None:
        import numpy as np

        if not len(run.settled_us):
            return None
        centre = medians.median(run.settled_us)
        deviation = 1.4826 * medians.median(np.abs(run.settled_us - centre))
        return deviation / centre if centre > 0 else None
    invokes = run.measurement.invokes
    if not isinstance(invokes, InvokeAggregate) or not invokes.p50_us:
        return None
    if invokes.p5_us is None or invokes.p95_us is None:
        return None
    return (invokes.p95_us - invokes.p5_us) / (_NORMAL_SPAN * invokes.p50_us)


def _outliers(settled: Sequence[NDArray[np.float64]], tick_us: int) -> tuple[int, int]:
    """Of how many invokes how many are far above their run's median."""
    import numpy as np

    found = count = 0
    for run in settled:
        if not len(run):
            continue
        centre = medians.median(run)
        deviation = max(1.4826 * medians.median(np.abs(run - centre)), float(tick_us))
        found += int(np.count_nonzero((run - centre) > _OUTLIER_Z * deviation))
        count += len(run)
    return found, count


def _too_few(within: WithinRuns, needed: int) -> Assessment | None:
    if within.effective >= needed:
        return None
    return Assessment(
        Stability.TOO_FEW,
        f"worth {within.effective:.0f} independent invokes ({needed} needed)",
    )


def _left_open(within: WithinRuns) -> Assessment | None:
    half_width = _MEDIAN_ERROR * within.scatter / math.sqrt(within.effective)
    if half_width <= MAX_HALF_WIDTH_RATIO:
        return None
    return Assessment(
        Stability.TOO_FEW,
        f"the invokes leave the median open by {half_width:.1%} (limit {MAX_HALF_WIDTH_RATIO:.0%})",
    )


def _too_coarse(runs: Sequence[MeasuredRun]) -> Assessment | None:
    """Of runs that told aggregates: is a step within a run excluded?"""
    invokes = sum(run.invokes for run in runs)
    if invokes < MIN_EFFECTIVE_INVOKES:
        return Assessment(Stability.TOO_FEW, f"{invokes} invokes ({MIN_EFFECTIVE_INVOKES} needed)")
    for run in runs:
        told = run.measurement.invokes
        if not isinstance(told, InvokeAggregate):
            continue
        if not told.p5_us or told.p95_us is None:
            return Assessment(
                Stability.TOO_FEW, "the runner tells no p5 and p95: drift cannot be ruled out"
            )
        if told.p95_us >= _HIDES_NO_STEP_RATIO * told.p5_us:
            return Assessment(
                Stability.TOO_FEW,
                "the runner tells no samples, and p95 lies "
                f"{told.p95_us / told.p5_us - 1:.0%} above p5: drift cannot be ruled out",
            )
    return None
