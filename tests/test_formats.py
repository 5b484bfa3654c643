"""Readers: real captures are understood, damaged ones are refused, nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.fake_backend import CAPTURES, capture
from qbench import formats
from qbench.errors import (
    RunnerCrashedError,
    RunnerError,
    RunnerOutputError,
    RunnerVersionError,
)
from qbench.host import child
from qbench.records import (
    Failure,
    InvokeSamples,
    Measurement,
    Origin,
    OutputFormat,
    Placement,
    Prediction,
    Proof,
    RawOutput,
    RefusedNode,
    Tier,
    UnitNodes,
)

MEASURED = capture("host/measured")
PREDICTION = Prediction(
    p50_us=1000,
    low_us=800,
    high_us=1300,
    p90_us=1100,
    tier=Tier.S1,
    placement=Placement(UnitNodes(cpu=1, gpu=0, npu=30), 1, Proof.PREDICTED),
    basis="rates fitted on published latencies",
)
SIMULATED = RawOutput(
    format=OutputFormat.SIMULATION,
    origin=Origin.SIMULATED,
    stdout=msgspec.json.encode(PREDICTION).decode(),
    stderr="",
    exit_code=0,
    tool="qbench simulator",
)


def _read(raw: RawOutput) -> Measurement:
    told = formats.read(raw)
    assert isinstance(told, Measurement)
    return told


def _failure(raw: RawOutput) -> Failure:
    told = formats.outcome(raw)
    assert isinstance(told, Failure)
    return told


def _with(**changes: Any) -> RawOutput:
    """The real capture, with some of its measurement's fields replaced."""
    body = json.loads(MEASURED.stdout)
    body["measurement"] |= changes
    return msgspec.structs.replace(MEASURED, stdout=json.dumps(body))


# ---- the host's runner


def test_a_capture_reads_as_the_microseconds_that_its_nanoseconds_round_to() -> None:
    body = json.loads(MEASURED.stdout)["measurement"]
    told = _read(MEASURED)
    assert isinstance(told.invokes, InvokeSamples)
    assert len(told.invokes.latencies_us) == 40
    for us, ns in zip(told.invokes.latencies_us, body["invokes_ns"], strict=True):
        assert abs(us * 1000 - ns) <= 500
    assert told.init_latency_us == round(body["init_ns"] / 1000)
    assert told.first_invoke_latency_us == round(body["first_invoke_ns"] / 1000)
    assert told.cpu_time_us == round(body["cpu_ns"] / 1000)
    assert told.warmup_invokes == 2
    assert told.threads == 2
    assert told.peak_rss_bytes == body["peak_rss_bytes"]
    assert told.warnings == ()


def test_placement_counts_the_models_own_nodes_and_names_the_ones_xnnpack_left() -> None:
    placement = _read(capture("host/split")).placement
    assert placement is not None
    assert placement.nodes == UnitNodes(cpu=3, gpu=0, npu=0)
    assert placement.partitions == 2
    assert placement.proof is Proof.NODE_COUNTS
    assert placement.refused == (
        RefusedNode(1, "FLOOR_MOD", "the runtime kept it on its own kernels, and does not say why"),
    )
    assert placement.evidence == ("interpreter: XNNPACK took 2 of 3 nodes in 2 partitions",)


def test_without_xnnpack_there_is_no_partition_and_nobody_refused_anything() -> None:
    placement = _read(capture("host/plain_kernels")).placement
    assert placement is not None
    assert placement.partitions == 0
    assert placement.refused == ()
    assert "XNNPACK is off" in placement.evidence[0]


def test_a_latency_that_the_microsecond_grid_blurs_carries_a_warning() -> None:
    warnings = _read(capture("host/split")).warnings
    assert any("whole microseconds are a grid of" in warning for warning in warnings)


def test_an_invoke_of_less_than_half_a_microsecond_does_not_become_0() -> None:
    told = _read(_with(invokes_ns=[300, 1499, 1501]))
    assert told.invokes == InvokeSamples(latencies_us=(1, 1, 2))


def test_what_the_system_does_not_tell_stays_none() -> None:
    told = _read(_with(run_queue_wait_ns=None, threads=None))
    assert told.run_queue_wait_us is None
    assert told.threads is None


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("custom_op", "RunnerError", "unresolved custom op: NobodyKnowsThis"),
        ("index_out_of_range", "RunnerError", "failed to run it: gather index out of bounds"),
        ("strings", "RunnerError", "input 't0' holds strings"),
        ("out_of_memory", "RunnerCrashedError", "ran out of memory"),
        ("no_room_for_kernels", "RunnerError", "says this when memory runs out"),
        ("killed", "RunnerCrashedError", "killed by SIGKILL"),
        ("deadline", "CommandTimeoutError", "did not end within 0.5 s"),
    ],
)
def test_each_real_failure_has_its_type_and_its_reason(name: str, error: str, words: str) -> None:
    told = _failure(capture(f"host/{name}"))
    assert told.error == error
    assert words in told.message
    assert told.retryable == (error == "CommandTimeoutError")


