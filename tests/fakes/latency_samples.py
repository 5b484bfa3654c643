"""Made-up invoke latencies with known properties, from a seeded generator.

The shape is that of latencies on phones: autocorrelated from invoke to invoke (AR(1)), one-sided
outliers, an effect common to all invokes of a process, slow drift of a session, a warm-up that
decays, clocks that are lowered, two kinds of core, a clock that ticks coarsely. Effects are
factors, so they compose: `quantised(throttle_step(steady(...)) * warm_up(...))`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qbench.records import (
    Case,
    Delegate,
    DeviceState,
    InvokeSamples,
    Measurement,
    Origin,
    Outcome,
    Placement,
    Precision,
    Proof,
    RunRecord,
    UnitNodes,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How latencies scatter. `*_sigma` are standard deviations of the log."""

    within_run_sigma: float = 0.02
    rho: float = 0.6
    outlier_share: float = 0.02
    outlier_excess: float = 0.3  # mean of the exponential excess over the latency
    between_run_sigma: float = 0.01


def autocorrelated(rng: np.random.Generator, rows: int, n: int, rho: float) -> Floats:
    """AR(1) with unit variance, stationary from the first value; shape (rows, n)."""
    values = rng.standard_normal((rows, n))
    scale = np.sqrt(1 - rho**2)
    for i in range(1, n):
        values[:, i] = rho * values[:, i - 1] + scale * values[:, i]
    return values


def steady(
    rng: np.random.Generator, runs: int, n: int, noise: Noise, *, base_us: float = 10_000.0
) -> Floats:
    """Latencies in us of `runs` processes with `n` invokes each; shape (runs, n)."""
    between = noise.between_run_sigma * rng.standard_normal((runs, 1))
    within = noise.within_run_sigma * autocorrelated(rng, runs, n, noise.rho)
    is_outlier = rng.random((runs, n)) < noise.outlier_share
    excess = is_outlier * rng.exponential(noise.outlier_excess, (runs, n))
    samples: Floats = base_us * np.exp(between + within) * (1 + excess)
    return samples


def session_drift(rng: np.random.Generator, repetitions: int, sigma: float) -> Floats:
    """One factor per repetition, common to all cases of that repetition; shape (repetitions, 1)."""
    factors: Floats = np.exp(sigma * rng.standard_normal((repetitions, 1)))
    return factors


def warm_up(n: int, *, excess: float, tau_invokes: float) -> Floats:
    """Factor `1 + excess * exp(-i / tau)`; shape (n,)."""
    factors: Floats = 1 + excess * np.exp(-np.arange(n) / tau_invokes)
    return factors


def throttle_step(n: int, *, at: float, rise: float) -> Floats:
    """Factor 1, and `1 + rise` from the share `at` of the run on; shape (n,)."""
    factors: Floats = np.where(np.arange(n) < at * n, 1.0, 1.0 + rise)
    return factors


def throttle_ramp(n: int, *, rise: float) -> Floats:
    """Factor that grows evenly from 1 to `1 + rise`; shape (n,)."""
    factors: Floats = 1.0 + rise * np.arange(n) / max(n - 1, 1)
    return factors


def migrations(rng: np.random.Generator, n: int, *, gap: float, mean_dwell: float) -> Floats:
    """Factor that hops between 1 and `1 + gap`, staying about `mean_dwell` invokes; shape (n,)."""
    hops = rng.random(n) < 1 / mean_dwell
    state = (np.cumsum(hops) + int(rng.integers(2))) % 2
    factors: Floats = 1.0 + gap * state.astype(np.float64)
    return factors


def quantised(latencies_us: Floats, tick_us: int = 1) -> tuple[int, ...]:
    """What a clock that ticks each `tick_us` tells: rounded down, in whole us."""
    ticks = np.floor(latencies_us / tick_us).astype(np.int64) * tick_us
    return tuple(int(value) for value in ticks)


# The records that carry such samples into the statistics.

ON_CPU = Placement(UnitNodes(cpu=10, gpu=0, npu=0), 1, Proof.NODE_COUNTS)
ON_NPU = Placement(UnitNodes(cpu=1, gpu=0, npu=9), 1, Proof.NODE_COUNTS)


def a_case(
    case_id: str = "m-int8-cpu-t4@d",
    *,
    origin: Origin = Origin.DEVICE,
    delegate: Delegate = Delegate.CPU,
    model_sha256: str = "0" * 64,
) -> Case:
    return Case(
        case_id=case_id,
        model="m",
        model_path="m.tflite",
        model_sha256=model_sha256,
        precision=Precision.INT8,
        device="d",
        origin=origin,
        delegate=delegate,
        threads=4,
        warmup_invokes=1,
        warmup_s=0.5,
        min_invokes=50,
        min_s=1.0,
        max_s=60.0,
        timeout_s=120.0,
        seed=0,
    )


def a_measurement(
    latencies_us: Iterable[int],
    *,
    placement: Placement | None = ON_CPU,
    wait_ratio: float | None = 0.0,
    init_us: int | None = None,
    first_us: int | None = None,
    warnings: tuple[str, ...] = (),
) -> Measurement:
    samples = tuple(latencies_us)
    wait_us = None if wait_ratio is None else round(1e6 * wait_ratio / (1 - wait_ratio))
    return Measurement(
        init_latency_us=init_us,
        first_invoke_latency_us=first_us,
        warmup_invokes=1,
        invokes=InvokeSamples(samples),
        placement=placement,
        cpu_time_us=1_000_000,
        run_queue_wait_us=wait_us,
        warnings=warnings,
    )


def records_of(
    case: Case,
    outcomes: Sequence[Outcome],
    *,
    before: DeviceState | None = None,
    after: DeviceState | None = None,
) -> list[RunRecord]:
    """One record per outcome, repetitions from 0."""
    return [
        RunRecord(
            schema_version=1,
            sequence=repetition,
            case_id=case.case_id,
            repetition=repetition,
            origin=case.origin,
            started_at="2026-01-01T00:00:00.000Z",
            before=before,
            after=after,
            tool="a test",
            tool_sha256=None,
            outcome=outcome,
        )
        for repetition, outcome in enumerate(outcomes)
    ]


def measured_records(
    case: Case,
    samples_us: Floats,
    *,
    tick_us: int = 1,
    before: DeviceState | None = None,
    after: DeviceState | None = None,
) -> list[RunRecord]:
    """Runs of the samples of `samples_us`, shape (runs, n)."""
    outcomes = [a_measurement(quantised(run, tick_us)) for run in samples_us]
    return records_of(case, outcomes, before=before, after=after)
