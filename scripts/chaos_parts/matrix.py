"""What goes wrong, and what may come of it: a row for each fault of `qbench virtual fault`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from qbench.records import Taint

Draw = Callable[[Random], float | None]
DONE, LOST, IN_PART = 0, 3, 4  # exit codes of qbench


def _nothing(_: Random) -> None:
    return None


def _even(low: float, high: float) -> Draw:
    return lambda random: random.uniform(low, high)


def _logarithmic(low: float, high: float) -> Draw:
    return lambda random: math.exp(random.uniform(math.log(low), math.log(high)))


class Trouble(NamedTuple):
    """One row of the matrix.

    `faults` strike together. `is_set_before`: before qbench starts, as it counts bytes by itself
    or lasts; else at a random moment. `cure` ends it: after a while in every other trial, else
    once qbench has ended. `codes` are the exit codes that are right. `failures`: the errors that
    records may tell. `taint`: what a run has to tell that was touched. `settings` of the device.
    """

    faults: tuple[str, ...]
    codes: frozenset[int] = frozenset({DONE, LOST})
    value: Draw = _nothing
    is_set_before: bool = False
    cure: tuple[str, ...] = ()
    failures: frozenset[str] = frozenset()
    taint: Taint | None = None
    settings: Mapping[str, float] = {}
    options: tuple[str, ...] = ()
    timeout_s: int | None = None  # of each run, in place of the protocol's
    is_deadly: bool = False  # the device and all that it holds is gone


_ALWAYS = frozenset({DONE})
_RUNS_FAIL = frozenset({DONE, IN_PART})
_BYTES = _logarithmic(1, 200_000)
_CRASHED = frozenset({"RunnerCrashedError"})
_UNREAD = frozenset({"RunnerOutputError"})


def _of_tool(name: str, failures: frozenset[str], **more: object) -> Trouble:
    return Trouble((f"tool-{name}",), _RUNS_FAIL, failures=failures, **more)  # type: ignore[arg-type]


MATRIX: Mapping[str, Trouble] = {
    "none": Trouble((), _ALWAYS),
    "drop": Trouble(("drop",)),
    "drop-after-received": Trouble(("drop-after-received",), value=_BYTES, is_set_before=True),
    "drop-after-sent": Trouble(("drop-after-sent",), value=_BYTES, is_set_before=True),
    "half-open": Trouble(("half-open",), cure=("clear",)),
    "hang": Trouble(("hang",), cure=("clear",)),
    "pause": Trouble(("pause",), cure=("continue",)),
    "offline": Trouble(("offline", "drop"), cure=("clear",)),
    "vanish": Trouble(("vanish",), cure=("appear",)),
    "delay": Trouble(("delay",), _ALWAYS, value=_logarithmic(0.001, 0.1)),
    "rate": Trouble(("rate",), _ALWAYS, value=_logarithmic(100_000, 10_000_000)),
    "flip-received": Trouble(("flip-received",), value=_BYTES, is_set_before=True),
    "flip-sent": Trouble(("flip-sent",), value=_BYTES, is_set_before=True),
    "no-space-after": Trouble(
        ("no-space-after",), value=_BYTES, is_set_before=True, cure=("clear",)
    ),
    "full": Trouble(("full",), value=_even(0, 20_000), cure=("not-full",)),
    "read-only": Trouble(("read-only",), cure=("writable",)),
    "revoke": Trouble(("revoke",), cure=("authorize",)),
    "reboot": Trouble(("reboot",), value=_even(0.2, 4)),
    "kill": Trouble(("kill",), is_deadly=True),
    "clock": Trouble(("clock",), _ALWAYS, value=_even(-400_000, 400_000)),
    "battery": Trouble(("battery",), _ALWAYS, value=_even(2, 24), taint=Taint.LOW_BATTERY),
    "heat": Trouble(
        ("heat",),
        _ALWAYS,
        value=_even(42, 60),
        taint=Taint.THERMAL,
        settings={"time_scale": 30.0},
        options=("--cool-to", "70"),
    ),
    "throttle": Trouble(("throttle",), _ALWAYS, value=_even(0.3, 0.45), taint=Taint.THERMAL),
    "tool-crash": _of_tool("crash", _CRASHED),
    "tool-abort": _of_tool("abort", _CRASHED),
    "tool-killed": _of_tool("killed", _CRASHED),
    # Not delegated: it hung when it was asked which accelerators there are.
    "tool-hang": _of_tool(
        "hang", frozenset({"CommandTimeoutError", "NotDelegatedError"}), timeout_s=5
    ),
    "tool-garbled": _of_tool("garbled", _UNREAD),
    "tool-truncated": _of_tool("truncated", _UNREAD),
    "tool-delegate-refused": _of_tool("delegate-refused", frozenset({"NotDelegatedError"})),
    "tool-nnapi-reference-only": _of_tool("nnapi-reference-only", frozenset({"NotDelegatedError"})),
}
"""`continue`, `appear`, `authorize`, `not-full`, `writable`, `tool-none` and `clear` are cures."""
