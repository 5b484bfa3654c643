"""What a log of benchmark_model says: the values that the reader returns."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from qbench.records import ComputeUnit, Delegate, Failure, Proof, UnitNodes


class Generation(StrEnum):
    """Which form of the tool wrote the log, found by fingerprint.

    Named by the TensorFlow release that first printed this form, as nearly as its sources and
    dated logs tell; a form lasts until the next one. LiteRT prints the newest.
    """

    TF_1_9 = "tf-1.9"  # "Running benchmark for N iterations", summary "no stats"
    TF_1_13 = "tf-1.13"  # "at least N iterations and at least S seconds"
    TF_1_14 = "tf-1.14"  # "... but terminate if exceeding S seconds."
    TF_2_1 = "tf-2.1"  # "Average inference timings in us: ... Inference:", memory
    TF_2_3 = "tf-2.3"  # "Inference timings in us: Init, First inference, ..."
    TF_2_4 = "tf-2.4"  # "Log parameter values verbosely"
    TF_2_7 = "tf-2.7"  # "Memory footprint delta from the start of the tool"
    TF_2_10 = "tf-2.10"  # the tool's own lines begin with INFO:, WARN:, ERROR:
    TF_2_16 = "tf-2.16"  # p5, median, p95
    LITERT_MODEL = "benchmark_litert_model"  # another tool: its summary is in milliseconds
    TENSORFLOW = "tensorflow-benchmark_model"  # TensorFlow's own tool of the same name


class MemoryUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """Memory as the tool told it; its "MB" are KiB / 1024. None: not told.

    `init_bytes` and `overall_bytes` are growth since the tool's start (called "Peak memory
    footprint" before TF 2.7); `peak_bytes` is the greatest resident size seen while polling;
    `max_rss_bytes`, `malloc_bytes`, `in_use_bytes` come from the oldest form (getrusage, mallinfo).
    """

    init_bytes: int | None = None
    overall_bytes: int | None = None
    peak_bytes: int | None = None
    rss_bytes: int | None = None
    rss_anon_bytes: int | None = None
    rss_file_bytes: int | None = None
    max_rss_bytes: int | None = None
    malloc_bytes: int | None = None
    in_use_bytes: int | None = None


class OpRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of an op profile's "Run Order" table.

    `avg_us` is per call: the row costs `avg_us * times_called` per invoke. With
    `--hexagon_profiling` the tool prints cycles in this column. `internal`: an operator inside a
    delegate, numbered anew from 0, not a node of the model. `init`: part of initialisation.
    """

    node_type: str
    name: str
    first_us: float | None
    avg_us: float | None
    share_ratio: float | None
    mem_bytes: int | None
    times_called: int
    start_us: float | None = None
    subgraph: int = 0
    internal: bool = False
    init: bool = False


class DelegateUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the log says of one delegate. None: it does not say.

    `name` is the delegate's family: gpu, nnapi, hexagon, qnn, xnnpack, external, coreml, ...
    `partitions` counts the pieces of the graph that the delegate runs, not the CPU's.
    `unit` is where it executes, as far as the log tells (NNAPI's reference driver is the CPU).
    """

    name: str
    nodes: int | None
    partitions: int | None
    proof: Proof
    unit: ComputeUnit | None


class LogReport(msgspec.Struct, frozen=True, kw_only=True):
    """One log of one run, read. All latencies in microseconds of wall time; None: not told.

    With a `failure` there is no number of time, count or memory, and `nodes` and `partitions`
    stay only where they are the failure's content (NotDelegatedError). `executed_by` is empty
    where the log does not tell. `evidence`, `warnings` and `unknown_lines` are lines as they
    stood; of the unknown the first `KEPT_UNKNOWN_LINES` are kept, `unknown_count` counts all.
    `profiled`: the op profiler was on, which costs 5 to 10 % of the latency.
    """

    tool: str
    tool_generation: Generation | None
    requested: Delegate | None
    exit_code: int | None
    avg_us: float | None = None
    p50_us: int | None = None
    p5_us: int | None = None
    p95_us: int | None = None
    min_us: int | None = None
    max_us: int | None = None
    std_us: float | None = None
    init_us: int | None = None
    first_invoke_us: int | None = None
    warmup_avg_us: float | None = None
    warmup_count: int | None = None
    count: int | None = None
    threads: int | None = None
    memory: MemoryUse | None = None
    nodes: UnitNodes | None = None
    partitions: int | None = None
    proof: Proof | None = None
    executed_by: tuple[ComputeUnit, ...] = ()
    delegates: tuple[DelegateUse, ...] = ()
    refused_ops: tuple[str, ...] = ()
    op_rows: tuple[OpRow, ...] = ()
    evidence: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unconsumed_flags: tuple[str, ...] = ()
    profiled: bool = False
    unknown_lines: tuple[str, ...] = ()
    unknown_count: int = 0
    failure: Failure | None = None


KEPT_UNKNOWN_LINES = 1000


def render_json(report: LogReport) -> str:
    """The object that `qbench read-log --json` prints; absent values are null, never 0."""
    return msgspec.json.format(msgspec.json.encode(_object(report)), indent=2).decode()


def _object(report: LogReport) -> dict[str, Any]:
    failure = report.failure
    return {
        "tool": report.tool,
        "tool_generation": report.tool_generation,
        "requested": report.requested,
        "executed_by": list(report.executed_by),
        "avg_us": report.avg_us,
        "p50_us": report.p50_us,
        "init_us": report.init_us,
        "first_invoke_us": report.first_invoke_us,
        "warmup_avg_us": report.warmup_avg_us,
        "count": report.count,
        "std_us": report.std_us,
        "min_us": report.min_us,
        "max_us": report.max_us,
        "p5_us": report.p5_us,
        "p95_us": report.p95_us,
        "memory": msgspec.to_builtins(report.memory) if report.memory else None,
        "nodes": msgspec.to_builtins(report.nodes) if report.nodes else None,
        "partitions": report.partitions,
        "proof": report.proof,
        "delegates": [msgspec.to_builtins(use) for use in report.delegates],
        "evidence": list(report.evidence),
        "profiled": report.profiled,
        "op_rows": len(report.op_rows),
        "unconsumed_flags": list(report.unconsumed_flags),
        "unknown_lines": list(report.unknown_lines),
        "unknown_count": report.unknown_count,
        "warnings": list(report.warnings),
        "failure": {"error": failure.error, "message": failure.message} if failure else None,
    }
