"""Budgets as people write them: `p50 <= 8 ms`, `not delegated -> fail`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from qbench.errors import PlanError
from qbench.records import Budget, Metric

NOT_DELEGATED = "not delegated -> fail"
_LIMIT = re.compile(r"(?P<metric>[a-z0-9]+)\s*<=\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)")
_TIME_US = {"us": 1.0, "ms": 1e3, "s": 1e6}
# Decimal, as sizes are printed; KiB and so on as they are defined.
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_UNITS: dict[Metric, Mapping[str, float]] = {
    Metric.P50: _TIME_US,
    Metric.P90: _TIME_US,
    Metric.INIT: _TIME_US,
    Metric.FIRST: _TIME_US,
    Metric.MEMORY: _BYTES,
    Metric.PARTITIONS: {"": 1},
}
_HINT = (
    f"write one of: {', '.join(Metric)} <= NUMBER UNIT (us, ms, s; B, kB, MB, GB, MiB; none for "
    f"partitions), or: {NOT_DELEGATED}"
)


def read_budgets(given: Mapping[str, Sequence[str]]) -> tuple[Budget, ...]:
    """By glob of case ids the limits that hold for them. Raises PlanError."""
    return tuple(_read(cases, text) for cases, limits in given.items() for text in limits)


def _read(cases: str, text: str) -> Budget:
    plain = " ".join(text.split())
    if plain == NOT_DELEGATED:
        return Budget(cases=cases, text=plain)
    found = _LIMIT.fullmatch(plain)
    who = f"budgets: {cases}: {text!r}"
    if found is None:
        raise PlanError(f"{who} is not a limit", hint=_HINT)
    if found["metric"] not in set(Metric):
        raise PlanError(f"{who}: {found['metric']!r} is not a metric", hint=_HINT)
    metric = Metric(found["metric"])
    units = _UNITS[metric]
    if found["unit"] not in units:
        raise PlanError(f"{who}: {found['unit']!r} is no unit of {metric}", hint=_HINT)
    at_most = float(found["value"]) * units[found["unit"]]
    return Budget(cases=cases, text=plain, metric=metric, at_most=at_most)
