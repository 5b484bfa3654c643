"""Simulated time per operator as a Chrome trace, for ui.perfetto.dev and chrome://tracing.

The JSON object format of the Trace Event Format: complete events (`ph` X) in microseconds, with
metadata events (M) for names. One process per model and delegate, one thread per compute unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from qbench.records import ComputeUnit, Failure, Prediction
from qbench.report.html.content import Foreseen
from qbench.report.simulation import name_of
from qbench.units import format_ms

_THREADS = {unit.value: number for number, unit in enumerate(ComputeUnit, 1)}


def render(foreseen: Sequence[Foreseen]) -> str:
    """Those without operators are left out."""
    events = [
        event
        for pid, one in enumerate((f for f in foreseen if f.answer.kernels), 1)
        for event in _process(pid, one)
    ]
    body = {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"origin": "simulated", "made_by": "qbench"},
    }
    return msgspec.json.encode(body).decode()


def _process(pid: int, one: Foreseen) -> Iterator[dict[str, Any]]:
    a = one.answer
    name = f"SIMULATED {a.model} {a.delegate} x{a.threads} on {one.device}{_sure(a.outcome)}"
    yield _named("process_name", pid, 0, name)
    units = dict.fromkeys(kernel.unit for kernel in a.kernels)
    for unit in units:
        yield _named("thread_name", pid, _THREADS[unit], unit.upper())
    at_us = 0.0
    for kernel in a.kernels:
        yield {
            "ph": "X",
            "pid": pid,
            "tid": _THREADS[kernel.unit],
            "ts": round(at_us, 3),
            "dur": round(kernel.time_us, 3),
            "name": name_of(kernel),
            "cat": kernel.bound_by,
            "args": {
                "operators": list(kernel.ops),
                "executor": kernel.executor,
                "dtype": kernel.dtype,
                "macs": kernel.macs,
                "bound_by": kernel.bound_by,
            },
        }
        at_us += kernel.time_us


def _sure(outcome: Prediction | Failure) -> str:
    if isinstance(outcome, Failure):
        return ""
    band = f"{format_ms(outcome.low_us)}-{format_ms(outcome.high_us)}"
    return f": {format_ms(outcome.p50_us)} ms, 90 % band {band}, tier {outcome.tier}"


def _named(kind: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": pid, "tid": tid, "name": kind, "args": {"name": name}}
