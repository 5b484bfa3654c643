"""What a terminal shows while a session runs."""

from __future__ import annotations

import io
from collections.abc import Sequence

import msgspec
import pytest
from rich.console import Console

from fakes.latency_samples import a_case, a_measurement, records_of
from fakes.manual_clock import ManualClock
from qbench.cli import live
from qbench.cli.progress import Progress, View, median_us_of
from qbench.plan import PROTOCOLS, estimate_run_s
from qbench.records import (
    Case,
    DeviceState,
    Failure,
    InvokeAggregate,
    Origin,
    Outcome,
    Plan,
    PlannedRun,
    RunRecord,
)

PHONE = a_case("m-int8-cpu-t4@d")
OTHER = msgspec.structs.replace(a_case("m-int8-cpu-t4@e"), device="e")
HERE = msgspec.structs.replace(a_case("m-int8-cpu-t2@host", origin=Origin.HOST), device="host")
WARM = DeviceState(temperature_c=36.4, cpu_khz=2_840_000)
CRASH = Failure("RunnerCrashedError", "benchmark_model: signal 11 \x1b[2J")


def a_plan(*cases: Case, runs: int = 2) -> Plan:
    order = [(case.case_id, rep) for rep in range(runs) for case in cases]
    return Plan(
        schema_version=1,
        name="x",
        protocol="quick",
        seed=0,
        cases=cases,
        runs=tuple(PlannedRun(n, case_id, rep) for n, (case_id, rep) in enumerate(order)),
    )


class Sitting:
    """A session under way: runs are told to `progress` as `execute` tells them."""

    def __init__(self, plan: Plan, done: Sequence[RunRecord] = ()) -> None:
        self.clock = ManualClock()
        self.plan = plan
        seen = {record.sequence for record in done}
        todo = [run for run in plan.runs if run.sequence not in seen]
        self.progress = Progress(plan, todo, self.clock, done)

    def start(self, sequence: int) -> None:
        run = self.plan.runs[sequence]
        self.progress.started(run, next(c for c in self.plan.cases if c.case_id == run.case_id))

    def end(self, sequence: int, outcome: Outcome, after: DeviceState | None = WARM) -> RunRecord:
        run = self.plan.runs[sequence]
        case = next(c for c in self.plan.cases if c.case_id == run.case_id)
        (record,) = records_of(case, [outcome], after=after)
        record = msgspec.structs.replace(record, sequence=sequence, repetition=run.repetition)
        self.progress.ended(record)
        return record

    def run(self, sequence: int, outcome: Outcome, took_s: float = 2.0) -> None:
        self.start(sequence)
        self.clock.sleep_s(took_s)
        self.end(sequence, outcome)