def test_every_capture_is_either_a_measurement_or_a_failure_with_words() -> None:
    names = sorted(path.stem for path in (CAPTURES / "host").glob("*.json"))
    assert len(names) == 11
    for name in names:
        told = formats.outcome(capture(f"host/{name}"))
        assert isinstance(told, Measurement) or (isinstance(told, Failure) and told.message)


@pytest.mark.parametrize(
    ("number", "name"), [(11, "SIGSEGV"), (6, "SIGABRT"), (9, "SIGKILL"), (123, "signal 123")]
)
def test_a_runner_that_a_signal_killed_is_named_after_it(number: int, name: str) -> None:
    raw = msgspec.structs.replace(MEASURED, exit_code=-number, stderr="x\nlast words\n")
    with pytest.raises(RunnerCrashedError, match=f"killed by {name}: last words"):
        formats.read(raw)


def test_the_number_of_a_runner_that_died_after_printing_it_is_not_taken() -> None:
    with pytest.raises(RunnerOutputError, match="exit code 3"):
        formats.read(msgspec.structs.replace(MEASURED, exit_code=3))


def test_a_traceback_is_told_by_its_last_line() -> None:
    raw = msgspec.structs.replace(
        MEASURED, exit_code=1, stdout="", stderr="Traceback ...\nKeyError: 'threads'\n"
    )
    with pytest.raises(RunnerCrashedError, match="exit code 1 and no answer: KeyError: 'threads'"):
        formats.read(raw)


def test_a_runner_without_an_exit_code_gives_no_number() -> None:
    with pytest.raises(RunnerCrashedError, match="no exit code"):
        formats.read(msgspec.structs.replace(MEASURED, exit_code=None))


def test_a_runtime_that_cannot_be_loaded_is_a_version_error() -> None:
    body = {"host_run": 1, "failure": {"reason": "import", "message": "ImportError: GLIBC_2.99"}}
    with pytest.raises(RunnerVersionError, match=r"GLIBC_2\.99"):
        formats.read(msgspec.structs.replace(MEASURED, exit_code=1, stdout=json.dumps(body)))


def test_a_failure_with_exit_code_0_is_refused() -> None:
    raw = msgspec.structs.replace(capture("host/custom_op"), exit_code=0)
    with pytest.raises(RunnerOutputError, match="does not go with what it says"):
        formats.read(raw)


def test_output_of_another_format_version_is_refused_by_number() -> None:
    raw = msgspec.structs.replace(
        MEASURED, stdout=MEASURED.stdout.replace('"host_run":1', '"host_run":2')
    )
    with pytest.raises(RunnerOutputError, match="version 2, and this is 1"):
        formats.read(raw)


@pytest.mark.parametrize(
    "changes",
    [
        {"invokes_ns": []},
        {"invokes_ns": [0]},
        {"invokes_ns": [-1]},
        {"invokes_ns": [1.5]},
        {"invokes_ns": [True]},
        {"invokes_ns": ["7"]},
        {"invokes_ns": [10**30]},
        {"invokes_ns": [7 * 86_400 * 10**9 + 1]},
        {"invokes_ns": None},
        {"invokes_ns": [600], "wall_ns": 599},
        {"init_ns": 0},
        {"init_ns": None},
        {"first_invoke_ns": -5},
        {"wall_ns": 0},
        {"cpu_ns": -1},
        {"run_queue_wait_ns": -1},
        {"warmup_invokes": -1},
        {"peak_rss_bytes": 0},
        {"threads": 0},
        {"nodes": -1},
        {"nodes": 0},
        {"nodes": 1, "kept": [[1, "ADD"]], "partitions": 0},
        {"nodes": 5, "kept": [[2, "ADD"], [2, "ADD"]]},
        {"nodes": 5, "kept": [[3, "ADD"], [2, "ADD"]]},
        {"partitions": 0},
        {"partitions": 3},
        {"xnnpack": False},
        {"kept": [[0]]},
        {"something": "new"},
    ],
)
def test_impossible_values_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RunnerOutputError):
        formats.read(_with(**changes))


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "01", "0x10", ""])
def test_what_is_not_a_json_number_is_refused(literal: str) -> None:
    whole = MEASURED.stdout
    start = whole.index('"init_ns":') + len('"init_ns":')
    damaged = whole[:start] + literal + whole[whole.index(",", start) :]
    with pytest.raises(RunnerOutputError):
        formats.read(msgspec.structs.replace(MEASURED, stdout=damaged))


def test_output_cut_at_any_byte_is_refused() -> None:
    for end in range(len(MEASURED.stdout)):
        with pytest.raises(RunnerOutputError):
            formats.read(msgspec.structs.replace(MEASURED, stdout=MEASURED.stdout[:end]))


def test_two_answers_are_refused() -> None:
    with pytest.raises(RunnerOutputError):
        formats.read(msgspec.structs.replace(MEASURED, stdout=MEASURED.stdout * 2))


