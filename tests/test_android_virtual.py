"""Whole sessions on virtual devices, through real adb servers of both versions."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import transport_contract
from fakes.transport_contract import *  # noqa: F403  the tests
from fakes.virtual_lab import PREDICTOR, VirtualLab, told
from fakes.virtual_phones import Adb, adb_of, phone
from qbench.adb.connecting import wait_until_usable
from qbench.android.restore import restore
from qbench.clock import SystemClock
from qbench.errors import DeviceStorageError
from qbench.execute import execute, missing
from qbench.formats.runner import read_report
from qbench.records import (
    Delegate,
    DeviceInfo,
    Failure,
    InvokeAggregate,
    Measurement,
    Origin,
    Plan,
    RunRecord,
    Taint,
)

CPU, GPU, NNAPI = Delegate.CPU, Delegate.GPU, Delegate.NNAPI
VERSIONS = ("29", "36")


@pytest.fixture(scope="module", params=VERSIONS)
def adb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    with adb_of(request.param, tmp_path_factory.mktemp("adb")) as found:
        yield found


@pytest.fixture(scope="module")
def lab(adb: Adb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualLab]:
    with phone(adb, "lab", predictor=PREDICTOR, boot_s=0.5, time_scale=0) as found:
        yield VirtualLab(found, tmp_path_factory.mktemp("lab"))


@pytest.fixture
def reached(lab: VirtualLab) -> transport_contract.Reached:
    return transport_contract.Reached(lab.phone.device, "/data/local/tmp/contract")


def _numbers(outcomes: list[object]) -> list[int | None]:
    assert all(isinstance(each, Measurement) for each in outcomes), outcomes
    found = [each.invokes for each in outcomes if isinstance(each, Measurement)]
    return [each.p50_us for each in found if isinstance(each, InvokeAggregate)]


def test_a_session_goes_through_everything_and_says_that_it_is_emulated(lab: VirtualLab) -> None:
    runs = lab.runs(NNAPI, GPU, CPU, repetitions=2)
    cases = {case.case_id: case for _, case in runs}
    plan = Plan(
        schema_version=1,
        name="t",
        protocol="t",
        seed=0,
        cases=tuple(cases.values()),
        runs=tuple(run for run, _ in runs),
    )
    records: list[RunRecord] = []
    backend = lab.backend(runs, session="whole")
    assert isinstance(backend.describe(), DeviceInfo)
    with backend:
        execute(
            plan,
            missing(plan, []),
            {("sd865", Origin.EMULATED): backend},
            clock=SystemClock(),
            on_start=lambda run, case: None,
            on_raw=lambda raw: None,
            on_record=records.append,
        )
    assert [record.origin for record in records] == [Origin.EMULATED] * 6
    for record in records:
        assert isinstance(record.outcome, Measurement), record.outcome
        assert record.outcome.taints == (Taint.EMULATOR,)
        assert record.before is not None
        assert record.before.is_fixed_performance
        assert record.after is not None
        assert record.after.boot_id == record.before.boot_id
    npu = records[0].outcome
    assert isinstance(npu, Measurement)
    assert npu.placement is not None
    assert npu.placement.nodes is not None
    assert npu.placement.nodes.npu > 0
    assert lab.look() == lab.before


def test_a_rooted_device_has_its_governors_locked_and_put_back(adb: Adb, tmp_path: Path) -> None:
    with phone(adb, "rooted", predictor=PREDICTOR, uid=0) as found:
        lab = VirtualLab(found, tmp_path)
        (output,) = lab.perform(lab.runs(GPU), locks_clocks=True)
        assert output.report is not None
        before = read_report(output.report).before
        assert {core.governor for core in before.cores if core.first == core.number} == {
            "performance"
        }
        assert lab.look() == lab.before


def test_without_root_a_locked_clock_is_refused_and_told(lab: VirtualLab) -> None:
    (output,) = lab.perform(lab.runs(GPU), session="locked", locks_clocks=True)
    assert Taint.UNLOCKED_CLOCKS not in output.taints  # fixed-performance mode is there
    assert output.report is not None
    assert read_report(output.report).before.cores[7].governor == "schedutil"
    assert lab.look() == lab.before


def test_a_device_without_the_shell_protocol_is_run_like_any_other(
    adb: Adb, tmp_path: Path
) -> None:
    with phone(adb, "old", predictor=PREDICTOR, features=()) as found:
        lab = VirtualLab(found, tmp_path)
        assert len(_numbers([*told(lab.perform(lab.runs(GPU, NNAPI)))])) == 2
        assert lab.look() == lab.before


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("tool-crash", "RunnerCrashedError"),
        ("tool-killed", "RunnerCrashedError"),
        ("tool-hang", "CommandTimeoutError"),
        ("tool-truncated", "RunnerOutputError"),
        ("tool-garbled", "RunnerOutputError"),
        ("tool-delegate-refused", "NotDelegatedError"),
    ],
)
def test_what_the_tool_does_wrong_is_a_failure_and_never_a_number(
    lab: VirtualLab, fault: str, error: str
) -> None:
    lab.later(0, fault).join()
    try:
        # Long enough for a busy machine, where it is not the deadline that is to be seen.
        timeout_s = 3.0 if fault == "tool-hang" else 60.0
        (outcome,) = told(lab.perform(lab.runs(GPU, timeout_s=timeout_s), session=fault))
    finally:
        lab.later(0, "tool-none").join()
    assert isinstance(outcome, Failure)
    assert outcome.error == error
    assert lab.look() == lab.before


def test_nnapi_with_its_reference_driver_only_is_not_delegated(lab: VirtualLab) -> None:
    lab.later(0, "tool-nnapi-reference-only").join()
    try:
        (outcome,) = told(lab.perform(lab.runs(NNAPI), session="reference"))
    finally:
        lab.later(0, "tool-none").join()
    assert isinstance(outcome, Failure)
    assert outcome.error == "NotDelegatedError"
    assert "nnapi-reference" in outcome.message


# Something goes wrong on the way, at a random moment: (seconds later, fault, value).

STEPS: dict[str, list[tuple[float, str, float | None]]] = {
    "drop": [(0.0, "drop", None)],
    "half a message": [(0.0, "drop-after-sent", 5000.0)],
    "half open": [(0.0, "half-open", None), (1.0, "clear", None)],
    "cable out": [(0.0, "vanish", None), (1.0, "appear", None)],
    "adbd stopped": [(0.0, "pause", None), (1.0, "continue", None)],
    "reboot": [(0.0, "reboot", 0.5)],
    "flip from the device": [(0.0, "flip-sent", 300.0)],
    "flip to the device": [(0.0, "flip-received", 300.0)],
    "key revoked": [(0.0, "revoke", None), (0.0, "drop", None), (1.0, "authorize", None)],
    "clock jumps": [(0.0, "clock", 100_000.0)],
}


def _struck(lab: VirtualLab, name: str, moment_s: float) -> None:
    """No completed run is lost, none is run into a wrong number, the device is as before."""
    timers = [lab.later(moment_s + after_s, what, value) for after_s, what, value in STEPS[name]]
    session = f"{name} at {moment_s}"
    outputs = lab.perform(lab.runs(GPU, NNAPI, repetitions=2), session=session)
    for timer in timers:
        timer.join()
    lab.phone.ask("clear_faults")
    wait_until_usable(lab.phone.device, timeout_s=60)  # it may have struck after the session
    outcomes = told(outputs)
    numbers = _numbers([*outcomes])
    gpu, nnapi = lab.expected_us
    for outcome, number, expected in zip(outcomes, numbers, (gpu, nnapi) * 2, strict=True):
        assert number is not None
        assert expected * 0.5 <= number <= expected * (10 if _is_contended(outcome) else 1.5)
    assert lab.look() == lab.before


def _is_contended(outcome: object) -> bool:
    """Did the stand-in itself wait for a processor of this machine? Then its clock ran on."""
    assert isinstance(outcome, Measurement)
    ran_us, waited_us = outcome.cpu_time_us, outcome.run_queue_wait_us
    return ran_us is not None and waited_us is not None and waited_us > 0.2 * (ran_us + waited_us)


@pytest.mark.parametrize("name", ["drop", "cable out", "reboot", "flip from the device"])
def test_a_session_survives_what_happens_on_the_way(lab: VirtualLab, name: str) -> None:
    _struck(lab, name, random.Random(name).uniform(0.3, 2.5))


@pytest.mark.heavy
@pytest.mark.parametrize("name", STEPS)
def test_a_session_survives_thirty_random_moments_of(lab: VirtualLab, name: str) -> None:
    random_ = random.Random(name)
    for _ in range(30):
        _struck(lab, name, random_.uniform(0.0, 3.2))


def test_a_full_device_is_told_and_what_was_done_is_collected_later(lab: VirtualLab) -> None:
    runs = lab.runs(GPU, repetitions=3)

    def fill_up_in_the_middle() -> None:
        # The next run begins late enough for the disk to be full by then.
        with lab.backend(runs, session="full", cool_least_s=3.0) as backend:
            backend.run(runs[0][1])
            lab.later(0, "full", 0.0).join()
            for _, case in runs[1:]:
                backend.run(case)

    with pytest.raises(DeviceStorageError, match="bytes are free"):
        fill_up_in_the_middle()
    lab.later(0, "not-full").join()
    restore(lab.phone.device)
    assert len(_numbers([*told(lab.perform(runs[1:], session="full"))])) == 2
    assert lab.look() == lab.before


def test_a_disk_that_turns_read_only_is_told_and_the_rest_is_run_later(lab: VirtualLab) -> None:
    runs = lab.runs(GPU, repetitions=3)

    def freeze_in_the_middle() -> None:
        with lab.backend(runs, session="frozen", cool_least_s=3.0) as backend:
            backend.run(runs[0][1])
            lab.later(0, "read-only").join()  # the runner's files are open
            for _, case in runs[1:]:
                backend.run(case)

    with pytest.raises(DeviceStorageError, match="Read-only file system") as caught:
        freeze_in_the_middle()
    assert "restart the device" in (caught.value.hint or "")
    lab.later(0, "writable").join()
    restore(lab.phone.device)
    assert len(_numbers([*told(lab.perform(runs[1:], session="frozen"))])) == 2
    assert lab.look() == lab.before


HOST = """
import sys
from pathlib import Path
from fakes.virtual_lab import VirtualLab
from fakes.virtual_phones import Adb, Phone
from qbench.adb.server import AdbServer
from qbench.records import Delegate
from qbench.virtual import instances

