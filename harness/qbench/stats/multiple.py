"""Many comparisons at once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qbench.stats.comparison import Ratio, Refusal, Verdict
from qbench.stats.intervals import LEVEL


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
    tested = [r for r in results if isinstance(r, Ratio) and r.p_value is not None]
    adjusted = iter(holm([r.p_value for r in tested if r.p_value is not None]))
    corrected: list[Ratio | Refusal] = []
    for result in results:
        if isinstance(result, Refusal) or result.p_value is None:
            corrected.append(result)
            continue
        is_lost = next(adjusted) >= 1 - LEVEL
        if is_lost and result.verdict in (Verdict.FASTER, Verdict.SLOWER):
            caution = f"not significant among {len(tested)} comparisons (Holm)"
            result = msgspec.structs.replace(
                result, verdict=Verdict.INCONCLUSIVE, cautions=(*result.cautions, caution)
            )
        corrected.append(result)
    return tuple(corrected)
