"""Reader of benchmark_model's output, from TF 1.9's unprefixed logs to LiteRT's.

It understands a run or says why not, with the line; no number ever comes out of a run that
failed, of a damaged line, or of a log of two runs.
"""

from __future__ import annotations

import msgspec

from qbench import errors
from qbench.errors import NotDelegatedError, RunnerCrashedError, RunnerError, RunnerOutputError
from qbench.formats.benchmark_model import completeness, litert, placement
from qbench.formats.benchmark_model.capture import Capture, decode_log, split_capture
from qbench.formats.benchmark_model.report import (
    DelegateUse,
    Generation,
    LogReport,
    MemoryUse,
    OpRow,
    render_json,
)
from qbench.formats.benchmark_model.scan import Scan, scan
from qbench.formats.benchmark_model.timings import Count
from qbench.records import (
    Delegate,
    Failure,
    InvokeAggregate,
    Measurement,
    Placement,
    RawOutput,
)

__all__ = [
    "Capture",
    "DelegateUse",
    "Generation",
    "LogReport",
    "MemoryUse",
    "OpRow",
    "decode_log",
    "read",
    "read_raw",
    "render_json",
    "split_capture",
    "to_measurement",
]


def read(
    stdout: str,
    stderr: str,
    exit_code: int | None,
    *,
    requested: Delegate | None = None,
    allow_fallback: bool = False,
    asked_runs: int | None = None,
    asked_max_s: float | None = None,
) -> LogReport:
    """Read one log; never raises for what stands in it.

    Either stream may hold everything, and both may have come through logcat. `exit_code` is the
    process's (negative: killed by that signal); None: not known, the log is judged by itself.
    `requested` makes a run that delegated nothing a failure, unless `allow_fallback`.
    `asked_runs` and `asked_max_s` are what the tool was started with; the log's own word on this
    counts too.
    """
    found = scan(stdout, stderr)
    generation = found.fingerprint.generation()
    verdict = placement.judge(
        found.delegates,
        found.rows,
        found.echo,
        requested,
        generation,
        rows_whole=found.rows_whole,
    )
    died = completeness.died(exit_code, found, requested)
    failure = died or completeness.incomplete(found, requested, asked_runs, asked_max_s)
    if failure is None and verdict.refusal is not None and not allow_fallback:
        asked = requested.value if requested else "accelerator"
        failure = completeness.failure_of(
            NotDelegatedError,
            f"nothing ran on {asked}: {verdict.refusal}",
            verdict.refusal_line,
            "--allow-fallback accepts the CPU's number as the CPU's",
        )
    is_litert = generation is Generation.LITERT_MODEL
    report = LogReport(
        tool="benchmark_litert_model" if is_litert else "benchmark_model",
        tool_generation=generation,
        requested=requested,
        exit_code=exit_code,
        delegates=verdict.uses,
        refused_ops=tuple(found.delegates.refused_ops),
        evidence=tuple(found.delegates.evidence),
        warnings=tuple(found.warnings),
        unconsumed_flags=tuple(found.unconsumed),
        profiled=bool(found.rows) or found.echo.get("enable op profiling") == "1",
        unknown_lines=tuple(found.unknown),
        unknown_count=found.unknown_count,
        failure=failure,
    )
    if died is None and (failure is None or failure.error == NotDelegatedError.__name__):
        report = msgspec.structs.replace(
            report,
            nodes=verdict.nodes,
            partitions=verdict.partitions,
            proof=verdict.proof,
            executed_by=verdict.executed_by,
        )
    return report if failure is not None else _with_numbers(report, found)


def read_raw(
    raw: RawOutput,
    *,
    requested: Delegate | None = None,
    allow_fallback: bool = False,
    asked_runs: int | None = None,
    asked_max_s: float | None = None,
) -> Measurement:
    """One run's raw output as a measurement.

    Raises RunnerCrashedError (also for a run that left no exit code), RunnerOutputError,
    RunnerVersionError, NotDelegatedError.
    """
    if raw.exit_code is None:
        raise RunnerCrashedError(f"{raw.tool}: the process left no exit code")
    report = read(
        raw.stdout,
        raw.stderr,
        raw.exit_code,
        requested=requested,
        allow_fallback=allow_fallback,
        asked_runs=asked_runs,
        asked_max_s=asked_max_s,
    )
    return to_measurement(report)