def test_brackets_without_end_are_refused_and_do_not_exhaust_the_stack() -> None:
    for text in ("[" * 1_000_000, '{"measurement":' * 200_000):
        with pytest.raises(RunnerOutputError):
            formats.read(msgspec.structs.replace(MEASURED, stdout=text))


def test_the_child_and_its_reader_agree_on_version_and_reasons() -> None:
    assert child.FORMAT_VERSION == formats.host_run.FORMAT_VERSION
    for reason in formats.host_run.FailureReason:
        stdout = json.dumps({"host_run": 1, "failure": {"reason": reason, "message": "why"}})
        with pytest.raises(RunnerError, match="why"):
            formats.read(msgspec.structs.replace(MEASURED, exit_code=1, stdout=stdout))


# ---- the simulator


def test_a_prediction_reads_back_as_it_was() -> None:
    assert formats.read(SIMULATED) == PREDICTION


@pytest.mark.parametrize(
    "changes",
    [
        {"low_us": 0},
        {"low_us": 1001},
        {"high_us": 999},
        {"high_us": 10**30},
        {"p50_us": -1000, "low_us": -1001},
        {"p90_us": 900},
        {"basis": ""},
        {"placement": Placement(UnitNodes(-1, 0, 0), 1, Proof.PREDICTED)},
        {"placement": Placement(UnitNodes(1, 0, 0), -1, Proof.PREDICTED)},
    ],
)
def test_an_impossible_prediction_is_refused(changes: dict[str, Any]) -> None:
    told = msgspec.structs.replace(PREDICTION, **changes)
    raw = msgspec.structs.replace(SIMULATED, stdout=msgspec.json.encode(told).decode())
    with pytest.raises(RunnerOutputError, match="impossible output"):
        formats.read(raw)


def test_a_prediction_cut_at_any_byte_is_refused() -> None:
    for end in range(len(SIMULATED.stdout)):
        with pytest.raises(RunnerOutputError):
            formats.read(msgspec.structs.replace(SIMULATED, stdout=SIMULATED.stdout[:end]))


def test_a_simulator_that_failed_gives_no_number() -> None:
    with pytest.raises(RunnerCrashedError, match="exit code 1"):
        formats.read(msgspec.structs.replace(SIMULATED, exit_code=1))


# ---- any output


def test_what_the_backend_already_knows_goes_before_what_the_runner_printed() -> None:
    lost = Failure(error="DisconnectedError", message="the device is gone", retryable=True)
    raw = msgspec.structs.replace(MEASURED, error=lost)
    assert formats.outcome(raw) == lost
    with pytest.raises(RunnerError, match="the device is gone"):
        formats.read(raw)


def test_a_hint_travels_with_the_failure() -> None:
    told = formats.failure_of(RunnerOutputError("x: unreadable", hint="try y"), attempts=2)
    assert told == Failure("RunnerOutputError", "x: unreadable (try y)", False, 2)


def _cut(text: str, at: int, junk: str) -> str:
    return text[:at] + junk


def _insert(text: str, at: int, junk: str) -> str:
    return text[:at] + junk + text[at:]


def _overwrite(text: str, at: int, junk: str) -> str:
    return text[:at] + junk + text[at + len(junk) :]


def _delete(text: str, at: int, junk: str) -> str:
    return text[:at] + text[at + len(junk) :]


_HOST_CAPTURES = [capture(f"host/{path.stem}") for path in (CAPTURES / "host").glob("*.json")]
_JUNK = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["-", "0", "9", "e9", ".5", "null", "NaN", "[", "]", "{", "}", ",", '"', "\0"]),
)


@given(
    raw=st.sampled_from([*_HOST_CAPTURES, SIMULATED]),
    damage=st.lists(
        st.tuples(
            st.sampled_from([_cut, _insert, _overwrite, _delete]),
            st.floats(0, 1, exclude_max=True),
            _JUNK,
        ),
        min_size=1,
        max_size=4,
    ),
    exit_code=st.sampled_from([0, 1, -11, None]) | st.integers(),
    wrong_format=st.booleans(),
)
def test_damaged_output_gives_a_possible_value_or_a_named_failure(
    raw: RawOutput,
    damage: list[tuple[Callable[[str, int, str], str], float, str]],
    exit_code: int | None,
    wrong_format: bool,
) -> None:
    stdout = raw.stdout
    for harm, where, junk in damage:
        stdout = harm(stdout, int(where * len(stdout)), junk)
    format_ = OutputFormat.SIMULATION if wrong_format else raw.format
    damaged = msgspec.structs.replace(raw, stdout=stdout, exit_code=exit_code, format=format_)
    told = formats.outcome(damaged)
    if isinstance(told, Measurement):
        assert isinstance(told.invokes, InvokeSamples)
        assert min(told.invokes.latencies_us) >= 1
        assert exit_code == 0
    elif isinstance(told, Prediction):
        assert 0 < told.low_us <= told.p50_us <= told.high_us
    else:
        assert told.error.endswith("Error")
        assert told.message
