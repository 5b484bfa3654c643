"""Pure readers: what a runner said -> what it means. One module per output format.

A reader either understands every byte it needs or raises; it never guesses, and nothing absent
becomes 0.
"""

from __future__ import annotations

from typing import assert_never

from qbench.errors import QBenchError, RunnerError
from qbench.formats import benchmark_model, host_run, runner, simulation
from qbench.records import Failure, Measurement, OutputFormat, Prediction, RawOutput


def read(raw: RawOutput) -> Measurement | Prediction:
    """Understand one run's raw output.

    Raises RunnerCrashedError (the runner died), RunnerOutputError (the output is not of the
    format it claims to be, is cut, or holds impossible values), RunnerVersionError (the runner
    cannot be used here), and RunnerError itself (the runner works and refuses the model; or the
    backend had already failed).
    """
    if raw.error is not None:
        raise RunnerError(raw.error.message)
    match raw.format:
        case OutputFormat.HOST_RUN:
            return host_run.read(raw)
        case OutputFormat.SIMULATION:
            return simulation.read(raw)
        case OutputFormat.BENCHMARK_MODEL:
            return benchmark_model.read_raw(raw)
        case OutputFormat.ANDROID_RUN:
            return runner.read(raw)
    assert_never(raw.format)


def outcome(raw: RawOutput) -> Measurement | Prediction | Failure:
    """`read`, with the failures as values: what goes into the run's record."""
    if raw.error is not None:
        return raw.error
    try:
        return read(raw)
    except RunnerError as error:
        return failure_of(error)


def failure_of(error: QBenchError, *, attempts: int = 1) -> Failure:
    """The error as a record. The hint stands behind the message, in brackets."""
    message = f"{error} ({error.hint})" if error.hint else str(error)
    return Failure(
        error=type(error).__name__, message=message, retryable=error.retryable, attempts=attempts
    )
