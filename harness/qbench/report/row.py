"""One line of a result table: a case's summary beside its device's own CPU."""

from __future__ import annotations

import msgspec

from qbench.records import Summary
from qbench.stats import Ratio


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`vs_cpu` compares with the same model on the same device's CPU; None: nothing to compare
    with, or no comparison is allowed."""

    summary: Summary
    vs_cpu: Ratio | None = None
