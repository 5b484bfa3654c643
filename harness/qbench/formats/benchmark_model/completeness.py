"""Whether a log is that of a run that measured what was asked; if not, why, with the line.

Exit 0, a second `count=` line, the summary, no flag left over, no failed invoke, and enough runs
or enough time: the tool itself checks none of these before it prints numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from qbench.errors import (
    NotDelegatedError,
    RunnerCrashedError,
    RunnerError,
    RunnerOutputError,
    RunnerVersionError,
)
from qbench.formats.benchmark_model import litert
from qbench.formats.benchmark_model.placement import FLAGS
from qbench.formats.benchmark_model.report import Generation
from qbench.formats.benchmark_model.scan import Scan
from qbench.formats.benchmark_model.timings import Count, Session, Summary, agree
from qbench.records import Delegate, Failure

_TIMEOUT_EXIT = 124  # of timeout(1), which sent the signal
_SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
}
# Between two invokes the tool copies inputs and reads clocks: time that `avg` does not hold.
_OVERHEAD_US = 300
_QUOTED = 300


def failure_of(
    kind: type[RunnerError], what: str, quote: str | None = None, hint: str | None = None
) -> Failure:
    """`benchmark_model: what: "the line"` as a record of one failed attempt."""
    message = f"benchmark_model: {what}"
    if quote:
        message += f': "{quote.strip()[:_QUOTED]}"'
    if hint:
        message += f" ({hint})"
    return Failure(error=kind.__name__, message=message, retryable=kind.retryable)


def died(exit_code: int | None, scan: Scan, requested: Delegate | None) -> Failure | None:
    """The process ended badly, or its log shows an invoke that failed."""
    if exit_code is not None and (exit_code < 0 or exit_code >= 128 or exit_code == _TIMEOUT_EXIT):
        return _refused_delegate(scan, requested) or failure_of(
            RunnerCrashedError,
            f"{_end(exit_code)} (exit status {exit_code})",
            _telling(scan),
        )
    if scan.failed_invokes:
        return failure_of(RunnerCrashedError, "an invoke failed", scan.failed_invokes[0])
    if exit_code:
        return _refused_delegate(scan, requested) or failure_of(
            RunnerCrashedError, f"ended with exit status {exit_code}", _telling(scan)
        )
    if scan.gave_up or scan.deaths:
        return _refused_delegate(scan, requested) or failure_of(
            RunnerCrashedError, "did not finish", _telling(scan)
        )
    return None


def incomplete(
    scan: Scan, requested: Delegate | None, asked_runs: int | None, asked_max_s: float | None
) -> Failure | None:
    """The process ended well, and yet there is no measurement in its log."""
    generation = scan.fingerprint.generation()
    if generation is Generation.TENSORFLOW:
        return failure_of(
            RunnerVersionError,
            "this is TensorFlow's own tool of that name, not TFLite's",
            scan.last,
        )
    return (
        _left_over(scan, requested)
        or _several_runs(scan)
        or _damaged(scan)
        or _missing(scan, generation)
        or _contradicting(scan)
        or _too_short(scan, asked_runs, asked_max_s)
    )


def _refused_delegate(scan: Scan, requested: Delegate | None) -> Failure | None:
    """`Failed to apply X delegate.` and `Disallowed CPU fallback detected.`"""
    for line in scan.trouble:
        if "Disallowed CPU fallback" in line or (
            "Failed to apply " in line and requested not in (None, Delegate.CPU)
        ):
            return failure_of(NotDelegatedError, "the delegate did not take the model", line)
    return None


def _left_over(scan: Scan, requested: Delegate | None) -> Failure | None:
    if not scan.unconsumed:
        return None
    line = scan.unconsumed[0]
    if requested is not None and any(flag in line for flag in FLAGS.get(requested, ())):
        return failure_of(
            NotDelegatedError, f"this build knows no {requested.value} delegate", line
        )
    return failure_of(
        RunnerVersionError,
        "this build does not know a flag and ran without it",
        line,
        "flags are --name=value; see the tool's --help",
    )


def _several_runs(scan: Scan) -> Failure | None:
    runs = max(len(scan.counts) - 1, len(scan.pids), 1)
    summaries = scan.summaries
    if runs > 1 or any(
        summary != summaries[0] and not _same(summary, summaries[0]) for summary in summaries
    ):
        return failure_of(
            RunnerOutputError, f"the log holds more than one run ({len(scan.counts)} count lines)"
        )
    return None


def _same(one: Summary, other: Summary) -> bool:
    """The APK of TF 1.15 .. 2.2 printed the summary twice, in two forms."""
    return agree(one.avg_us, other.avg_us) and agree(one.init_us, other.init_us)


def _damaged(scan: Scan) -> Failure | None:
    if not scan.damaged:
        return None
    return failure_of(RunnerOutputError, "a number that cannot be read", scan.damaged[0])


def _missing(scan: Scan, generation: Generation | None) -> Failure | None:
    block = scan.litert.block()
    if generation is Generation.LITERT_MODEL:
        if block is None:
            return failure_of(RunnerOutputError, "the block of results is not whole", scan.last)
        if scan.counts and len(scan.counts) != 2:
            return failure_of(RunnerOutputError, "the second count line is missing", scan.last)
        return None if block.measured.runs > 0 else _nothing_measured(scan)
    if not scan.counts and not scan.summaries and not scan.fingerprint.of_the_tool:
        return failure_of(RunnerOutputError, "no line of the log is the tool's", scan.last)
    if len(scan.counts) < 2:
        which = "no count line" if not scan.counts else "the second count line is missing"
        return failure_of(RunnerOutputError, f"{which}; the last line is", scan.last)
    if not scan.summaries:
        return failure_of(RunnerOutputError, "no line of timings; the last line is", scan.last)
    return None if scan.counts[1].runs > 0 else _nothing_measured(scan)


def _nothing_measured(scan: Scan) -> Failure:
    return failure_of(RunnerOutputError, "measured nothing: count=0", scan.last)


def _contradicting(scan: Scan) -> Failure | None:
    """Each number of the summary stands a second time in the log."""
    block = scan.litert.block()
    if block is not None and len(scan.counts) == 2 and not litert.fits(scan.counts[1], block):
        return failure_of(
            RunnerOutputError,
            f"the log contradicts itself: {scan.counts[1].runs} invokes, mean "
            f"{scan.counts[1].avg_us} us; and {block.measured.runs}, {block.measured.avg_us} us",
        )
    if not scan.summaries or len(scan.counts) != 2:
        return None
    warmup, measured = scan.counts
    for what, told, other in _pairs(scan.summaries[0], warmup, measured, scan.sessions):
        if not agree(told, other):
            return failure_of(
                RunnerOutputError, f"the log contradicts itself: {what} is {told} and {other} us"
            )
    return None


def _pairs(
    summary: Summary, warmup: Count, measured: Count, sessions: list[Session]
) -> Iterator[tuple[str, float | None, float | None]]:
    yield "the mean", summary.avg_us, _six_digits(measured.avg_us)
    if warmup.runs > 0:
        yield "the mean of the warm-up", summary.warmup_avg_us, _six_digits(warmup.avg_us)
        if summary.first_us is not None:
            yield "the first invoke", summary.first_us, warmup.first_us
    if summary.init_us is None:
        yield "initialisation", None, -1.0
    for session in sessions:
        yield "initialisation", _six_digits(summary.init_us), session.init_us


def _six_digits(value: float | None) -> float | None:
    """As a C++ stream prints it."""
    return None if value is None else float(f"{value:.6g}")


def _too_short(scan: Scan, asked_runs: int | None, asked_max_s: float | None) -> Failure | None:
    asked, max_s = asked_runs or 0, asked_max_s
    if len(scan.runnings) > 1:
        asked = max(asked, scan.runnings[-1].runs)
        max_s = scan.runnings[-1].max_s if max_s is None else max_s
    measured = _measured(scan)
    if measured is None or measured.runs >= asked:
        return None
    if max_s is not None and _longest_s(measured, scan) >= max_s:
        return None
    limit = "without a time limit" if max_s is None else f"in less than {max_s:g} s"
    return failure_of(
        RunnerOutputError, f"{measured.runs} invokes where {asked} were asked for, {limit}"
    )


def _measured(scan: Scan) -> Count | None:
    if len(scan.counts) == 2:
        return scan.counts[1]
    block = scan.litert.block()
    return block.measured if block else None


def _longest_s(measured: Count, scan: Scan) -> float:
    """The longest that the loop can have taken, with the pauses that were asked for."""
    frequency = _told(scan, "number of prorated runs per second")
    pause_s = max(_told(scan, "inter-run delay (seconds)"), 1 / frequency if frequency > 0 else 0)
    return measured.runs * (((measured.avg_us or 0.0) + _OVERHEAD_US) / 1e6 + pause_s)


def _told(scan: Scan, parameter: str) -> float:
    """A parameter's value as the tool echoed it; 0 if it was not given."""
    try:
        return max(0.0, float(scan.echo.get(parameter, "0")))
    except ValueError:
        return 0.0


def _end(exit_code: int) -> str:
    if exit_code == _TIMEOUT_EXIT:
        return "stopped by a time limit"
    number = -exit_code if exit_code < 0 else exit_code - 128
    return f"killed by {_SIGNALS.get(number, f'signal {number}')}"


def _telling(scan: Scan) -> str | None:
    """The line that says most about why: how it died, what it complained of, or where it was."""
    fatal = [line for line in scan.deaths if "FATAL: " in line]
    for lines in (scan.failed_invokes, fatal, scan.trouble, scan.deaths, scan.damaged):
        if lines:
            return lines[0]
    return scan.gave_up or scan.last
