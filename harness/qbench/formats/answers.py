"""Reader of what android_runner/answers.sh prints: a tool's log, and a model's answers in bytes."""

from __future__ import annotations

import re

import msgspec

from qbench import errors
from qbench.errors import QBenchError, RunnerOutputError, RunnerVersionError
from qbench.formats import benchmark_model
from qbench.formats.benchmark_model import LogReport
from qbench.records import Delegate, Failure, RawOutput, UnitNodes

_HEAD = re.compile(r"(log|answer) (\d{1,9})")
_FLAGS = re.compile(r"--(?:input_layer|output_filepath)\w*")
_HEX = re.compile(r"(?: [0-9a-f]{2})+ *")


class Told(msgspec.Struct, frozen=True):
    """`log` is of the first input, or of the one after the last answer, which then failed."""

    answers: tuple[bytes, ...]
    log: str


class Judged(msgspec.Struct, frozen=True):
    """All answers that were asked for; `executed`: which units took the model's nodes."""

    answers: tuple[bytes, ...]
    executed: str


def judge(raw: RawOutput, count: int, requested: Delegate) -> Judged:
    """`count` answers of one job, or the reason why not.

    Raises RunnerVersionError for a build of the tool that cannot be asked for answers, and what a
    run of the tool for times may end with, NotDelegatedError among it.
    """
    if raw.error is not None:
        raise _error(raw.error)
    told = read(raw.stdout)
    delegate = None if requested is Delegate.CPU else requested
    report = benchmark_model.read(told.log, raw.stderr, raw.exit_code, requested=delegate)
    unknown = _FLAGS.findall(" ".join(report.unconsumed_flags))
    if unknown or (report.failure is None and len(told.answers) < count):
        why = f"does not know {unknown[0]}" if unknown else "wrote no output"
        raise RunnerVersionError(
            f"{raw.tool}: {why}: this build cannot be asked for answers",
            hint="take a newer one: qbench tools fetch, or --benchmark-binary FILE",
        )
    if report.failure is not None:
        raise _error(report.failure)
    if len(told.answers) > count:
        raise RunnerOutputError(f"{raw.tool}: {len(told.answers)} answers to {count} inputs")
    return Judged(told.answers, _executed(report))


def _executed(report: LogReport) -> str:
    nodes = report.nodes
    if nodes is None:
        return "CPU"
    counts = [f"{count} on {unit}" for unit, count in _units(nodes) if count]
    return f"nodes: {', '.join(counts)} (proof: {report.proof})" if counts else "CPU"


def _units(nodes: UnitNodes) -> tuple[tuple[str, int], ...]:
    return ("CPU", nodes.cpu), ("GPU", nodes.gpu), ("NPU", nodes.npu)


def _error(failure: Failure) -> QBenchError:
    kind = getattr(errors, failure.error, errors.RunnerError)
    made: QBenchError = kind(failure.message)
    return made


def read(stdout: str) -> Told:
    """Raises RunnerOutputError for what the script does not print: answers out of order, a byte
    that is none, anything before the first log."""
    answers: list[bytearray] = []
    log: list[str] = []
    inside = ""
    for line in stdout.replace("\r\n", "\n").split("\n"):
        head = _HEAD.fullmatch(line)
        if head is not None and int(head[2]) == len(answers):
            inside = head[1]
            if inside == "answer":
                answers.append(bytearray())
            else:
                log.clear()
        elif inside == "log":
            log.append(line)
        elif inside == "answer" and _HEX.fullmatch(line):
            answers[-1] += bytes.fromhex(line)
        elif line:
            raise RunnerOutputError(f"answers.sh: a line that it does not print: {line[:80]!r}")
    if any(not answer for answer in answers):
        raise RunnerOutputError("answers.sh: an answer without bytes: the output was cut")
    return Told(tuple(map(bytes, answers)), "\n".join(log))
