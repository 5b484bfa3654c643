"""How good predictions were: errors against measured latencies, beside simpler predictors.

Errors are relative to the measured latency: |predicted / measured - 1|. `coverage` is the share of
measured latencies inside the predicted band, which claims 90 %. Spearman's coefficient is that of
the ranks, equal values sharing theirs (Spearman 1904).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median

import msgspec

from qbench.records import ComputeUnit, Tier

_FEWEST_RANKED = 3


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One measured latency and what was predicted for it, all in us.

    `flops_only_us`, `roofline_only_us`: by one factor, fitted on the other models of the group, on
    multiply-accumulates, and on the data sheet's roofline. None: too few other models.
    """

    unit: ComputeUnit
    runtime: str
    device: str
    dtype: str
    model: str
    threads: int | None
    measured_us: float
    predicted_us: float
    low_us: float
    high_us: float
    tier: Tier
    flops_only_us: float | None = None
    roofline_only_us: float | None = None

    @property
    def error_ratio(self) -> float:
        return abs(self.predicted_us / self.measured_us - 1)


class NotPredicted(msgspec.Struct, frozen=True, kw_only=True):
    """A measured latency that no prediction stands beside, and why. `unit` None: not known."""

    unit: ComputeUnit | None
    runtime: str
    device: str
    model: str
    reason: str


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    """The grade of one group, or with `runtime` None of all groups of a unit.

    Metrics are None where there is no point, Spearman's below three, the simple predictors' where
    a point lacks them; then `n_simple` says how many points have them, and `simple_own_mape_ratio`
    is our own error on just these.
    """

    unit: ComputeUnit
    runtime: str | None
    device: str | None
    dtype: str | None
    n: int
    mape_ratio: float | None
    median_ratio: float | None
    worst_ratio: float | None
    within_10_ratio: float | None
    within_20_ratio: float | None
    spearman: float | None
    coverage_ratio: float | None
    tiers: tuple[Tier, ...]
    n_simple: int
    simple_own_mape_ratio: float | None
    flops_only_mape_ratio: float | None
    roofline_only_mape_ratio: float | None
    points: tuple[Point, ...]
    not_predicted: tuple[NotPredicted, ...]


def grade(points: Sequence[Point], missing: Sequence[NotPredicted] = ()) -> tuple[Fidelity, ...]:
    """One grade per unit over all its groups, then one per (unit, runtime, device, dtype)."""
    seen = {p.unit for p in points} | {m.unit for m in missing}
    units = [u for u in ComputeUnit if u in seen]
    found = []
    for unit in units:
        mine = [p for p in points if p.unit is unit]
        lost = [m for m in missing if m.unit is unit]
        found.append(_graded(unit, None, None, None, mine, lost))
    groups: dict[tuple[ComputeUnit, str, str, str], list[Point]] = {}
    for p in sorted(points, key=lambda p: units.index(p.unit)):
        groups.setdefault((p.unit, p.runtime, p.device, p.dtype), []).append(p)
    found += [_graded(*key, members, ()) for key, members in groups.items()]
    return tuple(found)


def _graded(
    unit: ComputeUnit,
    runtime: str | None,
    device: str | None,
    dtype: str | None,
    points: Sequence[Point],
    missing: Sequence[NotPredicted],
) -> Fidelity:
    errors = [p.error_ratio for p in points]
    simple = [p for p in points if p.flops_only_us and p.roofline_only_us]
    return Fidelity(
        unit=unit,
        runtime=runtime,
        device=device,
        dtype=dtype,
        n=len(points),
        mape_ratio=_over(fmean, errors),
        median_ratio=_over(median, errors),
        worst_ratio=_over(max, errors),
        within_10_ratio=_over(fmean, [float(e <= 0.1) for e in errors]),
        within_20_ratio=_over(fmean, [float(e <= 0.2) for e in errors]),
        spearman=spearman([p.predicted_us for p in points], [p.measured_us for p in points]),
        coverage_ratio=_over(
            fmean, [float(p.low_us <= p.measured_us <= p.high_us) for p in points]
        ),
        tiers=tuple(sorted({p.tier for p in points})),
        n_simple=len(simple),
        simple_own_mape_ratio=_over(fmean, [p.error_ratio for p in simple]),
        flops_only_mape_ratio=_over(
            fmean, [abs((p.flops_only_us or 0) / p.measured_us - 1) for p in simple]
        ),
        roofline_only_mape_ratio=_over(
            fmean, [abs((p.roofline_only_us or 0) / p.measured_us - 1) for p in simple]
        ),
        points=tuple(sorted(points, key=lambda p: -p.error_ratio)),
        not_predicted=tuple(missing),
    )


def _over(statistic: Callable[[list[float]], float], values: list[float]) -> float | None:
    return float(statistic(values)) if values else None


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Rank correlation, -1 .. 1; None with fewer than three pairs or when one side is constant."""
    if len(first) < _FEWEST_RANKED:
        return None
    a, b = ranks(first), ranks(second)
    mean = fmean(a)
    spread = (sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b)) ** 0.5
    if spread == 0:
        return None
    return float(sum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True)) / spread)


def ranks(values: Sequence[float]) -> list[float]:
    """1 for the smallest; equal values share the mean of their ranks."""
    ordered = sorted(values)
    first = {value: index for index, value in reversed(list(enumerate(ordered, 1)))}
    return [first[value] + (ordered.count(value) - 1) / 2 for value in values]


def best_factor(sizes: Iterable[float], measured_us: Iterable[float]) -> float | None:
    """The factor on `sizes` with the least mean relative error: the best that a predictor of one
    parameter can do. None without any size above zero.

    The error is piecewise linear in the factor, so the minimum is at one of the exact fits.
    """
    pairs = [(s, t) for s, t in zip(sizes, measured_us, strict=True) if s > 0 and t > 0]
    candidates = [t / s for s, t in pairs]
    return min(
        candidates,
        key=lambda f: sum(abs(f * s / t - 1) for s, t in pairs),
        default=None,
    )
