"""One run of benchmark_model under android_runner: RawOutput -> Measurement."""

from __future__ import annotations

from statistics import median

import msgspec

from qbench.errors import RunnerOutputError
from qbench.formats import benchmark_model
from qbench.formats.runner import taints
from qbench.formats.runner.result import JobReport, read_report
from qbench.formats.runner.telemetry import Sample
from qbench.records import ComputeUnit, Delegate, Measurement, Placement, Proof, RawOutput

# An idle Adreno shows 0 to a few per cent, one that runs a network far more.
_BUSY_RATIO = 0.3
_LEAST_SAMPLES = 3


def read(raw: RawOutput) -> Measurement:
    """Raises RunnerError and its subclasses; see `qbench.formats.read`.

    The queue wait and the time on the processor are of the tool's whole life, as far as the
    telemetry saw it, not only of the measured invokes.
    """
    if raw.report is None or raw.asked is None:
        raise RunnerOutputError(f"{raw.tool}: the runner's report is missing")
    report = read_report(raw.report)
    measured = benchmark_model.read_raw(
        raw,
        requested=raw.asked.delegate,
        allow_fallback=raw.asked.allow_fallback,
        asked_runs=raw.asked.min_invokes,
        asked_max_s=raw.asked.max_s,
    )
    found = taints.of_job(report)
    cpu_us, wait_us = (None, None) if raw.asked.is_app else _processor_us(report)
    placement, warning = _seen_on_gpu(measured.placement, raw.asked.delegate, report.samples)
    return msgspec.structs.replace(
        measured,
        placement=placement,
        cpu_time_us=cpu_us,
        run_queue_wait_us=wait_us,
        taints=tuple(dict.fromkeys((*raw.taints, *found))),
        warnings=(
            *((raw.asked.note,) if raw.asked.note else ()),
            *measured.warnings,
            *found.values(),
            *warning,
        ),
    )


def _processor_us(report: JobReport) -> tuple[int | None, int | None]:
    """Time on a processor and waiting for one, summed over the tool's threads; None: the last
    look came before most of the run, or the kernel does not tell."""
    told = [sample for sample in report.samples if sample.queue_ns]
    if not told:
        return None, None
    last = told[-1]
    if last.at_s - report.started_s < (report.ended_s - report.started_s) / 2:
        return None, None
    ran_ns = sum(ran for ran, _ in last.queue_ns.values())
    waited_ns = sum(waited for _, waited in last.queue_ns.values())
    return round(ran_ns / 1000), round(waited_ns / 1000)


def _seen_on_gpu(
    placement: Placement | None, asked: Delegate, samples: tuple[Sample, ...]
) -> tuple[Placement | None, tuple[str, ...]]:
    """The GPU's busy counter is the strongest proof there is, for and against."""
    busy = [s.gpu_busy_ratio for s in samples if s.gpu_busy_ratio is not None]
    if asked is not Delegate.GPU or len(busy) < _LEAST_SAMPLES or placement is None:
        return placement, ()
    if ComputeUnit.GPU not in placement.executed_by:
        return placement, ()
    if median(busy) >= _BUSY_RATIO:
        line = f"kgsl: GPU busy {median(busy):.0%} (median of {len(busy)} looks)"
        proven = msgspec.structs.replace(
            placement, proof=Proof.BUSY_COUNTER, evidence=(*placement.evidence, line)
        )
        return proven, ()
    if max(busy) == 0:
        return placement, ("the GPU's busy counter stayed at 0 during the run",)
    return placement, ()
