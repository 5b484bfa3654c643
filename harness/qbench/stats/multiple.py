"""Many comparisons at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from qbench.stats.comparison import Ratio, Refusal, Verdict
from qbench.stats.intervals import LEVEL
from qbench.stats.planning import runs_to_settle


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p values, in the order given (Holm 1979).

    Calling significant what is below 0.05 errs anywhere among all of them in at most 5 % of
    the cases.
    """
    count = len(p_values)
    adjusted = [0.0] * count
    largest = 0.0
    for rank, place in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (count - rank) * p_values[place]))
        adjusted[place] = largest
    return tuple(adjusted)


def with_holm(results: Sequence[Ratio | Refusal]) -> tuple[Ratio | Refusal, ...]:
    """The same comparisons, seen as one group.

    "faster" and "slower" of measured cases stand only where Holm's correction leaves them, and
    turn "inconclusive" elsewhere.
    """
    tested = [r.p_value for r in results if isinstance(r, Ratio) and r.p_value is not None]
    adjusted = iter(holm(tested))
    corrected: list[Ratio | Refusal] = []
    for result in results:
        if isinstance(result, Ratio) and result.p_value is not None:
            result = _corrected(result, next(adjusted), len(tested))
        corrected.append(result)
    return tuple(corrected)


def _corrected(result: Ratio, p_adjusted: float, tested: int) -> Ratio:
    result = msgspec.structs.replace(result, p_adjusted=p_adjusted)
    is_found = result.verdict in (Verdict.FASTER, Verdict.SLOWER)
    if not is_found or p_adjusted < 1 - LEVEL or result.log_sd is None or result.runs is None:
        return result
    return msgspec.structs.replace(
        result,
        verdict=Verdict.INCONCLUSIVE,
        cautions=(*result.cautions, f"not significant among {tested} comparisons (Holm)"),
        # The level at which the smallest of all p values would have to stand.
        runs_needed=runs_to_settle(
            math.log(result.ratio),
            result.log_sd,
            margin_ratio=result.margin_ratio,
            floor=result.runs + 1,
            is_paired=result.is_paired,
            level=1 - (1 - LEVEL) / tested,
        ),
    )
