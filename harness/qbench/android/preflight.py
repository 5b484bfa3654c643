"""What is less than clean about a device before the first run: refused, or accepted by name and
then part of every result (the idea is androidx.benchmark's)."""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from qbench.android.identity import Identity
from qbench.errors import DeviceError
from qbench.formats.runner import Prepared, Snapshot
from qbench.formats.runner.taints import of_moment
from qbench.records import Taint

_TCP = re.compile(r"(?P<host>.+):\d+")
_LOOPBACK = ("127.", "localhost", "[::1]")
FIXED_PERFORMANCE_API = 30  # Android 11: `cmd power set-fixed-performance-mode-enabled`
_FIXES = {
    Taint.LOW_BATTERY: "charge it above 25 % and turn battery saver off",
    Taint.CHARGING: "charge it first, then use a cable that does not charge, or adb over TCP",
    Taint.THERMAL: "let it cool down, out of its case and out of the sun",
    Taint.SCREEN_ON: "turn the screen off",
    Taint.UNLOCKED_CLOCKS: "Android 11 and later have fixed-performance mode; with root: "
    "--lock-clocks",
    Taint.STALE_BINARY: "fetch a newer benchmark_model: qbench tools fetch",
    Taint.WIFI_ADB: "use a cable",
    Taint.UNKNOWN_SOC: "write a profile of it: device_profiles/README.md",
    Taint.EMULATOR: "use a phone",
}


class Finding(msgspec.Struct, frozen=True):
    taint: Taint
    why: str

    @property
    def fix(self) -> str | None:
        return fix_of(self.taint)


def fix_of(taint: Taint) -> str | None:
    """What the user can do about a taint."""
    return _FIXES.get(taint)


def findings(
    identity: Identity, snapshot: Snapshot, *, is_stale: bool = False, may_lock: bool = False
) -> tuple[Finding, ...]:
    """All that is known before anything runs. `may_lock`: root is there and clocks are to be
    locked; `is_stale`: the tool is of an old form."""
    found: list[Finding] = []
    if identity.is_emulator:
        what = "qbench's virtual device" if identity.is_virtual else "an emulator"
        found.append(Finding(Taint.EMULATOR, f"it is {what}: its times are not a phone's"))
    if not identity.is_known:
        found.append(Finding(Taint.UNKNOWN_SOC, identity.info.warnings[0]))
    found += [Finding(taint, why) for taint, why in of_moment(snapshot).items()]
    if _is_over_the_air(identity.info.serial or ""):
        found.append(Finding(Taint.WIFI_ADB, "adb reaches it over the network"))
    if is_stale:
        found.append(Finding(Taint.STALE_BINARY, "benchmark_model is of an old form"))
    api_level = identity.info.api_level
    if not may_lock and api_level is not None and api_level < FIXED_PERFORMANCE_API:
        found.append(
            Finding(Taint.UNLOCKED_CLOCKS, "before Android 11 only root can hold the clocks")
        )
    return tuple(found)


def after_preparation(prepared: Prepared) -> tuple[Finding, ...]:
    """What preparing could not change."""
    if prepared.is_fixed_performance or prepared.has_locked_governor:
        return ()
    return (Finding(Taint.UNLOCKED_CLOCKS, "neither fixed-performance mode nor a locked clock"),)


def admit(
    found: Collection[Finding], *, is_strict: bool, accepted: Collection[Taint], serial: str
) -> tuple[Taint, ...]:
    """The taints that every result carries. When strict, only `accepted` ones are let through.

    Raises DeviceError that names all others, and what fixes each.
    """
    refused = [f for f in found if is_strict and f.taint not in accepted]
    if not refused:
        return tuple(dict.fromkeys(f.taint for f in found))
    names = " ".join(f"--accept {f.taint}" for f in refused)
    fixes = "; ".join(f"{f.taint}: {f.fix}" for f in refused if f.fix)
    raise DeviceError(
        f"device {serial}: not clean, and --strict was asked for: "
        + "; ".join(f"{f.taint} ({f.why})" for f in refused),
        serial=serial,
        hint=f"{fixes}; or accept by name, which stays in the result: {names}",
    )


def _is_over_the_air(serial: str) -> bool:
    if "._adb-tls-connect._tcp" in serial or "._adb._tcp" in serial:
        return True
    found = _TCP.fullmatch(serial)
    return found is not None and not found["host"].startswith(_LOOPBACK)
