"""Equal things are told apart in about 5 % of all comparisons, never in many more."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.promise_parts._comparing import ROUGH, Regime, comparisons, differs
from scripts.promise_parts._row import Row

from fakes.latency_samples import Noise

PROMISE = "A/B: equal things differ"
REGIMES = (
    Regime(runs=10),
    Regime(runs=5, invokes=100),
    Regime(runs=10, noise=ROUGH, drift=0.03),
    Regime(runs=5, invokes=100, noise=ROUGH, drift=0.03),
    Regime(runs=10, invokes=50, noise=Noise(within_run_sigma=0.05, outlier_share=0.05)),
    Regime(runs=10, interleaved=False),
)


def rows(trials: int) -> Iterator[Row]:
    for regime in REGIMES:
        wrong = sum(differs(f) for f in comparisons(trials, regime, 0.0, seed=1))
        yield Row(PROMISE, str(regime), wrong, trials, 0.02, 0.065)
