"""A collected job as the RawOutput of its run."""

from __future__ import annotations

from qbench import errors
from qbench.android.note import Note
from qbench.android.preflight import after_preparation
from qbench.formats import failure_of
from qbench.formats.runner import JobReport, Prepared, ResultFile
from qbench.records import Case, Failure, Origin, OutputFormat, RawOutput

_SIGNAL_BASE = 128  # the shell's status of a process that signal n ended is 128 + n
_LAST_SIGNAL = 64


def raw_output(
    case: Case,
    result: ResultFile,
    report: JobReport,
    *,
    note: Note,
    prepared: Prepared,
    origin: Origin,
) -> RawOutput:
    """`report` is the result's own, read. `error` is set when the tool was not run, or stopped."""
    later = (finding.taint for finding in after_preparation(prepared))
    return RawOutput(
        format=OutputFormat.ANDROID_RUN,
        origin=origin,
        # backslashreplace: no byte is lost, and the text can be stored as UTF-8.
        stdout=result.stdout.decode("utf-8", "backslashreplace"),
        stderr=result.stderr.decode("utf-8", "backslashreplace"),
        exit_code=_exit_code(report.status),
        tool=note.tool,
        tool_sha256=note.tool_sha256,
        error=_why_stopped(case, report),
        asked=note.asked[result.job],
        report=result.report,
        taints=tuple(dict.fromkeys((*note.taints, *later))),
    )


def failed_output(failure: Failure, *, note: Note, origin: Origin) -> RawOutput:
    """Of a run that never became a job."""
    return RawOutput(
        format=OutputFormat.ANDROID_RUN,
        origin=origin,
        stdout="",
        stderr="",
        exit_code=None,
        tool=note.tool,
        tool_sha256=note.tool_sha256,
        error=failure,
        taints=note.taints,
    )


def _why_stopped(case: Case, report: JobReport) -> Failure | None:
    if report.not_run == "hot":
        return failure_of(
            errors.TooHotError(
                f"{case.case_id}: the device did not cool down in {report.cooled_s:.0f} s",
                hint="let it cool, or accept it: --accept THERMAL",
            )
        )
    if report.not_run is not None:
        return failure_of(
            errors.DeviceError(
                f"{case.case_id}: the device did not run it: {report.not_run} %",
                hint="charge it, or accept it: --accept LOW_BATTERY",
            )
        )
    if report.is_timed_out:
        return failure_of(
            errors.CommandTimeoutError(
                f"{case.case_id}: the run did not end within {case.timeout_s:g} s, and was killed",
                hint="ask for fewer invokes or seconds, or for a longer timeout_s",
            )
        )
    return None


def _exit_code(status: int | None) -> int | None:
    """The shell's status as a process's: negative when a signal ended it."""
    if status is not None and _SIGNAL_BASE < status <= _SIGNAL_BASE + _LAST_SIGNAL:
        return _SIGNAL_BASE - status
    return status