def to_measurement(report: LogReport) -> Measurement:
    """The report as the record that every backend delivers; raises the report's failure.

    `placement.nodes` is None where the log does not count them. `placement` itself is None where
    it says nothing of delegates, which is what a plain CPU run of an old build does.
    """
    if report.failure is not None:
        raise _error(report.failure)
    if report.count is None:
        raise RunnerOutputError("benchmark_model: the report holds no measurement")
    warnings = [f"benchmark_model: {line.strip()}" for line in report.warnings]
    if report.requested not in (None, Delegate.CPU) and report.partitions == 0:
        warnings.append(f"{report.requested} was asked for and nothing ran on it: the CPU's number")
    if report.profiled:
        warnings.append("the op profiler was on: 5 to 10 % slower than without")
    where = None
    if report.proof is not None:
        where = Placement(
            nodes=report.nodes,
            partitions=report.partitions,
            proof=report.proof,
            evidence=report.evidence,
            units_told=tuple(report.executed_by),
        )
    return Measurement(
        init_latency_us=report.init_us,
        first_invoke_latency_us=report.first_invoke_us,
        warmup_invokes=report.warmup_count,
        invokes=InvokeAggregate(
            count=report.count,
            avg_us=report.avg_us,
            std_us=report.std_us,
            min_us=report.min_us,
            max_us=report.max_us,
            p5_us=report.p5_us,
            p50_us=report.p50_us,
            p95_us=report.p95_us,
        ),
        placement=where,
        threads=report.threads,
        peak_rss_bytes=report.memory.peak_bytes if report.memory else None,
        warnings=tuple(warnings),
    )


def _error(failure: Failure) -> RunnerError:
    kind = getattr(errors, failure.error)
    made: RunnerError = kind(failure.message)
    return made


def _with_numbers(report: LogReport, found: Scan) -> LogReport:
    block = found.litert.block() if report.tool_generation is Generation.LITERT_MODEL else None
    if block is not None:
        return _from_block(report, found, block)
    warmup, measured = found.counts
    summary = found.summaries[0]
    first_us = warmup.first_us  # "First inference" is the first invoke of the warm-up
    return msgspec.structs.replace(
        _with_spread(report, measured),
        avg_us=summary.avg_us,
        init_us=None if summary.init_us is None else round(summary.init_us),
        first_invoke_us=first_us,
        warmup_avg_us=summary.warmup_avg_us if warmup.runs > 0 else None,
        warmup_count=warmup.runs,
        threads=_threads(found),
        memory=None if found.memory == MemoryUse() else found.memory,
        op_rows=tuple(found.rows),
    )


def _from_block(report: LogReport, found: Scan, block: litert.Block) -> LogReport:
    measured, warmup_avg, first = block.measured, block.warmup_avg_us, round(block.first_us)
    if len(found.counts) == 2:
        warmup, measured = found.counts
        if warmup.avg_us is not None and warmup.first_us is not None:
            warmup_avg, first = warmup.avg_us, warmup.first_us
    warmed = block.warmup > 0
    return msgspec.structs.replace(
        _with_spread(report, measured),
        avg_us=measured.avg_us,
        init_us=round(found.sessions[0].init_us if found.sessions else block.init_us),
        first_invoke_us=first if warmed else None,
        warmup_avg_us=warmup_avg if warmed else None,
        warmup_count=block.warmup,
        threads=_threads(found),
        memory=None if block.memory == MemoryUse() else block.memory,
        op_rows=tuple(found.rows),
    )


def _with_spread(report: LogReport, measured: Count) -> LogReport:
    return msgspec.structs.replace(
        report,
        count=measured.runs,
        std_us=measured.std_us,
        min_us=measured.min_us,
        max_us=measured.max_us,
        p5_us=measured.p5_us,
        p50_us=measured.p50_us,
        p95_us=measured.p95_us,
    )


def _threads(found: Scan) -> int | None:
    for name in ("num threads", "#threads used for cpu inference"):
        value = found.echo.get(name, "")
        if value.isdecimal() and 0 < int(value[:9]) < 4096:
            return int(value[:9])
    return None
