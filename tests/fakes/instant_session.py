"""Run as a program: performs a session whose runs take no time, so a kill lands in the store.

python instant_session.py FOLDER: makes the session in FOLDER, or goes on with the one there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from qbench import execute, plan
from qbench.clock import SystemClock
from qbench.records import (
    Case,
    Delegate,
    DeviceInfo,
    DeviceState,
    Origin,
    OutputFormat,
    Placement,
    Precision,
    Prediction,
    Proof,
    RawOutput,
    SessionInfo,
    Tier,
    UnitNodes,
)
from qbench.store import Session

RUNS = 24


class Instant:
    origin = Origin.HOST

    def describe(self) -> DeviceInfo:
        return DeviceInfo("d", "d", Origin.HOST)

    def settle(self) -> DeviceState:
        return DeviceState()

    def state(self) -> DeviceState:
        return DeviceState()

    def run(self, case: Case) -> RawOutput:
        told = Prediction(
            p50_us=100,
            low_us=50,
            high_us=200,
            tier=Tier.S0,
            placement=Placement(UnitNodes(1, 0, 0), 1, Proof.PREDICTED),
            basis="a test",
        )
        text = msgspec.json.encode(told).decode()
        return RawOutput(OutputFormat.SIMULATION, Origin.HOST, text, "", 0, "instant")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


def main(folder: Path) -> None:
    if any(folder.glob("*/plan.json")):
        session = Session.find(folder)
    else:
        made = plan.expand(
            (plan.PlanModel("m", "/m", "a" * 64, Precision.INT8),),
            (plan.Target("d", Origin.HOST, (Delegate.CPU,), 1),),
            protocol=plan.protocol("quick", repetitions=RUNS),
            seed=0,
            name="instant",
        )
        info = SessionInfo(
            schema_version=1,
            session_id="1",
            name="instant",
            created_at="2026-01-01T00:00:00+00:00",
            qbench_version="0",
            command=(),
            devices=(),
        )
        session = Session.create(folder, info, made, "2026-01-01T0000Z")
    print("ready", flush=True)
    with session.writer() as writer:
        execute.recover(session, writer)
        execute.execute(
            session.plan(),
            execute.missing(session.plan(), session.records()),
            {("d", Origin.HOST): Instant()},
            clock=SystemClock(),
            on_start=lambda run, case: None,
            on_raw=writer.save_raw,
            on_record=writer.append,
        )
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
