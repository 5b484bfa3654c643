"""A backend that answers with captures of real runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from qbench.records import Case, DeviceInfo, DeviceState, Origin, RawOutput

CAPTURES = Path(__file__).resolve().parents[1] / "captures"


def capture(name: str) -> RawOutput:
    """`host/measured` -> the RawOutput that was stored there."""
    return msgspec.json.decode((CAPTURES / f"{name}.json").read_bytes(), type=RawOutput)


class FakeBackend:
    """Stands in for any backend. `answer` gives a run's output, or raises DeviceError.

    `log` holds what was asked, in order: `enter`, `settle`, `state`, `run CASE_ID`, `leave`.
    """

    def __init__(
        self,
        answer: Callable[[Case], RawOutput] = lambda _: capture("host/measured"),
        *,
        origin: Origin = Origin.HOST,
    ) -> None:
        self._answer = answer
        self._origin = origin
        self.log: list[str] = []

    @property
    def origin(self) -> Origin:
        return self._origin

    def describe(self) -> DeviceInfo:
        return DeviceInfo(name="fake", title="answers from captures", origin=self._origin)

    def settle(self) -> DeviceState:
        self.log.append("settle")
        return DeviceState()

    def state(self) -> DeviceState:
        self.log.append("state")
        return DeviceState()

    def run(self, case: Case) -> RawOutput:
        self.log.append(f"run {case.case_id}")
        return self._answer(case)

    def __enter__(self) -> Self:
        self.log.append("enter")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.log.append("leave")
