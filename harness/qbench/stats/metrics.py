"""A summary seen through one metric, so that everything that compares medians compares it."""

from __future__ import annotations

import msgspec

from qbench.records import Metric, Origin, Summary
from qbench.stats.intervals import median_interval
from qbench.stats.percentiles import median_us

COMPARABLE = (Metric.P50, Metric.P90, Metric.INIT, Metric.FIRST)


def seen_by(summary: Summary, metric: Metric) -> Summary:
    """The same case with one value of `metric` per run where the medians stand.

    A run that did not tell leaves the case without the metric; so does a prediction, which has
    a band for its median only.
    """
    if metric is Metric.P50:
        return summary
    runs_us = {
        Metric.P90: summary.run_p90s_us,
        Metric.INIT: summary.run_inits_us,
        Metric.FIRST: summary.run_firsts_us,
    }[metric]
    is_predicted = summary.case.origin is Origin.SIMULATED
    value_us = None if is_predicted else median_us(runs_us)
    return msgspec.structs.replace(
        summary,
        p50_us=value_us,
        interval=(
            None
            if value_us is None
            else median_interval(runs_us, value_us, tick_us=summary.tick_us)
        ),
        run_medians_us=runs_us,
        run_repetitions=summary.run_repetitions if runs_us else (),
    )
