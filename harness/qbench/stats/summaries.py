"""Runs of a case -> Summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from qbench.errors import StoreError
from qbench.records import (
    Case,
    ComputeUnit,
    Delegate,
    Failure,
    Interval,
    Measurement,
    Origin,
    Placement,
    Prediction,
    Proof,
    RunRecord,
    Summary,
    Taint,
)
from qbench.stats.intervals import median_interval
from qbench.stats.measured import MeasuredRun, measured_run, tick_us
from qbench.stats.percentiles import median_us
from qbench.stats.stability import MAX_CONTENTION_RATIO, assess, contention_ratio

MIN_RUNS_FOR_VERDICT = 5
BAND_LEVEL = 0.90

_PROOFS = tuple(Proof)  # weakest first
_COARSE_TICK_RATIO = 0.01


def summarize(
    cases: Sequence[Case], records: Sequence[RunRecord], *, with_verdicts: bool = True
) -> tuple[Summary, ...]:
    """One Summary per case, in the order of `cases`; a case without records has `runs=0`.

    A measured case: `p50_us` is the median of the medians of its runs, `interval` their 95 % t
    interval (two runs and more), `p90_us` the median of the runs' 90th percentiles (runs of 20
    samples and more), all without leftover warm-up. A predicted case: the prediction, with its
    90 % band. Without verdicts on stability, which are nine tenths of the work, a history of
    thousands of sessions is read in reasonable time.

    Raises StoreError when the records do not belong to the cases: an unknown case, a case or a
    repetition twice, or an origin that is not the case's. Origins are never pooled.
    """
    by_case: dict[str, list[RunRecord]] = {}
    for case in cases:
        if case.case_id in by_case:
            raise StoreError(f"summary: case {case.case_id!r} stands twice in the plan")
        by_case[case.case_id] = []
    for record in records:
        if record.case_id not in by_case:
            raise StoreError(
                f"summary: run {record.sequence} is of case {record.case_id!r}, which is not in "
                "the plan",
                hint="Were plan.json and runs.jsonl written by the same session?",
            )
        by_case[record.case_id].append(record)
    return tuple(_summarize_case(case, by_case[case.case_id], with_verdicts) for case in cases)


def _summarize_case(case: Case, records: list[RunRecord], with_verdict: bool) -> Summary:
    _check(case, records)
    records = sorted(records, key=lambda record: record.repetition)
    predictions = [r.outcome for r in records if isinstance(r.outcome, Prediction)]
    failures = [r.outcome for r in records if isinstance(r.outcome, Failure)]
    runs = [measured_run(r, r.outcome) for r in records if isinstance(r.outcome, Measurement)]
    if predictions:
        return _predicted(case, predictions, failures)
    return _measured(case, runs, failures, with_verdict)


def _check(case: Case, records: Sequence[RunRecord]) -> None:
    seen: set[int] = set()
    for record in records:
        who = f"summary: run {record.sequence} of {case.case_id}"
        if record.origin is not case.origin:
            raise StoreError(f"{who} is of origin {record.origin}, its case of {case.origin}")
        if isinstance(record.outcome, Failure):
            is_possible = True
        else:
            is_prediction = isinstance(record.outcome, Prediction)
            is_possible = is_prediction == (record.origin is Origin.SIMULATED)
        if not is_possible:
            kind = type(record.outcome).__name__.lower()
            raise StoreError(f"{who} is of origin {record.origin} and holds a {kind}")
        if record.repetition in seen:
            raise StoreError(f"{who}: repetition {record.repetition} is there twice")
        seen.add(record.repetition)


def _predicted(
    case: Case, predictions: Sequence[Prediction], failures: Sequence[Failure]
) -> Summary:
    """Predictions of one case are equal; if not, the one with the widest band stands."""
    chosen = max(predictions, key=lambda p: p.high_us / max(p.low_us, 1))
    warnings = _merged([p.warnings for p in predictions])
    if any(p.p50_us != chosen.p50_us for p in predictions):
        warnings.append("predictions of the same case differ: the least certain one is shown")
    return Summary(
        case=case,
        runs=len(predictions) + len(failures),
        failed_runs=len(failures),
        p50_us=chosen.p50_us,
        interval=Interval(low=chosen.low_us, high=chosen.high_us, level=BAND_LEVEL),
        p90_us=chosen.p90_us,
        init_us=None,
        first_invoke_us=None,
        tier=chosen.tier,
        placement=chosen.placement,
        verdict=None,
        taints=(),
        warnings=tuple(warnings),
        failure=_commonest(failures),
        cpu_fallback=chosen.cpu_fallback,
        basis=chosen.basis,
    )


def _measured(
    case: Case, runs: list[MeasuredRun], failures: Sequence[Failure], with_verdict: bool
) -> Summary:
    placement, alike, disagreement = _weakest_placement(runs)
    numbered = [run for run in alike if run.p50_us is not None]
    medians_us = tuple(run.p50_us for run in numbered if run.p50_us is not None)
    p50_us = median_us(medians_us)
    told = [run.measurement for run in numbered]
    p90s_us = _of_all(run.p90_us for run in numbered)
    step_us = tick_us(numbered)
    verdict = reason = None
    if with_verdict and p50_us is not None:
        verdict, reason = assess(numbered, tick_us=step_us)
    warnings = [
        *disagreement,
        *([reason] if reason else []),
        *_own_warnings(runs, numbered, p50_us, step_us),
        *_merged([run.measurement.warnings for run in runs]),
    ]
    measurements = [run.measurement for run in alike]
    return Summary(
        case=case,
        runs=len(runs) + len(failures),
        failed_runs=len(failures),
        p50_us=p50_us,
        interval=(None if p50_us is None else median_interval(medians_us, p50_us, tick_us=step_us)),
        p90_us=median_us(p90s_us),
        init_us=median_us(_told(m.init_latency_us for m in measurements)),
        first_invoke_us=median_us(_told(m.first_invoke_latency_us for m in measurements)),
        tier=None,
        placement=placement,
        verdict=verdict,
        taints=_taints(case, numbered),
        warnings=tuple(warnings),
        failure=_commonest(failures),
        run_medians_us=medians_us,
        run_repetitions=tuple(run.repetition for run in numbered),
        run_p90s_us=p90s_us,
        run_inits_us=_of_all(m.init_latency_us for m in told),
        run_firsts_us=_of_all(m.first_invoke_latency_us for m in told),
        peak_rss_bytes=max(_told(m.peak_rss_bytes for m in measurements), default=None),
        tick_us=step_us,
        cpu_fallback=placement is not None and _is_fallback(case, placement),
    )


def _weakest_placement(
    runs: list[MeasuredRun],
) -> tuple[Placement | None, list[MeasuredRun], list[str]]:
    """What may be claimed of all runs, the runs that it is true of, and a warning if not of all.

    Runs that were executed by different units measured different things: they are never
    averaged. The weakest claim stands: a run that does not tell, then the most nodes on the
    CPU, then the most partitions. Of equal placements, the weakest proof.
    """
    if not runs:
        return None, [], []

    def claim(run: MeasuredRun) -> tuple[int, ...] | None:
        placement = run.measurement.placement
        if placement is None or not placement.executed_by:
            return None
        is_cpu_alone = int(placement.executed_by == (ComputeUnit.CPU,))
        nodes = placement.nodes
        if nodes is None:
            return (is_cpu_alone,)
        return (is_cpu_alone, nodes.cpu, placement.partitions or 0, nodes.gpu, nodes.npu)

    claims = [claim(run) for run in runs]
    told = [c for c in claims if c is not None]
    weakest = max(told) if len(told) == len(claims) else None
    alike = [run for run, c in zip(runs, claims, strict=True) if c == weakest]
    placements = [p for run in alike if (p := run.measurement.placement) is not None]
    placement = min(placements, key=lambda p: _PROOFS.index(p.proof)) if placements else None
    warnings = []
    if len(alike) < len(runs):
        what = _words(placement) if placement is not None else "did not tell what executed them"
        others = {_words(p) for r in runs if (p := r.measurement.placement) is not None}
        others.discard(what)
        warnings.append(
            f"the runs differ in what executed them: {len(alike)} of {len(runs)} {what}, "
            f"the others {' / '.join(sorted(others))}; the summary is of the former alone"
        )
    return placement, alike, warnings


def _words(placement: Placement) -> str:
    nodes = placement.nodes
    if nodes is None:
        return f"ran on {' and '.join(placement.executed_by) or 'what they do not tell'}"
    return (
        f"ran {nodes.npu} nodes on the NPU, {nodes.gpu} on the GPU, {nodes.cpu} on the CPU "
        f"in {placement.partitions} partitions"
    )


def _is_fallback(case: Case, placement: Placement) -> bool:
    return case.delegate is not Delegate.CPU and placement.executed_by == (ComputeUnit.CPU,)


def _taints(case: Case, runs: Sequence[MeasuredRun]) -> tuple[Taint, ...]:
    """What the runs carry, and what can be seen only in all of them."""
    if not runs:
        return ()
    found = {taint for run in runs for taint in run.measurement.taints}
    ratio = contention_ratio(runs)
    if ratio is not None and ratio > MAX_CONTENTION_RATIO:
        found.add(Taint.CONTENDED)
    if len(runs) < MIN_RUNS_FOR_VERDICT:
        found.add(Taint.FEW_RUNS)
    if any(run.is_locked is False for run in runs):
        found.add(Taint.UNLOCKED_CLOCKS)
    is_real = case.origin in (Origin.DEVICE, Origin.HOST)
    if is_real and any(run.contention_ratio is None for run in runs):
        found.add(Taint.UNKNOWN_CONTENTION)
    return tuple(taint for taint in Taint if taint in found)


def _own_warnings(
    runs: Sequence[MeasuredRun], numbered: Sequence[MeasuredRun], p50_us: int | None, step_us: int
) -> list[str]:
    """What the numbers themselves give rise to."""
    warnings = []
    if silent := sum(run.p50_us is None for run in runs):
        warnings.append(f"no median in the runner's output ({silent} of {len(runs)} runs)")
    cold = [run for run in numbered if run.warmup_left]
    if cold:
        most = max(run.warmup_left for run in cold)
        warnings.append(
            f"the first invokes were still warming up and are left out, up to {most} "
            f"({len(cold)} of {len(numbered)} runs)"
        )
    ratio = contention_ratio(numbered)
    if ratio is not None and ratio <= MAX_CONTENTION_RATIO:
        busy = sum((run.contention_ratio or 0.0) > MAX_CONTENTION_RATIO for run in numbered)
        if busy:
            warnings.append(
                f"waited for a processor more than {MAX_CONTENTION_RATIO:.0%} of the time "
                f"({busy} of {len(numbered)} runs)"
            )
    if p50_us is not None and step_us > _COARSE_TICK_RATIO * p50_us:
        warnings.append(f"the clock ticks in {step_us} us: more than 1 % of the latency")
    return warnings


def _merged(lists: Sequence[tuple[str, ...]]) -> list[str]:
    """Each warning once, in order of appearance; with how many runs gave it if not all did."""
    counts = Counter(text for texts in lists for text in dict.fromkeys(texts))
    return [
        text if count == len(lists) else f"{text} ({count} of {len(lists)} runs)"
        for text, count in counts.items()
    ]


def _commonest(failures: Sequence[Failure]) -> Failure | None:
    """The most frequent by error and message; of equals, the first."""
    if not failures:
        return None
    counts = Counter((f.error, f.message) for f in failures)
    return max(failures, key=lambda f: counts[f.error, f.message])


def _of_all(values: Iterable[int | None]) -> tuple[int, ...]:
    """One value per run; empty unless every run told one."""
    listed = list(values)
    told = tuple(value for value in listed if value is not None)
    return told if len(told) == len(listed) else ()


def _told(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]
