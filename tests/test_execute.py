"""The one loop: order of steps, failures as records, retries, resuming."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import msgspec
import pytest

from fakes.manual_clock import ManualClock
from qbench import execute, plan
from qbench.errors import DeviceError, DisconnectedError, StoreError
from qbench.records import (
    Case,
    Delegate,
    DeviceInfo,
    DeviceState,
    Failure,
    Origin,
    OutputFormat,
    Placement,
    PlannedRun,
    Precision,
    Prediction,
    Proof,
    RawOutput,
    RawRun,
    RunRecord,
    Tier,
    UnitNodes,
)

PREDICTION = Prediction(
    p50_us=100,
    low_us=50,
    high_us=200,
    tier=Tier.S0,
    placement=Placement(UnitNodes(1, 0, 0), 1, Proof.PREDICTED),
    basis="a test",
)
PLAN = plan.expand(
    (plan.PlanModel("m", "/m", "a" * 64, Precision.INT8),),
    (plan.Target("d", Origin.HOST, (Delegate.CPU,), 1),),
    protocol=plan.protocol("quick", repetitions=3),
    seed=0,
    name="n",
)


class Scripted:
    """A backend that answers `run` from a list; writes down what is asked of it."""

    origin = Origin.HOST

    def __init__(self, log: list[str], *answers: str | DeviceError) -> None:
        self.log = log
        self._answers = list(answers)

    def describe(self) -> DeviceInfo:
        return DeviceInfo("d", "d", Origin.HOST)

    def settle(self) -> DeviceState:
        self.log.append("settle")
        return DeviceState(load_1min=1.0)

    def state(self) -> DeviceState:
        self.log.append("state")
        return DeviceState(load_1min=2.0)

    def run(self, case: Case) -> RawOutput:
        self.log.append(f"run {case.case_id}")
        answer = self._answers.pop(0)
        if isinstance(answer, DeviceError):
            raise answer
        return RawOutput(OutputFormat.SIMULATION, Origin.HOST, answer, "", 0, "scripted 1")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


GOOD = msgspec.json.encode(PREDICTION).decode()


def _execute(
    backend: Scripted, log: list[str], runs: tuple[PlannedRun, ...] = PLAN.runs
) -> tuple[list[RunRecord], ManualClock]:
    clock = ManualClock()
    records: list[RunRecord] = []

    def on_raw(raw: RawRun) -> None:
        log.append(f"raw {raw.sequence}")

    def on_record(record: RunRecord) -> None:
        log.append(f"record {record.sequence}")
        records.append(record)

    execute.execute(
        PLAN,
        runs,
        {("d", Origin.HOST): backend},
        clock=clock,
        on_start=lambda run, case: log.append(f"start {run.sequence}"),
        on_raw=on_raw,
        on_record=on_record,
    )
    return records, clock


def test_the_raw_output_is_handed_over_before_anybody_has_read_it() -> None:
    log: list[str] = []
    records, _ = _execute(Scripted(log, "not JSON at all"), log, PLAN.runs[:1])
    assert log == [
        "start 0",
        "settle",
        "run m-int8-cpu-t1@d",
        "state",
        "raw 0",
        "record 0",
    ]
    assert isinstance(records[0].outcome, Failure)
    assert records[0].outcome.error == "RunnerOutputError"


def test_a_failed_run_is_recorded_and_the_rest_goes_on() -> None:
    log: list[str] = []
    records, _ = _execute(Scripted(log, GOOD, "garbage", GOOD), log)
    assert [type(r.outcome) for r in records] == [Prediction, Failure, Prediction]
    assert records[0].outcome == PREDICTION
    assert records[0].before == DeviceState(load_1min=1.0)
    assert records[0].after == DeviceState(load_1min=2.0)
    assert records[0].tool == "scripted 1"


def test_a_lost_device_stops_the_loop_and_leaves_its_runs_without_a_record() -> None:
    log: list[str] = []
    records: list[RunRecord] = []
    with pytest.raises(DisconnectedError, match="d: gone"):
        execute.execute(
            PLAN,
            PLAN.runs,
            {("d", Origin.HOST): Scripted(log, GOOD, DisconnectedError("d: gone"))},
            clock=ManualClock(),
            on_start=lambda run, case: None,
            on_raw=lambda raw: None,
            on_record=records.append,
        )
    assert [record.sequence for record in records] == [0]
    assert execute.missing(PLAN, records) == list(PLAN.runs[1:])


def test_a_store_that_fails_stops_the_loop() -> None:
    log: list[str] = []

    def full(record: RunRecord) -> None:
        raise StoreError("disk full")

    with pytest.raises(StoreError):
        execute.execute(
            PLAN,
            PLAN.runs,
            {("d", Origin.HOST): Scripted(log, GOOD, GOOD)},
            clock=ManualClock(),
            on_start=lambda run, case: None,
            on_raw=lambda raw: None,
            on_record=full,
        )
    assert log.count("run m-int8-cpu-t1@d") == 1


def test_what_is_missing_is_what_has_no_record_in_the_order_of_the_plan() -> None:
    log: list[str] = []
    records, _ = _execute(Scripted(log, GOOD, "garbage", GOOD), log)
    assert execute.missing(PLAN, []) == list(PLAN.runs)
    assert execute.missing(PLAN, [records[1]]) == [PLAN.runs[0], PLAN.runs[2]]
    assert execute.missing(PLAN, records) == []


def test_the_same_raw_output_makes_the_same_record() -> None:
    raw = RawRun(
        sequence=4,
        case_id="m-int8-cpu-t1@d",
        repetition=1,
        started_at="2026-01-01T00:00:00.000+00:00",
        before=None,
        after=None,
        raw=RawOutput(OutputFormat.SIMULATION, Origin.SIMULATED, GOOD, "", 0, "t", "f" * 64),
    )
    assert execute.record_of(raw) == execute.record_of(raw)
    assert execute.record_of(raw).tool_sha256 == "f" * 64
