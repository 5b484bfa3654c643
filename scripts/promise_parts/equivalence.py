"""A change of just the margin is called "the same" in at most 5 % (the size of the TOST)."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.promise_parts._comparing import Regime, comparisons
from scripts.promise_parts._row import Row

from fakes.latency_samples import Noise
from qbench.stats import Ratio, Verdict

CALM = Noise(between_run_sigma=0.003, rho=0.3)
REGIMES = (
    Regime(runs=10),
    Regime(runs=10, noise=CALM),
    Regime(runs=5, invokes=100, noise=CALM),
    Regime(runs=10, noise=CALM, drift=0.0, interleaved=False),
)


def rows(trials: int) -> Iterator[Row]:
    for regime in REGIMES:
        for effect in (0.02, 1 / 1.02 - 1):
            found = comparisons(trials, regime, effect, seed=5)
            same = sum(isinstance(f, Ratio) and f.verdict is Verdict.SAME for f in found)
            yield Row(
                f"TOST: {effect:+.1%} is the same within 2 %", str(regime), same, trials, 0, 0.05
            )
    found = comparisons(trials, Regime(runs=10, noise=CALM), 0.0, seed=6)
    same = sum(isinstance(f, Ratio) and f.verdict is Verdict.SAME for f in found)
    yield Row("TOST: equal is the same within 2 %", str(REGIMES[1]), same, trials, 0.95)
