"""Summaries as `qbench.stats.summarize` makes them, straight from medians or from a band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fakes.latency_samples import a_case
from qbench.records import (
    Delegate,
    Failure,
    Interval,
    Origin,
    Placement,
    Proof,
    Stability,
    Summary,
    Tier,
    UnitNodes,
)
from qbench.stats.intervals import median_interval

ON_NPU = UnitNodes(0, 0, 10)


def measured(
    medians_us: Sequence[int],
    *,
    case_id: str = "m-int8-cpu-t4@d",
    repetitions: Sequence[int] | None = None,
    origin: Origin = Origin.DEVICE,
    tick_us: int = 1,
    verdict: Stability = Stability.STABLE,
    failure: Failure | None = None,
) -> Summary:
    """As summarize makes it of runs with these medians."""
    p50_us = round(float(np.median(medians_us))) if len(medians_us) else None
    interval = None if p50_us is None else median_interval(medians_us, p50_us, tick_us=tick_us)
    return Summary(
        case=a_case(case_id, origin=origin),
        runs=len(medians_us),
        failed_runs=0,
        p50_us=p50_us,
        interval=interval,
        p90_us=None,
        init_us=None,
        first_invoke_us=None,
        tier=None,
        placement=None,
        verdict=verdict,
        taints=(),
        warnings=(),
        failure=failure,
        run_medians_us=tuple(medians_us),
        run_repetitions=tuple(range(len(medians_us)) if repetitions is None else repetitions),
        tick_us=tick_us,
    )


def predicted(
    p50_us: int,
    low_us: float,
    high_us: float,
    *,
    delegate: Delegate = Delegate.NNAPI,
    nodes: UnitNodes = ON_NPU,
    model_sha256: str = "0" * 64,
) -> Summary:
    case = a_case(
        f"m-int8-{delegate}-t4@sd865",
        origin=Origin.SIMULATED,
        delegate=delegate,
        model_sha256=model_sha256,
    )
    return Summary(
        case=case,
        runs=1,
        failed_runs=0,
        p50_us=p50_us,
        interval=Interval(low_us, high_us, 0.90),
        p90_us=None,
        init_us=None,
        first_invoke_us=None,
        tier=Tier.S1,
        placement=Placement(nodes, 1, Proof.PREDICTED),
        verdict=None,
        taints=(),
        warnings=(),
        failure=None,
        cpu_fallback=delegate is not Delegate.CPU and nodes.gpu + nodes.npu == 0,
    )
