"""What a session changes on the device, watches, and waits for: from what the device tells."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qbench.android import cores, state
from qbench.android.joblist import Cooling, Job, JobList, Setting, Telemetry
from qbench.android.options import Options
from qbench.android.preflight import FIXED_PERFORMANCE_API
from qbench.formats.runner import Snapshot
from qbench.formats.runner.taints import LEAST_BATTERY_RATIO
from qbench.records import Taint

_MARGIN_C = 1.0  # `until temp within 1 C of start`
_MOST_ZONES = 12  # large chips have ninety; each costs a read twice a second
_ZONE_KINDS = (
    re.compile(r"cpu", re.I),
    re.compile(r"gpu", re.I),
    re.compile(r"nsp|npu|cdsp|hvx|tpu", re.I),
    re.compile(r"skin|quiet|xo[-_]therm", re.I),
    re.compile(r"batt", re.I),
)
_ALL_PLUGS = "7"  # android.os.BatteryManager: AC 1, USB 2, wireless 4
_GOVERNOR = "performance"


def job_list(
    jobs: Sequence[Job], snapshot: Snapshot, options: Options, *, api_level: int | None
) -> JobList:
    """The jobs with everything around them."""
    is_strict = options.is_strict
    is_charge_refused = is_strict and Taint.LOW_BATTERY not in options.accepted
    return JobList(
        jobs=tuple(jobs),
        settings=settings(snapshot, options, api_level=api_level),
        cooling=cooling(snapshot, options),
        telemetry=Telemetry(zones=zones(snapshot), cores=cores.watched(snapshot.cores)),
        own_mask=cores.runner_mask(snapshot.cores),
        may_use_su=options.locks_clocks,
        least_battery_percent=round(LEAST_BATTERY_RATIO * 100) if is_charge_refused else 0,
    )


def settings(snapshot: Snapshot, options: Options, *, api_level: int | None) -> tuple[Setting, ...]:
    """Never anything of thermal protection. The screen is neither turned on nor off: stay-awake
    keeps one that is on from going off in the middle."""
    is_required = options.is_strict and Taint.UNLOCKED_CLOCKS not in options.accepted
    found = [
        Setting(kind="settings", target="global stay_on_while_plugged_in", value=_ALL_PLUGS),
    ]
    has_mode = api_level is not None and api_level >= FIXED_PERFORMANCE_API
    if has_mode:
        found.append(
            Setting(
                kind="power",
                target="fixed_performance",
                value="true",
                is_required=is_required and not options.locks_clocks,
            )
        )
    if options.locks_clocks:
        for number in cores.watched(snapshot.cores):
            node = f"/sys/devices/system/cpu/cpu{number}/cpufreq/scaling_governor"
            found.append(
                Setting(kind="node", target=node, value=_GOVERNOR, is_required=is_required)
            )
    return tuple(found)


def cooling(snapshot: Snapshot, options: Options) -> Cooling:
    """When a run may start. The body's zone where it can be read, else the battery."""
    limits = ["status:0"]
    number = state.body_zone(snapshot)
    zone = next((z for z in snapshot.zones if z.number == number), None)
    if zone is not None:
        limit_c = options.cool_to_c or zone.temperature_c + _MARGIN_C
        scale = zone.raw / zone.temperature_c if zone.temperature_c else 1000
        limits.insert(0, f"zone:{zone.number}:{round(limit_c * scale)}")
    elif snapshot.battery.temperature_c is not None:
        limit_c = options.cool_to_c or snapshot.battery.temperature_c + _MARGIN_C
        limits.insert(0, f"battery:{round(limit_c * 10)}")
    return Cooling(
        limits=tuple(limits),
        least_s=options.cool_least_s,
        most_s=options.cool_most_s,
        is_hot_refused=options.is_strict and Taint.THERMAL not in options.accepted,
    )


def zones(snapshot: Snapshot) -> tuple[int, ...]:
    """Of each kind the first few, in the order of their numbers."""
    share = -(-_MOST_ZONES // len(_ZONE_KINDS))
    chosen: list[int] = []
    for kind in _ZONE_KINDS:
        fitting = [zone.number for zone in snapshot.zones if kind.search(zone.kind)]
        chosen += fitting[:share]
    return tuple(sorted(set(chosen)))[:_MOST_ZONES]
