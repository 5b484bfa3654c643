"""Everything that can be wrong with a device before it runs anything, each with what fixes it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from qbench.adb.transport import Transport
from qbench.android import identity, npu, preflight, state
from qbench.android.link import Link, Reconnect
from qbench.android.options import Options
from qbench.android.runner import BASE, Runner
from qbench.android.workload import FileCache, Workload
from qbench.clock import Clock
from qbench.errors import QBenchError
from qbench.formats.runner import Contact, Snapshot
from qbench.records import Delegate, Taint
from qbench.units import format_bytes

_LEAST_FREE_BYTES = 500_000_000  # room for a large model, and for Android itself


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Check(msgspec.Struct, frozen=True):
    """One line of the examination. `fix` is what the user can do, None where nothing is wrong."""

    name: str
    status: Status
    text: str
    fix: str | None = None


def examine(
    transport: Transport,
    cache: FileCache,
    *,
    clock: Clock,
    reconnect: Reconnect,
    options: Options,
    base: str = BASE,
) -> tuple[Check, ...]:
    """Look at one device; it is changed in nothing but what is put under `base`.

    Raises DeviceError when the device cannot be asked at all.
    """
    link = Link(
        transport.serial, reconnect, clock, patience_s=options.patience_s, notify=lambda _: None
    )
    who = identity.read_identity(transport)
    runner = Runner(transport, base=base)
    contact = runner.contact()
    snapshot = runner.state()
    work = Workload(transport, cache, link, who, options, base=base, programs=runner.folder)
    return (
        _identified(who),
        *_left_behind(contact),
        _space(contact),
        _tool(work),
        _clocks(snapshot, who),
        _thermal(snapshot),
        _battery(snapshot),
        *_taints(who, snapshot),
        *_ladder(work, contact),
    )


def _identified(who: identity.Identity) -> Check:
    info = who.info
    text = f"{info.title}, {info.soc or 'chip unknown'}, {info.os or 'Android of no version'}, " + (
        f"{info.abi or 'ABI unknown'}"
    )
    if who.is_known:
        return Check("device", Status.OK, f"{text}; profile {info.profile}")
    return Check(
        "device", Status.WARNING, f"{text}; {info.warnings[0]}", preflight.fix_of(Taint.UNKNOWN_SOC)
    )


def _left_behind(contact: Contact) -> list[Check]:
    checks = []
    if contact.busy is not None:
        checks.append(
            Check(
                "session",
                Status.WARNING,
                f"session {contact.busy} runs on it now",
                "wait for it, or end it: qbench devices restore",
            )
        )
    if contact.restored:
        checks.append(Check("settings", Status.OK, f"put back now: {', '.join(contact.restored)}"))
    if contact.not_restored:
        checks.append(
            Check(
                "settings",
                Status.PROBLEM,
                f"not as they were: {', '.join(contact.not_restored)}",
                "qbench devices restore; restarting the device resets its clocks",
            )
        )
    return checks


def _space(contact: Contact) -> Check:
    free = contact.free_bytes
    if free is None:
        return Check("space", Status.WARNING, "the device does not tell how much is free")
    text = f"{format_bytes(free)} free in /data"
    if free < _LEAST_FREE_BYTES:
        return Check("space", Status.PROBLEM, text, "qbench devices clean")
    return Check("space", Status.OK, text)


def _tool(work: Workload) -> Check:
    try:
        tool = work.tool
    except QBenchError as error:
        return Check("benchmark_model", Status.PROBLEM, str(error), error.hint)
    text = f"{tool.title}, from {tool.path}"
    if tool.is_stale:
        fix = preflight.fix_of(Taint.STALE_BINARY)
        return Check("benchmark_model", Status.WARNING, f"{text}: of an old form", fix)
    return Check("benchmark_model", Status.OK, text)


def _clocks(snapshot: Snapshot, who: identity.Identity) -> Check:
    fastest = state.fastest_core(snapshot)
    if fastest is None or fastest.hardware_max_khz is None:
        return Check("clocks", Status.WARNING, "the shell may not read them: no taskset mask")
    text = (
        f"{len(snapshot.cores)} cores, up to {fastest.hardware_max_khz / 1e6:.2f} GHz, governor "
        f"{fastest.governor or 'not told'}"
    )
    if fastest.max_khz is not None and fastest.max_khz < fastest.hardware_max_khz:
        now = f"{text}, held at {fastest.max_khz / 1e6:.2f} GHz"
        return Check("clocks", Status.WARNING, now, "let it cool down, leave power saving")
    mode = preflight.FIXED_PERFORMANCE_API
    if (who.info.api_level or 0) < mode:
        return Check("clocks", Status.OK, text)  # the taint says the rest
    return Check("clocks", Status.OK, f"{text}; fixed-performance mode can be set")


def _thermal(snapshot: Snapshot) -> Check:
    hottest_c = state.temperature_c(snapshot)
    text = "no temperature told" if hottest_c is None else f"CPU {hottest_c:.0f} C"
    if snapshot.thermal_status is None:
        return Check("thermal", Status.WARNING, f"{text}; Android tells no status (before 10)")
    if snapshot.thermal_status > 0:
        told = f"{text}; Android's status is {snapshot.thermal_status}"
        return Check("thermal", Status.WARNING, told, preflight.fix_of(Taint.THERMAL))
    return Check("thermal", Status.OK, f"{text}; Android's status is none")


def _battery(snapshot: Snapshot) -> Check:
    battery = snapshot.battery
    if battery.level_ratio is None:
        return Check("battery", Status.WARNING, "not told")
    text = f"{battery.level_ratio:.0%}"
    if battery.temperature_c is not None:
        text += f", {battery.temperature_c:.1f} C"
    if battery.is_charging:
        text += ", charging"
    return Check("battery", Status.OK, text)


def _taints(who: identity.Identity, snapshot: Snapshot) -> list[Check]:
    return [
        Check(f.taint.value, Status.WARNING, f.why, f.fix)
        for f in preflight.findings(who, snapshot)
        if f.taint is not Taint.UNKNOWN_SOC  # told with the device
    ]


def _ladder(work: Workload, contact: Contact) -> list[Check]:
    """NNAPI, Hexagon, QNN: which would be used, and what the others lack."""
    checks = []
    for delegate in npu.LADDER:
        name = f"npu: {delegate}"
        if delegate is Delegate.NNAPI and contact.busy is not None:
            text = "not asked: that would disturb the session that runs"
            checks.append(Check(name, Status.WARNING, text))
            continue
        try:
            rung = work.rung(delegate)
        except QBenchError as error:
            checks.append(Check(name, Status.PROBLEM, str(error), error.hint))
            continue
        status = Status.OK if rung.route is not None else Status.WARNING
        checks.append(Check(name, status, rung.why, rung.fix))
    return checks