def drawn(view: View, width: int = 100, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    with console.capture() as capture:
        console.print(live.render(view, width, height))
    return capture.get().splitlines()


def test_devices_and_cases_are_told_with_heat_clock_and_medians() -> None:
    sitting = Sitting(a_plan(PHONE, OTHER))
    sitting.run(0, a_measurement([5000, 5100, 9000]))
    sitting.start(1)
    sitting.clock.sleep_s(3)
    lines = drawn(sitting.progress.view())
    assert "1 of 4 runs" in lines[0]
    assert lines[1].startswith("d 1/2 ")
    assert "36 \N{DEGREE SIGN}C, 2.84 GHz, about" in lines[1]
    assert lines[2].strip() == "waiting"
    assert lines[3].startswith("e 0/2 ")
    assert lines[4].strip() == "m-int8-cpu-t4@e run 1, 3 s"
    assert lines[-1].split() == ["m-int8-cpu-t4@d", "1/2", "5.10", "5.10"]


def test_nobody_is_told_a_temperature_that_nobody_read() -> None:
    sitting = Sitting(a_plan(PHONE))
    sitting.start(0)
    sitting.end(0, a_measurement([5000]), after=None)
    text = "\n".join(drawn(sitting.progress.view()))
    assert "\N{DEGREE SIGN}" not in text
    assert "Hz" not in text


def test_a_failed_run_is_told_and_its_message_cannot_drive_the_terminal() -> None:
    sitting = Sitting(a_plan(PHONE))
    sitting.run(0, CRASH)
    view = sitting.progress.view()
    lines = drawn(view)
    assert "1 failed" in lines[1]
    assert lines[-1].split() == ["m-int8-cpu-t4@d", "1/2", "failed", "-"]
    told = live.line(view.latest[0], view)
    assert "signal 11 \\x1b[2J" in told
    assert "\x1b" not in told


@pytest.mark.parametrize("width", [1, 5, 20, 40, 80, 100, 300])
@pytest.mark.parametrize("height", [1, 5, 24])
def test_it_fits_every_terminal(width: int, height: int) -> None:
    name = "a" * 90
    cases = [
        msgspec.structs.replace(a_case(f"{name}-{n}@{name}"), device=f"{name}{n % 3}")
        for n in range(30)
    ]
    sitting = Sitting(a_plan(*cases))
    for sequence in range(30):
        sitting.run(sequence, a_measurement([5000] * 30))
    lines = drawn(sitting.progress.view(), width, height)
    assert max(map(len, lines)) <= min(width, live.WIDEST)
    assert len(lines) <= max(height - 1, 1 + 2 * 3)  # what is more is cropped at the end


def test_time_left_is_the_protocols_then_what_runs_really_take() -> None:
    plan = a_plan(PHONE, runs=5)
    sitting = Sitting(plan)
    expected_s = estimate_run_s(plan, PHONE)
    assert sitting.progress.view().left_s == pytest.approx(5 * expected_s)
    sitting.run(0, a_measurement([5000] * 60), took_s=3 * expected_s)
    assert sitting.progress.view().left_s == pytest.approx(4 * 3 * expected_s)
    sitting.start(1)
    sitting.clock.sleep_s(expected_s)
    assert sitting.progress.view().left_s == pytest.approx((4 * 3 - 1) * expected_s)
    sitting.clock.sleep_s(100 * expected_s)  # one that hangs does not make the others late
    assert sitting.progress.view().left_s == pytest.approx(3 * 3 * expected_s)


def test_devices_work_at_the_same_time_and_this_machine_after_them() -> None:
    plan = a_plan(PHONE, OTHER, HERE, runs=3)
    view = Sitting(plan).progress.view()
    phone_s, _, here_s = (target.left_s for target in view.targets)
    assert view.left_s == pytest.approx(phone_s + here_s)
    assert phone_s > here_s  # it rests between runs
    assert PROTOCOLS["quick"].rest_s > 0


def test_resuming_counts_what_was_done_before_but_not_as_this_sittings() -> None:
    plan = a_plan(PHONE, runs=3)
    before = Sitting(plan)
    done = [before.end(0, a_measurement([5000] * 30))]
    sitting = Sitting(plan, done)
    assert (sitting.progress.view().done, sitting.progress.view().total) == (0, 2)
    sitting.run(1, a_measurement([7000] * 30))
    (latest,) = sitting.progress.view().latest
    assert (latest.done, latest.total, latest.last_us, latest.p50_us) == (2, 3, 7000, 6000)


def test_the_case_that_ended_last_stands_first() -> None:
    plan = a_plan(PHONE, OTHER)
    sitting = Sitting(plan)
    for sequence in range(3):
        sitting.run(sequence, a_measurement([5000]))
    assert [x.case.device for x in sitting.progress.view().latest] == ["d", "e"]


def test_a_median_that_was_not_told_is_absent() -> None:
    told = a_measurement([1])
    assert median_us_of(msgspec.structs.replace(told, invokes=InvokeAggregate(9))) is None
    assert median_us_of(CRASH) is None
