"""Is a limit kept, and may a test rely on that? What is not sure does not pass."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Literal

import msgspec

from qbench import plan, stats
from qbench.api.asking import several
from qbench.api.results import Result
from qbench.errors import InputError
from qbench.records import Budget, Metric, Origin, Summary, Taint
from qbench.report import budgets, sentence
from qbench.report.html.words import many
from qbench.stats import BudgetCheck, Kept
from qbench.stats.metrics import COMPARABLE

Allowed = Literal["simulated", "emulated", "fallback"]
ALLOWED = ("simulated", "emulated", "fallback")
_MORE = "measure again with more runs (repetitions=20), or where nothing else runs"


class Standing(StrEnum):
    KEPT = "kept"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"  # these runs do not tell
    REFUSED = "refused"  # of an origin, or by an executor, that was not allowed


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """`text`: by how much, where the number comes from, how sure it is."""

    standing: Standing
    check: BudgetCheck
    text: str


class BudgetBrokenError(AssertionError):
    """A budget is not kept, or by a result that was not allowed to keep it."""


class BudgetInconclusiveError(AssertionError):
    """No budget is broken, and for at least one these runs do not tell that it is kept."""


def assert_budget(
    result: Result, *limits: str, allow: Allowed | Collection[Allowed] = ()
) -> tuple[Judgement, ...]:
    """Every limit is kept for sure; returns what was judged.

    Raises BudgetBrokenError or BudgetInconclusiveError (both AssertionErrors) with a line per
    limit, and what `judge` raises.
    """
    __tracebackhide__ = True
    judged = judge(result, *limits, allow=allow)
    found = {one.standing for one in judged}
    lines = "\n".join([*(one.text for one in judged), str(result)])
    if found & {Standing.BROKEN, Standing.REFUSED}:
        raise BudgetBrokenError(lines)
    if Standing.INCONCLUSIVE in found:
        raise BudgetInconclusiveError(lines)
    return judged


def judge(
    result: Result, *limits: str, allow: Allowed | Collection[Allowed] = ()
) -> tuple[Judgement, ...]:
    """One judgement per limit, in their order; limits are those of plan files: `p50 <= 8 ms`,
    `p90`, `init`, `first`, `memory <= 64 MB`, `partitions <= 1`, `not delegated -> fail`.

    A latency is kept when its whole interval (of a prediction: its 90 % band) is, over at least
    five runs; broken when its best estimate is above the limit, as with `qbench run --budget`;
    between the two these runs do not tell. What is simulated or emulated keeps a limit only if
    `allow` says so, and what the CPU ran instead of a delegate only with `fallback`. Failed runs
    keep nothing. Raises PlanError for a limit that cannot be read, InputError for an unknown word.
    """
    allowed = set(several(allow))
    if not limits:
        raise InputError("assert_budget: no limit is given", hint='such as "p50 <= 8 ms"')
    if unknown := sorted(allowed - set(ALLOWED)):
        raise InputError(f"allow: {unknown[0]!r} is not known", hint=", ".join(ALLOWED))
    read = plan.read_budgets({"*": limits})
    return tuple(
        _judge(check, result.summary, allowed)
        for check in stats.check_budgets(read, [result.summary])
    )


def _judge(check: BudgetCheck, summary: Summary, allowed: Collection[str]) -> Judgement:
    standing, why = _standing(check, summary, allowed)
    shown = standing.value if standing is Standing.KEPT else standing.value.upper()
    told = ", ".join(filter(None, (_distance(check), why))) or "so it ran"
    return Judgement(standing=standing, check=check, text=f"{check.budget.text}: {shown}: {told}")


def _standing(
    check: BudgetCheck, summary: Summary, allowed: Collection[str]
) -> tuple[Standing, str]:
    """In this order: what failed, what is broken, what may not be told, what is not sure."""
    if summary.failed_runs:
        return Standing.BROKEN, f"{summary.failed_runs} of {many(summary.runs, 'run')} failed"
    if check.status is Kept.BROKEN:
        return Standing.BROKEN, _broken(check, summary)
    if check.status is Kept.UNKNOWN:
        return Standing.INCONCLUSIVE, "the runner did not tell"
    if refusal := _refusal(check.budget, summary, allowed):
        return Standing.REFUSED, refusal
    if check.budget.metric in COMPARABLE and (doubt := _doubt(check, summary)):
        return Standing.INCONCLUSIVE, doubt
    return Standing.KEPT, f"and so is all of {_span(check, summary)}" if check.is_sure else ""


def _broken(check: BudgetCheck, summary: Summary) -> str:
    if check.budget.metric is None:
        return f"no node ran on {summary.case.delegate}"
    return f"though {_span(check, summary)} reaches below" if check.is_sure is False else ""


def _refusal(budget: Budget, summary: Summary, allowed: Collection[str]) -> str:
    origin = summary.case.origin
    if origin in (Origin.SIMULATED, Origin.EMULATED) and origin.value not in allowed:
        return (
            f"but it is {sentence.origin_of(summary)}, not measured on a device: "
            f'allow="{origin.value}" lets it keep a budget'
        )
    if summary.cpu_fallback and budget.metric is not None and "fallback" not in allowed:
        return (
            f"but {summary.case.delegate} was asked for, but the CPU ran it: "
            'allow="fallback" lets that keep a budget'
        )
    return ""


def _doubt(check: BudgetCheck, summary: Summary) -> str:
    is_predicted = summary.case.origin is Origin.SIMULATED
    if check.is_sure is None and is_predicted:
        return f"and a prediction has no band of {check.budget.metric}"
    if check.is_sure is None:
        return f"and {many(summary.runs, 'run')} make no interval: {_MORE}"
    if check.is_sure is False:
        end = "" if is_predicted else f": {_MORE}"
        return f"but {_span(check, summary)} reaches above{end}"
    if Taint.FEW_RUNS in summary.taints:
        runs = many(len(summary.run_medians_us), "run")
        return f"but {runs} are too few to rely on (5 needed): {_MORE}"
    return ""


def _span(check: BudgetCheck, summary: Summary) -> str:
    if check.budget.metric is Metric.P50:
        return f"the {sentence.span_of(summary)}"
    return f"the 95 % interval of {check.budget.metric}"


def _distance(check: BudgetCheck) -> str:
    """`8.31 ms is 3.9 % above`; empty where there is no number."""
    limit, value = check.budget.at_most, check.value
    if limit is None or value is None:
        return ""
    size = f"{budgets.value_of(check)} is "
    if value == limit:
        return size + "just that"
    way = "above" if value > limit else "below"
    if not limit:
        return size + way
    percent = abs(value / limit - 1) * 100
    return f"{size}{percent:.0f} % {way}" if percent >= 100 else f"{size}{percent:.2g} % {way}"
