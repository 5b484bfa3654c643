"""What the runner saw twice a second while the tool ran."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from qbench.formats.runner.lines import damaged, seconds
from qbench.formats.runner.snapshot import Zone

_PART = re.compile(r"([a-z]{1,2})([0-9]*)=(.*)")
_NUMBER = re.compile(r"-?[0-9]{1,12}")
_QUEUE = re.compile(r"([0-9]{1,18}):([0-9]{1,18})")


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One look; None or absent: could not be read, or not looked at this time.

    `queue_ns` has, by thread, how long it ran and how long it waited for a processor.
    """

    at_s: float
    zones_raw: dict[int, int]
    cores_khz: dict[int, int]
    queue_ns: dict[int, tuple[int, int]]
    gpu_busy_ratio: float | None = None
    battery_current_ua: int | None = None
    battery_voltage_uv: int | None = None
    battery_temperature_c: float | None = None
    battery_level_ratio: float | None = None
    available_bytes: int | None = None
    thermal_status: int | None = None


def zone_c(raw: int) -> float:
    return Zone(0, raw, "").temperature_c


def read_telemetry(lines: Sequence[str]) -> tuple[Sample, ...]:
    """Raises RunnerOutputError for a line that no runner writes."""
    return tuple(_sample(line) for line in lines)


def _sample(line: str) -> Sample:
    words = line.split(" ")
    if len(words) < 2 or words[0] != "at":
        raise damaged("a line that is no telemetry", line)
    by_number: dict[str, dict[int, int]] = {"z": {}, "f": {}}
    queue: dict[int, tuple[int, int]] = {}
    plain: dict[str, int] = {}
    for part in words[2:]:
        found = _PART.fullmatch(part)
        if not found:
            raise damaged("telemetry that means nothing", line)
        key, number, value = found.groups()
        if key == "q" and number and (pair := _QUEUE.fullmatch(value)):
            queue[int(number)] = (int(pair[1]), int(pair[2]))
        elif key in by_number and number:
            if _NUMBER.fullmatch(value):  # else a driver's word in the place of a number
                by_number[key][int(number)] = int(value)
        elif key in _PLAIN and not number:
            if _NUMBER.fullmatch(value):
                plain[key] = int(value)
        else:
            raise damaged("telemetry that means nothing", line)

    def scaled(key: str, by: float) -> float | None:
        return plain[key] / by if key in plain else None

    return Sample(
        at_s=seconds(words[1], line),
        zones_raw=by_number["z"],
        cores_khz=by_number["f"],
        queue_ns=queue,
        gpu_busy_ratio=scaled("g", 100),
        battery_current_ua=plain.get("bc"),
        battery_voltage_uv=plain.get("bv"),
        battery_temperature_c=scaled("bt", 10),
        battery_level_ratio=scaled("bl", 100),
        available_bytes=plain["m"] * 1024 if "m" in plain else None,
        thermal_status=plain.get("s"),
    )


_PLAIN = frozenset({"g", "bc", "bv", "bt", "bl", "m", "s"})
