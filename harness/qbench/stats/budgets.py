"""Were the limits of a plan kept? Judged by the value itself; the interval says how surely."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from qbench.records import Budget, Delegate, Metric, Summary
from qbench.stats.metrics import COMPARABLE, seen_by


class Kept(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    UNKNOWN = "not known"  # the runner did not tell, the run failed, or it is still to be done


class BudgetCheck(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is in us, bytes or pieces; None: not told. `is_sure`: the whole interval lies on one
    side of the limit; None where there is no interval to say."""

    case_id: str
    budget: Budget
    status: Kept
    value: float | None = None
    is_sure: bool | None = None


def check_budgets(
    budgets: Sequence[Budget], summaries: Sequence[Summary]
) -> tuple[BudgetCheck, ...]:
    """One check per budget and case that it is for, in the order of the budgets.

    A budget speaks of a value, so the best estimate decides: above the limit it is broken even if
    the interval reaches below, and a hair below it is kept. `is_sure` tells the two apart.
    """
    return tuple(
        _check(budget, summary)
        for budget in budgets
        for summary in summaries
        if fnmatchcase(summary.case.case_id, budget.cases)
    )


def _check(budget: Budget, summary: Summary) -> BudgetCheck:
    case_id = summary.case.case_id
    if budget.metric is None or budget.at_most is None:
        return BudgetCheck(case_id=case_id, budget=budget, status=_delegated(summary))
    value, span = _value(budget.metric, summary)
    if value is None:
        return BudgetCheck(case_id=case_id, budget=budget, status=Kept.UNKNOWN)
    is_sure = None
    if span is not None:
        is_sure = span[1] <= budget.at_most or span[0] > budget.at_most
    return BudgetCheck(
        case_id=case_id,
        budget=budget,
        status=Kept.KEPT if value <= budget.at_most else Kept.BROKEN,
        value=value,
        is_sure=is_sure,
    )


def _delegated(summary: Summary) -> Kept:
    """The CPU was asked for: nothing to be delegated. What could not be delegated fails as a run
    (NotDelegatedError), which is the same answer."""
    if summary.case.delegate is Delegate.CPU:
        return Kept.KEPT
    if summary.failure is not None and summary.failure.error == "NotDelegatedError":
        return Kept.BROKEN
    if summary.placement is None or not summary.placement.executed_by:
        return Kept.UNKNOWN
    return Kept.BROKEN if summary.cpu_fallback else Kept.KEPT


def _value(metric: Metric, summary: Summary) -> tuple[float | None, tuple[float, float] | None]:
    """The value and its interval, where it has one."""
    if metric is Metric.MEMORY:
        return summary.peak_rss_bytes, None
    if metric is Metric.PARTITIONS:
        return (summary.placement.partitions if summary.placement else None), None
    assert metric in COMPARABLE
    if metric is Metric.P90 and not summary.run_p90s_us:
        return summary.p90_us, None  # of a prediction
    seen = seen_by(summary, metric)
    interval = seen.interval
    return seen.p50_us, ((interval.low, interval.high) if interval else None)
