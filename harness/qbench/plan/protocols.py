"""How long one run measures and how often a case is repeated."""

from __future__ import annotations

import msgspec

from qbench.errors import PlanError
from qbench.records import Metric


class Protocol(msgspec.Struct, frozen=True):
    """A run ends when both `min_invokes` and `min_s` are reached, or at `max_s`; its process is
    killed at `timeout_s`. A device rests for at least `rest_s` between runs. `metric` is what
    comparisons look at.
    """

    name: str
    repetitions: int
    warmup_invokes: int
    warmup_s: float
    min_invokes: int
    min_s: float
    max_s: float
    timeout_s: float
    rest_s: float
    metric: Metric = Metric.P50


# Warm-up and 150 s cap as in benchmark_model (warmup_runs 1, warmup_min_secs 0.5, max_secs 150);
# quick gives up earlier on purpose: it is there to be tried.
# mlperf: MLPerf Mobile's single stream (mobile_open, tasks.pbtxt and the rules): 1,024 queries and
# 60 s, at most 600 s, the 90th percentile, five tries with five minutes between them.
# sustained: ten minutes at a stretch, for heat to show; three of them, each from cool.
PROTOCOLS = {
    p.name: p
    for p in (
        Protocol("quick", 5, 2, 0.1, 20, 0.3, 60.0, 300.0, 1.0),
        Protocol("default", 10, 1, 0.5, 50, 3.0, 150.0, 600.0, 10.0),
        Protocol("mlperf", 5, 1, 0.5, 1024, 60.0, 600.0, 900.0, 300.0, Metric.P90),
        Protocol("sustained", 3, 1, 0.5, 50, 600.0, 900.0, 1200.0, 300.0),
    )
}


def protocol(name: str, *, repetitions: int | None = None) -> Protocol:
    """The protocol of that name, with another number of repetitions if one is given."""
    if name not in PROTOCOLS:
        raise PlanError(
            f"protocol: {name!r} is not known", hint=f"choose from: {', '.join(PROTOCOLS)}"
        )
    found = PROTOCOLS[name]
    if repetitions is None:
        return found
    if repetitions < 1:
        raise PlanError(f"repetitions: {repetitions} is less than 1")
    return msgspec.structs.replace(found, repetitions=repetitions)
