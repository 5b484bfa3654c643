"""A question to a device, and what of its runner's output is the answer."""

from __future__ import annotations

from statistics import median

import msgspec

from qbench import formats
from qbench.errors import QBenchError
from qbench.records import InvokeAggregate, InvokeSamples, Measurement, RawOutput
from qbench.simulator.calibration.document import Answer
from qbench.simulator.kernels import Dtype

CONTENDED_RATIO = 0.10
"""A run that waited longer for a processor, in parts of its time on it, is asked again."""


class Question(msgspec.Struct, frozen=True):
    """One model to measure with so many threads. Models are written when they are needed."""

    name: str
    dtype: Dtype
    threads: int
    is_network: bool
    repetition: int = 0


def read_answer(question: Question, raw: RawOutput) -> Answer | str:
    """The answer, or in words why there is none."""
    try:
        outcome = formats.read(raw)
    except QBenchError as error:
        return f"{question.name}: {error}"
    if not isinstance(outcome, Measurement):
        return f"{question.name}: no measurement"
    return answer_of(question, outcome)


def answer_of(question: Question, outcome: Measurement) -> Answer | str:
    """As `read_answer`, of what was measured."""
    wait_ratio = None
    if outcome.run_queue_wait_us is not None and outcome.cpu_time_us:
        wait_ratio = round(outcome.run_queue_wait_us / outcome.cpu_time_us, 4)
    latency_us = _latency_us(outcome, question, wait_ratio or 0.0)
    if latency_us is None:
        return f"{question.name}: the runner tells no latency"
    invokes = outcome.invokes
    count = len(invokes.latencies_us) if isinstance(invokes, InvokeSamples) else invokes.count
    return Answer(
        name=question.name,
        dtype=question.dtype,
        threads=question.threads,
        latency_us=round(latency_us, 3),
        invokes=count,
        wait_ratio=wait_ratio,
        is_network=question.is_network,
        repetition=question.repetition,
    )


def _latency_us(measured: Measurement, question: Question, wait_ratio: float) -> float | None:
    """Of a single: the mean of the faster half of the invokes, finer than the clock's step, and
    free of what interrupted the others. Of a network: the median, which is what a run reports and
    a prediction foretells; the scale then holds what separates the two (4 to 5 % where this was
    seen). With one thread never more than the processor's time for an invoke, which is what is left
    of a run that was interrupted all the time."""
    invokes = measured.invokes
    if not isinstance(invokes, InvokeSamples):
        return _of_aggregate(
            invokes, question.is_network, is_contended=wait_ratio > CONTENDED_RATIO
        )
    if question.is_network:
        latency_us = float(median(invokes.latencies_us))
    else:
        faster = sorted(invokes.latencies_us)[: max(1, len(invokes.latencies_us) // 2)]
        latency_us = sum(faster) / len(faster)
    if question.threads == 1 and measured.cpu_time_us:
        latency_us = min(latency_us, measured.cpu_time_us / len(invokes.latencies_us))
    return latency_us


def _of_aggregate(
    invokes: InvokeAggregate, is_network: bool, *, is_contended: bool
) -> float | None:
    """The same, as near as a runner's summary comes to it: the faster half lies between the 5th
    percentile and the median, of which the median has the waiting in it where there was some. Of
    runners that tell neither, the mean is what there is."""
    middle = invokes.p50_us if invokes.p50_us is not None else invokes.avg_us
    lowest = invokes.p5_us if invokes.p5_us is not None else invokes.min_us
    if lowest is None or middle is None:
        return middle if lowest is None else lowest
    if is_contended:
        return lowest
    return middle if is_network else (lowest + middle) / 2
