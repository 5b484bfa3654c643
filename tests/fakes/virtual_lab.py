"""Whole sessions on a virtual device behind a real adb server, with something going wrong."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fakes.host_cases import case_for
from fakes.virtual_phones import Phone
from qbench import formats, models, profiles
from qbench.adb.cache import DeviceCache
from qbench.adb.connecting import wait_until_usable
from qbench.android.backend import AndroidBackend
from qbench.android.options import Options
from qbench.cli.virtual_predictor import predict_p50_us
from qbench.clock import SystemClock
from qbench.records import (
    Case,
    Delegate,
    Failure,
    Measurement,
    Origin,
    PlannedRun,
    Precision,
    Prediction,
    RawOutput,
)
from qbench.virtual.catalogue import request_for
from qbench.virtual.host_python import STAND_IN

PREDICTOR = "qbench.cli.virtual_predictor:predict_p50_us"
_LOOK = (
    "settings list global; cat /data/system/fixed_performance_mode "
    "/sys/devices/system/cpu/cpu*/cpufreq/scaling_*; ls /data/local/tmp/qbench/sessions "
    "/data/local/tmp/qbench/journal /data/local/tmp/qbench/active 2>/dev/null; true"
)


class VirtualLab:
    """`notes` has what the backend told its user."""

    def __init__(self, phone: Phone, folder: Path) -> None:
        self.phone = phone
        self.folder = folder
        self.notes: list[str] = []
        (self.model,) = models.resolve("smallcnn", (Precision.INT8,))
        self.before = self.look()

    @functools.cached_property
    def expected_us(self) -> tuple[int, int]:
        """What GPU and NNAPI take on this device, undisturbed."""
        profile = profiles.load("sd865")
        gpu, nnapi = (
            predict_p50_us(str(self.model), delegate, profile, 4)
            for delegate in (Delegate.GPU, Delegate.NNAPI)
        )
        return gpu, nnapi

    def look(self) -> str:
        """Everything that a session may change, or leave behind."""
        text = self.phone.device.run(_LOOK, timeout_s=60).text
        lines = [line for line in text.splitlines() if line and "/qbench/sessions" not in line]
        return "\n".join(lines)

    def case(self, delegate: Delegate, **changes: Any) -> Case:
        case = case_for(
            self.model, threads=4, min_invokes=20, min_s=0.1, warmup_s=0.05, delegate=delegate
        )
        return msgspec.structs.replace(
            case,
            case_id=f"smallcnn-int8-{delegate}-t4@sd865",
            device="sd865",
            origin=Origin.EMULATED,
            **changes,
        )

    def runs(
        self, *delegates: Delegate, repetitions: int = 1, **changes: Any
    ) -> list[tuple[PlannedRun, Case]]:
        found: list[tuple[PlannedRun, Case]] = []
        for repetition in range(repetitions):
            for delegate in delegates:
                case = self.case(delegate, **changes)
                found.append((PlannedRun(len(found), case.case_id, repetition), case))
        return found

    def backend(
        self, runs: Sequence[tuple[PlannedRun, Case]], *, session: str = "s", **options: Any
    ) -> AndroidBackend:
        device = self.phone.device
        usual: dict[str, Any] = {
            "virtual_binary": STAND_IN,
            "cool_least_s": 0.0,
            "patience_s": 120.0,
        }
        return AndroidBackend(
            device,
            DeviceCache(device),
            clock=SystemClock(),
            reconnect=lambda timeout_s: wait_until_usable(device, timeout_s=timeout_s),
            session=session,
            runs=runs,
            options=Options(**usual | options),
            notify=self.notes.append,
            lock_folder=self.folder,
        )

    def perform(self, runs: Sequence[tuple[PlannedRun, Case]], **options: Any) -> list[RawOutput]:
        with self.backend(runs, **options) as backend:
            return [backend.run(case) for _, case in runs]

    def later(self, delay_s: float, fault: str, value: float | None = None) -> threading.Timer:
        """Let something go wrong after a while."""

        def strike() -> None:
            op, arguments = request_for(fault, value)
            self.phone.ask(op, **arguments)

        timer = threading.Timer(delay_s, strike)
        timer.start()
        return timer


def told(outputs: Sequence[RawOutput]) -> list[Measurement | Prediction | Failure]:
    return [formats.outcome(output) for output in outputs]