program, port, serial, folder = sys.argv[1:]
adb = Adb(program, AdbServer(host="127.0.0.1", port=int(port)))
lab = VirtualLab(Phone(instances.find(serial), adb), Path(folder))
runs = lab.runs(Delegate.GPU, repetitions=6)
with lab.backend(runs, session="killed host") as backend:
    backend.run(runs[0][1])
    print("one", flush=True)
    sys.stdin.read()
"""


def test_a_host_killed_with_9_is_followed_by_one_that_collects(lab: VirtualLab, adb: Adb) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOST, adb.program, str(adb.server.port), "lab", str(lab.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"one\n"
        child.kill()
    lab.notes.clear()
    rest = lab.runs(GPU, repetitions=6)[1:]
    assert len(_numbers([*told(lab.perform(rest, session="killed host"))])) == 5
    assert not [note for note in lab.notes if "died" in note]
    assert lab.look() == lab.before


@pytest.mark.heavy
def test_twelve_cases_five_times_cost_little_more_than_the_tool_itself(lab: VirtualLab) -> None:
    runs = lab.runs(*[GPU, NNAPI] * 6, repetitions=5, min_s=3.0)
    lab.perform(lab.runs(GPU), session="warm")
    start_s = time.perf_counter()
    outputs = lab.perform(runs, session="long", cool_least_s=1.0)
    wall_s = time.perf_counter() - start_s
    reports = [read_report(output.report or "") for output in outputs]
    own_s = sum(report.ended_s - report.started_s for report in reports)
    own_s += 1.0 * (len(reports) - 1)
    print(f"wall {wall_s:.1f} s, tool and cool-downs {own_s:.1f} s, ratio {wall_s / own_s:.3f}")
    assert wall_s <= 1.05 * own_s
