"""Amounts and latencies -> prices: robust, non-negative, and no wilder than their evidence.

min sum huber(predicted / measured - 1) + sum ((price / prior - 1) / width)^2, price >= 0: least
squares on the relative error, the Huber loss by re-weighting (Holland and Welsch 1977), solved as
NNLS (Lawson and Hanson 1974). The prior is an observation of every price, so that an amount that
singles hardly have does not get any price that happens to fit one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Name = tuple[str, str]  # (kind, amount)
Row = Mapping[Name, float]

# How far a single is expected to be off, and where the Huber loss turns linear.
NOISE_RATIO = 0.05
_PRIOR_WIDTH_RATIO = 3.0
_ROUNDS = 10


class Solution(msgspec.Struct, frozen=True):
    """`covariance` is of prices in the order of `names`; 0 where a price is held at 0.

    `ratios`: predicted over measured of every row. `condition`: of the scaled normal equations.
    """

    names: tuple[Name, ...]
    prices: Array
    covariance: Array
    ratios: Array
    condition: float

    def predict(self, row: Row) -> float:
        known = dict(zip(self.names, self.prices, strict=True))
        return float(sum(value * known.get(name, 0.0) for name, value in row.items()))


def solve(
    rows: Sequence[Row], latencies_us: Sequence[float], priors: Mapping[Name, float]
) -> Solution:
    """`priors` must have a positive value for every name in `rows`."""
    import numpy as np
    from scipy.optimize import nnls

    names = tuple(sorted({name for row in rows for name in row}))
    place = {name: i for i, name in enumerate(names)}
    amounts = np.zeros((len(rows), len(names)))
    for i, row in enumerate(rows):
        for name, value in row.items():
            amounts[i, place[name]] = value
    prior = np.array([priors[name] for name in names])
    # In units of the priors, relative to what was measured.
    relative = amounts * prior / np.asarray(latencies_us, float)[:, None]
    pull = np.eye(len(names)) / _PRIOR_WIDTH_RATIO
    weights = np.ones(len(rows))
    answer = np.ones(len(names))
    for _ in range(_ROUNDS):
        scale = np.sqrt(weights) / NOISE_RATIO
        system = np.vstack([relative * scale[:, None], pull])
        target = np.concatenate([scale, np.full(len(names), 1 / _PRIOR_WIDTH_RATIO)])
        solved, _ = nnls(system, target, maxiter=50 * len(names))
        weights = 1 / np.maximum(1, np.abs(relative @ solved - 1) / NOISE_RATIO)
        done = np.allclose(solved, answer, rtol=1e-6, atol=1e-9)
        answer = solved
        if done:
            break
    covariance, condition = _covariance(relative, weights, answer)
    return Solution(
        names=names,
        prices=answer * prior,
        covariance=covariance * np.outer(prior, prior),
        ratios=relative @ answer,
        condition=condition,
    )


def _covariance(relative: Array, weights: Array, answer: Array) -> tuple[Array, float]:
    """Of the prices that are not held at 0, by the delta method on the last weighted problem."""
    import numpy as np

    active = np.flatnonzero(answer > 0)
    full = np.zeros((len(answer), len(answer)))
    if not len(active):
        return full, 1.0
    used = relative[:, active]
    residual = used @ answer[active] - 1
    freedom = max(1, len(residual) - len(active))
    variance = max(1e-6, float(np.sum(weights * residual**2)) / freedom)
    information = (used * weights[:, None]).T @ used / variance
    information += np.eye(len(active)) / _PRIOR_WIDTH_RATIO**2
    full[np.ix_(active, active)] = np.linalg.inv(information)
    spread = np.sqrt(np.diag(information))
    return full, float(np.linalg.cond(information / np.outer(spread, spread)))


def left_out(
    rows: Sequence[Row], latencies_us: Sequence[float], priors: Mapping[Name, float], folds: int = 5
) -> Array:
    """Predicted over measured of every row by a fit that has not seen it (K folds, in turn).

    NaN where the fit has seen nothing of the row's class: of such an operator a calibration
    predicts nothing, and says so.
    """
    import numpy as np

    ratios = np.full(len(rows), np.nan)
    for fold in range(folds):
        seen = [i for i in range(len(rows)) if i % folds != fold]
        fit = solve([rows[i] for i in seen], [latencies_us[i] for i in seen], priors)
        known = {name for i in seen for name in rows[i]}
        kinds = {kind for kind, _ in known}
        for i in range(fold, len(rows), folds):
            row = rows[i]
            if not kinds.issuperset([kind for kind, _ in row]):
                continue
            guess = sum(v * priors[n] for n, v in row.items() if n not in known)
            ratios[i] = (fit.predict(row) + guess) / latencies_us[i]
    return ratios
