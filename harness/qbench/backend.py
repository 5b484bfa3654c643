"""The seam between a plan and whatever performs its runs: a device, this host, a simulator."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from qbench.records import Case, DeviceInfo, DeviceState, Origin, RawOutput


class Backend(Protocol):
    """A context manager: entering prepares, leaving puts back, also after an error."""

    @property
    def origin(self) -> Origin: ...

    def describe(self) -> DeviceInfo: ...

    def settle(self) -> DeviceState:
        """Wait until the device may be measured, and tell its state then."""
        ...

    def state(self) -> DeviceState:
        """Its state at this moment, without waiting."""
        ...

    def run(self, case: Case) -> RawOutput:
        """Perform one run: one launch of the runner.

        What the runner does wrong (crash, timeout, garbage) is told in the RawOutput. Raises
        DeviceError when the device itself fails.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
