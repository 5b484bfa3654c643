"""The 95 % intervals hold the truth in 93 to 97 %."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scripts.promise_parts._comparing import ROUGH, Regime, comparisons, covers, run_medians
from scripts.promise_parts._row import Row

from fakes.latency_samples import session_drift
from fakes.summaries import measured


def rows(trials: int) -> Iterator[Row]:
    for effect, regime in (
        (0.05, Regime(runs=5, invokes=100)),
        (0.02, Regime(runs=10)),
        (1.0, Regime(runs=10, noise=ROUGH, drift=0.03)),
        (0.05, Regime(runs=10, interleaved=False)),
    ):
        hits = sum(covers(f, 1 + effect) for f in comparisons(trials, regime, effect, seed=3))
        name = f"interval of a ratio of {1 + effect:g} holds it"
        yield Row(name, str(regime), hits, trials, 0.93, 0.97)
    for runs in (5, 10):
        regime = Regime(runs=runs, invokes=100)
        hits = _of_a_latency(trials, regime)
        yield Row("interval of a latency holds it", str(regime), hits, trials, 0.93, 0.97)


def _of_a_latency(trials: int, regime: Regime) -> int:
    """The truth is the geometric mean of the medians of very many runs."""
    rng = np.random.default_rng([4, regime.runs])
    many = run_medians(rng, 20_000 // regime.runs, regime, np.ones((20_000, 1)))
    truth = float(np.exp(np.log(many).mean()))
    drift = session_drift(rng, trials * regime.runs, regime.drift)
    hits = 0
    for medians_us in run_medians(rng, trials, regime, drift):
        interval = measured([int(v) for v in medians_us]).interval
        assert interval is not None
        hits += interval.low <= truth <= interval.high
    return hits
