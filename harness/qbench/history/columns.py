"""The columns of `qbench sql`: a row per run, and what a compacted session holds.

Columns that begin with `case_` are those of all runs of the case in that session, and the same in
each of its rows. Absent is NULL, never 0. A description is what `qbench sql --columns` prints.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

# History of the columns; part of every stamp, so that older compacted files are not read:
#   1  first form
ROWS_VERSION = 1


def _is(text: str) -> Meta:
    return Meta(description=text)


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    session: Annotated[str, _is("the session's folder")]
    session_id: Annotated[str, _is("what devices know the session by")]
    created_at: Annotated[datetime | None, _is("when the session began, UTC")]
    qbench_version: Annotated[str, _is("that made the session")]
    protocol: Annotated[str, _is("quick, default, mlperf, sustained")]
    case_id: Annotated[str, _is("model, precision, delegate, settings @ device")]
    model: Annotated[str, _is("name, without its precision")]
    model_path: Annotated[str, _is("where the file was")]
    model_sha256: Annotated[str, _is("of the file")]
    precision: Annotated[str, _is("fp32, fp16, dynamic, int8, mixed")]
    delegate: Annotated[str, _is("asked for: cpu, gpu, nnapi, hexagon, qnn, npu")]
    threads: Annotated[int, _is("CPU threads")]
    mask: Annotated[str | None, _is("cores, as taskset's mask; NULL: the backend's choice")]
    xnnpack: Annotated[bool, _is("whether XNNPACK was allowed")]
    arm: Annotated[str | None, _is("A or B where the same case was measured twice")]
    device: Annotated[str, _is("a profile's name; host: a machine that ran qbench")]
    origin: Annotated[str, _is("device, host, emulated, simulated")]
    machine: Annotated[str | None, _is("which one: a serial, or a host's processor and cores")]
    system: Annotated[str | None, _is("its build fingerprint, or its operating system")]
    soc: Annotated[str | None, _is("chip, as the device tells")]
    sequence: Annotated[int, _is("place of the run in its session, from 0")]
    repetition: Annotated[int, _is("of the case, from 0")]
    started_at: Annotated[datetime | None, _is("when the run began, UTC")]
    tool: Annotated[str | None, _is("what ran it")]
    tool_sha256: Annotated[str | None, _is("of that tool")]
    kind: Annotated[str, _is("measurement, prediction, failure")]
    failure: Annotated[str | None, _is("error and message")]
    p50_us: Annotated[int | None, _is("median of the run's invokes, or the predicted one")]
    p90_us: Annotated[int | None, _is("90th percentile of 20 samples and more")]
    min_us: Annotated[int | None, _is("fastest invoke")]
    max_us: Annotated[int | None, _is("slowest invoke")]
    invokes: Annotated[int | None, _is("how many were measured")]
    init_us: Annotated[int | None, _is("loading the model")]
    first_invoke_us: Annotated[int | None, _is("the first invoke")]
    peak_rss_bytes: Annotated[int | None, _is("largest memory of the process")]
    cpu_time_us: Annotated[int | None, _is("of all threads over the measured invokes")]
    run_queue_wait_us: Annotated[int | None, _is("waiting for a processor meanwhile")]
    executed_by: Annotated[list[str], _is("npu, gpu, cpu: units that ran nodes; empty: not known")]
    nodes_npu: Annotated[int | None, _is("nodes on the NPU")]
    nodes_gpu: Annotated[int | None, _is("nodes on the GPU")]
    nodes_cpu: Annotated[int | None, _is("nodes on the CPU")]
    partitions: Annotated[int | None, _is("pieces of the graph given to the delegate")]
    proof: Annotated[str | None, _is("how that is known")]
    taints: Annotated[list[str], _is("what the backend found against the run")]
    temperature_before_c: Annotated[float | None, _is("of the chip")]
    temperature_after_c: Annotated[float | None, _is("of the chip")]
    cpu_before_khz: Annotated[int | None, _is("clock of the fastest core")]
    battery_before_ratio: Annotated[float | None, _is("charge")]
    case_run: Annotated[int, _is("place of the run among the case's of this session, from 0")]
    case_at: Annotated[datetime | None, _is("when the first of them began, UTC")]
    case_runs: Annotated[int, _is("how many")]
    case_failed_runs: Annotated[int, _is("how many of them gave no number")]
    case_p50_us: Annotated[int | None, _is("median of the run medians: p50 of `qbench show`")]
    case_low_us: Annotated[float | None, _is("its 95 % interval; 90 % band of a prediction")]
    case_high_us: Annotated[float | None, _is("the interval's other end")]
    case_tier: Annotated[str | None, _is("S0 to S3, of a prediction")]
    case_executed_by: Annotated[list[str], _is("units that ran the runs that the median is of")]
    case_taints: Annotated[list[str], _is("of all runs together")]


def column_types() -> dict[str, str]:
    """Column -> DuckDB's type."""
    names = {
        str: "VARCHAR",
        int: "BIGINT",
        float: "DOUBLE",
        bool: "BOOLEAN",
        datetime: "TIMESTAMP",
        list: "VARCHAR[]",
    }
    hints = get_type_hints(RunRow)
    return {name: names[_plain(hint)] for name, hint in hints.items()}


def column_texts() -> dict[str, str]:
    """Column -> what it means."""
    hints = get_type_hints(RunRow, include_extras=True)
    return {name: str(get_args(hint)[1].description) for name, hint in hints.items()}


def _plain(hint: Any) -> type:
    if get_origin(hint) is list:
        return list
    options = [each for each in get_args(hint) if each is not type(None)]
    return options[0] if options else hint  # type: ignore[no-any-return]
