"""What a plan asks of its results: metrics and budgets. Frozen values, no I/O."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Metric(StrEnum):
    """What is compared or limited. All but `memory` and `partitions` are latencies."""

    P50 = "p50"  # median of the run medians
    P90 = "p90"  # the same of the runs' 90th percentiles
    INIT = "init"
    FIRST = "first"  # the first invoke
    MEMORY = "memory"  # peak resident set of the runner's process
    PARTITIONS = "partitions"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A limit for all cases whose id fits the glob `cases`.

    `metric` <= `at_most`, in us, bytes or pieces. `metric` None: a delegate that was asked for
    must execute at least one node. `text` is what the user wrote.
    """

    cases: str
    text: str
    metric: Metric | None = None
    at_most: float | None = None
