"""The lines that hold times: `count=...`, the summary, "Initialized session", "Running benchmark".

Grammar from TensorFlow's stats_calculator.h and benchmark_model.cc, v1.9 to LiteRT: first, curr,
min, max and percentiles are whole microseconds, `avg` is a double with six digits (1.23457e+06
above one second), `std` a population deviation cut to an integer. A line either fits whole or is
refused; nothing is picked out of a damaged one.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_INT = r"-?\d{1,18}"
NUMBER = r"(?:-?\d{1,18}(?:\.\d{1,18})?(?:e[+-]?\d{1,3})?|-?nan|-?inf)"

_COUNT = re.compile(
    rf"count=(?P<count>\d{{1,18}})"
    rf"(?: first=(?P<first>{_INT}) curr=(?P<last>{_INT}) min=(?P<min>{_INT}) max=(?P<max>{_INT})"
    rf" avg=(?P<avg>{NUMBER}) std=(?P<std>{NUMBER})"
    rf"| curr=(?P<curr>{_INT})(?P<same>\(all same\))?)?"
    rf"(?: p5=(?P<p5>{_INT}) median=(?P<p50>{_INT}) p95=(?P<p95>{_INT}))?\s{{0,9}}"
)
_SUMMARY = re.compile(
    rf"Inference timings in us: Init: (?P<init>{NUMBER}), First inference: (?P<first>{NUMBER}),"
    rf" Warmup \(avg\): (?P<warmup>{NUMBER}), Inference \(avg\): (?P<avg>{NUMBER})\s{{0,9}}"
)
# The APK of TF 1.15 .. 2.2 glued its memory line to this one ("Overall max resident ...").
_OLD_SUMMARY = re.compile(
    rf"Average inference timings in us: Warmup: (?P<warmup>{NUMBER}), Init: (?P<init>{NUMBER}),"
    rf" (?:Inference|(?P<no_stats>no stats)): (?P<avg>{NUMBER})"
    r"(?P<memory>Overall .{0,400})?\s{0,9}"
)
_SESSION = re.compile(rf"Initialized session in (?P<ms>{NUMBER})ms\.?\s{{0,9}}")
_RUNNING = re.compile(
    rf"Running benchmark for (?P<at_least>at least )?(?P<runs>-?\d{{1,18}}) iterations"
    rf"(?: and at least (?P<min_s>{NUMBER}) seconds"
    rf"(?: but terminate if exceeding (?P<max_s>{NUMBER}) seconds)?)?\.?\s{{0,9}}"
)

_TOO_LARGE = 1e15  # us: 31 years

KEY_PREFIXES = (
    "count=",
    "Inference timings in us",
    "Average inference timings in us",
    "Initialized session in",
    "Running benchmark for",
)


class Count(NamedTuple):
    """One `count=` line: `runs` invokes. One sample, or all equal: first = min = max = it."""

    runs: int
    first_us: int | None
    min_us: int | None
    max_us: int | None
    avg_us: float | None
    std_us: float | None
    p5_us: int | None
    p50_us: int | None
    p95_us: int | None

    @property
    def has_percentiles(self) -> bool:
        return self.p50_us is not None


class Summary(NamedTuple):
    """The closing line. `first_us` is None in the forms before TF 2.3."""

    init_us: float | None
    first_us: float | None
    warmup_avg_us: float | None
    avg_us: float | None
    old: bool
    no_stats: bool
    memory: str | None


class Running(NamedTuple):
    """What a loop was asked for: it ends when both minima are met, or after `max_s`."""

    runs: int
    min_s: float | None
    max_s: float | None
    at_least: bool


class Session(NamedTuple):
    init_us: float


def number(text: str | None) -> float | None:
    """None for what is not a number of anything: nan, inf, longer than any run."""
    if text is None:
        return None
    value = float(text)
    return value if abs(value) < _TOO_LARGE else None  # false for nan too


def read_count(text: str) -> Count | None:
    """None if the line is not whole and consistent in itself."""
    found = _COUNT.fullmatch(text)
    if not found:
        return None
    count = int(found["count"])
    single = found["curr"] is not None
    several = found["first"] is not None
    if (count == 0) == (single or several):
        return None
    if single and (count > 1) != (found["same"] is not None):
        return None
    if several and count < 2:
        return None
    p5, p50, p95 = (None if found[k] is None else int(found[k]) for k in ("p5", "p50", "p95"))
    if count == 0:
        return Count(0, None, None, None, None, None, None, None, None)
    if single:
        value = int(found["curr"])
        std = 0.0 if count > 1 else None
        made = Count(count, value, value, value, float(value), std, p5, p50, p95)
    else:
        first, low, high = int(found["first"]), int(found["min"]), int(found["max"])
        avg, std = number(found["avg"]), number(found["std"])
        made = Count(count, first, low, high, avg, std, p5, p50, p95)
        if not low <= int(found["last"]) <= high:
            return None
    return made if _ordered(made) else None


def _ordered(made: Count) -> bool:
    """A clock that jumped back, or a lost digit, breaks min <= ... <= max."""
    low, high = made.min_us, made.max_us
    if low is None or high is None or made.first_us is None or made.avg_us is None:
        return False
    if not 0 <= low <= made.first_us <= high:
        return False
    slack = 1e-5 * high
    if not low - slack <= made.avg_us <= high + slack:
        return False
    if made.p5_us is None or made.p50_us is None or made.p95_us is None:
        return True
    return low <= made.p5_us <= made.p50_us <= made.p95_us <= high


def read_summary(text: str) -> Summary | None:
    found = _SUMMARY.fullmatch(text)
    if found:
        init, first, warmup, avg = (number(found[k]) for k in ("init", "first", "warmup", "avg"))
        return Summary(init, first, warmup, avg, old=False, no_stats=False, memory=None)
    found = _OLD_SUMMARY.fullmatch(text)
    if found:
        return Summary(
            number(found["init"]),
            None,
            number(found["warmup"]),
            number(found["avg"]),
            old=True,
            no_stats=found["no_stats"] is not None,
            memory=found["memory"],
        )
    return None


def read_session(text: str) -> Session | None:
    found = _SESSION.fullmatch(text)
    ms = number(found["ms"]) if found else None
    return None if ms is None or ms < 0 else Session(ms * 1000)


def read_running(text: str) -> Running | None:
    found = _RUNNING.fullmatch(text)
    if not found:
        return None
    return Running(
        int(found["runs"]),
        number(found["min_s"]),
        number(found["max_s"]),
        found["at_least"] is not None,
    )


def agree(told: float | None, other: float | None) -> bool:
    """Whether two prints of one value, one of them of six digits, can both be right."""
    if told is None or other is None:
        return told is other
    return math.isclose(told, other, rel_tol=1e-9, abs_tol=1e-6)
