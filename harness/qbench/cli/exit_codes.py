"""What the exit status says."""

from __future__ import annotations

from qbench.errors import DeviceError, InputError, QBenchError

DONE = 0
REGRESSION = 1
WRONG_INPUT = 2
NO_DEVICE = 3
DONE_IN_PART = 4
BUG = 70
INTERRUPTED = 130


def exit_code_of(error: QBenchError) -> int:
    if isinstance(error, InputError):
        return WRONG_INPUT
    if isinstance(error, DeviceError):
        return NO_DEVICE
    return DONE_IN_PART
