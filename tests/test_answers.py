"""What android_runner/answers.sh prints: read to the byte, or refused with what is wrong."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbench.errors import (
    NotDelegatedError,
    RunnerCrashedError,
    RunnerOutputError,
    RunnerVersionError,
)
from qbench.formats import answers
from qbench.records import Delegate, Failure, Origin, OutputFormat, RawOutput

LOG = """\
INFO: STARTING!
INFO: Graph: [m.tflite]
INFO: Loaded model m.tflite
INFO: The input model file size (MB): 0.1
INFO: Initialized session in 3.1ms.
INFO: Running benchmark for at least 1 iterations and at least 0 seconds but terminate if \
exceeding 150 seconds.
INFO: count=1 curr=900 p5=900 median=900 p95=900

INFO: Running benchmark for at least 1 iterations and at least 0 seconds but terminate if \
exceeding 150 seconds.
INFO: count=1 curr=800 p5=800 median=800 p95=800

INFO: Inference timings in us: Init: 3100, First inference: 900, Warmup (avg): 900, \
Inference (avg): 800
"""


def printed(*found: bytes, log: str = LOG) -> str:
    """As the script and od(1) print it, sixteen bytes a line."""
    text = f"log 0\n{log}"
    for number, content in enumerate(found):
        text += f"answer {number}\n"
        for at in range(0, len(content), 16):
            text += " " + content[at : at + 16].hex(" ") + "\n"
    return text


def raw(stdout: str, exit_code: int | None = 0, error: Failure | None = None) -> RawOutput:
    return RawOutput(
        format=OutputFormat.ANDROID_RUN,
        origin=Origin.EMULATED,
        stdout=stdout,
        stderr="",
        exit_code=exit_code,
        tool="benchmark_model abc",
        tool_sha256="0" * 64,
        error=error,
    )


@given(st.lists(st.binary(min_size=1, max_size=70), max_size=12))
def test_every_byte_comes_back(found: list[bytes]) -> None:
    told = answers.read(printed(*found))
    assert told.answers == tuple(found)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(RunnerOutputError):
        assert answers.read(text).answers == ()


@pytest.mark.parametrize(
    ("stdout", "message"),
    [
        ("answer 1\n 00\n", "does not print: 'answer 1'"),
        ("log 0\nanswer 0\n 0\n", "does not print: ' 0'"),
        ("log 0\nanswer 0\n 00\nanswer 2\n 01\n", "does not print: 'answer 2'"),
        ("log 0\nanswer 0\nanswer 1\n 00\n", "an answer without bytes"),
        ("hello\n", "does not print: 'hello'"),
    ],
)
def test_what_is_damaged_is_refused(stdout: str, message: str) -> None:
    with pytest.raises(RunnerOutputError) as error:
        answers.read(stdout)
    assert message in str(error.value)


def test_a_whole_job_is_its_answers_and_who_ran_it() -> None:
    judged = answers.judge(raw(printed(b"\x01\xff", b"\x02\xfe")), 2, Delegate.CPU)
    assert judged == answers.Judged((b"\x01\xff", b"\x02\xfe"), "CPU")


@pytest.mark.parametrize("flag", ["--output_filepath=output", "--input_layer_value_files=a:input"])
def test_a_build_that_does_not_know_the_flags_is_refused_by_name(flag: str) -> None:
    log = LOG.replace("STARTING!\n", f"STARTING!\nWARN: Unconsumed cmdline flags: {flag}\n")
    with pytest.raises(RunnerVersionError) as error:
        answers.judge(raw(printed(log=log)), 2, Delegate.CPU)
    name = flag.partition("=")[0]
    told = f"benchmark_model abc: does not know {name}: this build cannot be asked for answers"
    assert str(error.value) == told
    assert "qbench tools fetch" in (error.value.hint or "")


def test_an_old_build_that_says_nothing_and_writes_nothing_is_refused() -> None:
    with pytest.raises(RunnerVersionError, match="wrote no output"):
        answers.judge(raw(printed()), 2, Delegate.CPU)


def test_a_crash_in_the_middle_is_a_crash_with_the_log_of_the_input_that_did_it() -> None:
    text = printed(b"\x01") + "log 1\nINFO: STARTING!\n"
    with pytest.raises(RunnerCrashedError):
        answers.judge(raw(text, -11), 2, Delegate.CPU)


def test_answers_of_the_cpu_are_not_those_of_an_accelerator() -> None:
    text = printed(b"\x01", b"\x02")
    with pytest.raises(NotDelegatedError):
        answers.judge(raw(text), 2, Delegate.GPU)


def test_a_job_that_was_stopped_says_why() -> None:
    stopped = Failure(error="CommandTimeoutError", message="did not end", retryable=True)
    from qbench.errors import CommandTimeoutError

    with pytest.raises(CommandTimeoutError, match="did not end"):
        answers.judge(raw("", None, stopped), 2, Delegate.CPU)
