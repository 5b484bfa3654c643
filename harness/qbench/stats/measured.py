"""One measured run, as the rules of this package look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qbench.records import DeviceState, InvokeSamples, Measurement, RunRecord
from qbench.stats.percentiles import percentile_index
from qbench.stats.warmup import leftover_warmup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Of twenty, it is the second largest: with fewer, the outliers make it.
MIN_SAMPLES_FOR_P90 = 20


class MeasuredRun(NamedTuple):
    """`settled_us` are the latencies after the warm-up that was left over, `invokes` and
    percentiles are of these. None: the runner told aggregates only (`settled_us`), or less.
    """

    repetition: int
    measurement: Measurement
    before: DeviceState | None
    after: DeviceState | None
    invokes: int
    warmup_left: int
    settled_us: NDArray[np.float64] | None
    p50_us: int | None
    p90_us: int | None

    @property
    def contention_ratio(self) -> float | None:
        """Waiting for a processor over waiting and running; None: the system does not tell."""
        wait_us = self.measurement.run_queue_wait_us
        cpu_us = self.measurement.cpu_time_us
        if wait_us is None or cpu_us is None:
            return None
        return wait_us / (wait_us + cpu_us) if wait_us else 0.0

    @property
    def is_locked(self) -> bool | None:
        """Were the clocks held still, before and after? None: nobody could read it."""
        states = [state for state in (self.before, self.after) if state is not None]
        fixed = {state.is_fixed_performance for state in states} - {None}
        if fixed == {True}:
            return True
        governors = {state.governor for state in states if state.governor is not None}
        return governors == {"performance"} if governors else None


def measured_run(record: RunRecord, measurement: Measurement) -> MeasuredRun:
    invokes = measurement.invokes
    warmup_left = 0
    settled_us = p50_us = p90_us = None
    if isinstance(invokes, InvokeSamples):
        import numpy as np

        latencies_us = np.array(invokes.latencies_us, dtype=np.float64)
        warmup_left = leftover_warmup(latencies_us)
        settled_us = latencies_us[warmup_left:]
        ordered = np.sort(settled_us)
        count = len(ordered)
        if count:
            p50_us = int(ordered[percentile_index(count, 50)])
        if count >= MIN_SAMPLES_FOR_P90:
            p90_us = int(ordered[percentile_index(count, 90)])
    else:
        count = invokes.count
        p50_us = invokes.p50_us
    return MeasuredRun(
        repetition=record.repetition,
        measurement=measurement,
        before=record.before,
        after=record.after,
        invokes=count,
        warmup_left=warmup_left,
        settled_us=settled_us,
        p50_us=p50_us,
        p90_us=p90_us,
    )


def tick_us(runs: list[MeasuredRun]) -> int:
    """The step of the clock, in whole us: the greatest common divisor of all differences.

    1 where it cannot be seen: aggregates, fewer than ten samples, samples that are all equal.
    """
    import numpy as np

    settled = [run.settled_us for run in runs if run.settled_us is not None]
    if sum(len(run) for run in settled) < 10:
        return 1
    values = np.unique(np.concatenate(settled)).astype(np.int64)
    return int(np.gcd.reduce(np.diff(values))) if len(values) > 1 else 1
