"""One line of a result table: a case's summary beside its device's own CPU."""

from __future__ import annotations

import msgspec

from qbench.records import Interval, Summary


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`vs_cpu` is p50 over the p50 of the same model on the same device's CPU, below 1 = faster.

    `vs_cpu_interval` is its 95 % interval (measured) or 90 % band (simulated); None where it is
    exact because both are the same computation.
    """

    summary: Summary
    vs_cpu: float | None = None
    vs_cpu_interval: Interval | None = None
