"""A phone made of files, a tool, a model, and backends that use them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fakes import tiny_models
from fakes.host_cases import case_for
from fakes.local_phone import LocalPhone
from fakes.local_tool import local_tool
from fakes.local_transport import LocalCache, LocalTransport
from qbench import formats
from qbench.android.backend import AndroidBackend
from qbench.android.options import Options
from qbench.clock import SystemClock
from qbench.records import (
    Case,
    Delegate,
    InvokeAggregate,
    Measurement,
    Origin,
    PlannedRun,
    RawOutput,
)

CPU, GPU, NNAPI = Delegate.CPU, Delegate.GPU, Delegate.NNAPI


class Lab:
    """`notes` has what the backend told its user."""

    def __init__(self, folder: Path, *, run_s: float = 0.1) -> None:
        self.folder = folder
        self.phone = LocalPhone(folder)
        self.transport = LocalTransport(self.phone)
        self.tool = local_tool(folder, self.phone, run_s=run_s)
        self.model = tiny_models.conv_model(folder / "conv.tflite")
        self.notes: list[str] = []
        self.before = self.phone.settings_of_device()

    def case(self, delegate: Delegate = CPU, *, timeout_s: float = 20.0) -> Case:
        case = case_for(self.model, threads=4, delegate=delegate, timeout_s=timeout_s)
        return msgspec.structs.replace(
            case, case_id=f"conv-fp32-{delegate}-t4@sd865", device="sd865", origin=Origin.EMULATED
        )

    def runs(
        self, *delegates: Delegate, repetitions: int = 1, timeout_s: float = 20.0
    ) -> list[tuple[PlannedRun, Case]]:
        found: list[tuple[PlannedRun, Case]] = []
        for repetition in range(repetitions):
            for delegate in delegates:
                case = self.case(delegate, timeout_s=timeout_s)
                found.append((PlannedRun(len(found), case.case_id, repetition), case))
        return found

    def backend(
        self,
        runs: Sequence[tuple[PlannedRun, Case]] = (),
        *,
        session: str = "a session",
        **options: Any,
    ) -> AndroidBackend:
        chosen = {"benchmark_binary": self.tool, "cool_least_s": 0.0, "patience_s": 5.0} | options
        return AndroidBackend(
            self.transport,
            LocalCache(self.phone, self.transport),
            clock=SystemClock(),
            reconnect=self.transport.reconnect,
            session=session,
            runs=runs,
            options=msgspec.convert(chosen, Options),
            notify=self.notes.append,
            base=str(self.phone.base),
            lock_folder=self.folder,
        )

    def perform(self, runs: Sequence[tuple[PlannedRun, Case]], **options: Any) -> list[RawOutput]:
        with self.backend(runs, **options) as backend:
            found = []
            for _, case in runs:
                backend.settle()
                found.append(backend.run(case))
                backend.state()
            return found

    def calls(self) -> int:
        """How often the tool was started."""
        return len((self.folder / "calls").read_text().splitlines())

    def assert_as_before(self) -> None:
        assert self.phone.settings_of_device() == self.before
        assert not (self.phone.base / "active").exists()
        assert not (self.phone.base / "journal").exists()
        assert sorted(self.phone.base.glob("sessions/*")) == []


def numbers_of(outputs: Sequence[RawOutput]) -> list[int | None]:
    told = [formats.outcome(output) for output in outputs]
    assert all(isinstance(each, Measurement) for each in told), told
    aggregates = [each.invokes for each in told if isinstance(each, Measurement)]
    return [each.p50_us for each in aggregates if isinstance(each, InvokeAggregate)]
