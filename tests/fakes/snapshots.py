"""What devices tell of themselves: a snapshot that can be varied, and system properties."""

from __future__ import annotations

from typing import Any

import msgspec

from qbench.formats.runner import Battery, Core, Skin, Snapshot, Zone

# Of a Xiaomi Mi 10 (MIUI 12), as far as qbench asks; values as public logs of that phone have them.
MI_10 = {
    "ro.product.manufacturer": "Xiaomi",
    "ro.product.model": "Mi 10",
    "ro.board.platform": "kona",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.build.version.release": "11",
    "ro.build.version.sdk": "30",
    "ro.serialno": "a1b2c3d4",
    "ro.hardware": "qcom",
    "sys.boot_completed": "1",
}
# An emulator of Android Studio; values as AOSP's goldfish sets them.
EMULATOR = {
    "ro.product.manufacturer": "Google",
    "ro.product.model": "sdk_gphone64_x86_64",
    "ro.hardware": "ranchu",
    "ro.kernel.qemu": "1",
    "ro.board.platform": "",
    "ro.product.cpu.abi": "x86_64",
    "ro.build.version.release": "13",
    "ro.build.version.sdk": "33",
}


def core(number: int, khz: int | None, *, first: int | None = None) -> Core:
    return Core(
        number=number,
        is_online=True,
        hardware_max_khz=khz,
        cur_khz=khz,
        min_khz=300_000,
        max_khz=khz,
        governor="schedutil",
        first=number if first is None else first,
    )


KONA_CORES = (
    *(core(n, 1_804_800, first=0) for n in range(4)),
    *(core(n, 2_419_200, first=4) for n in range(4, 7)),
    core(7, 2_841_600),
)
CLEAN = Snapshot(
    uptime_s=1000.0,
    boot_id="b",
    load_1min=0.5,
    total_bytes=8 << 30,
    available_bytes=4 << 30,
    cores=KONA_CORES,
    zones=(Zone(3, 38_000, "cpu-1-0-usr"), Zone(40, 31_500, "xo-therm"), Zone(41, 310, "battery")),
    battery=Battery(level_ratio=0.8, status=3, is_plugged=False, temperature_c=31.0),
    thermal_status=0,
    temperatures=(Skin("skin", 3, 33.5), Skin("CPU7", 0, 39.0)),
    is_awake=False,
    is_power_saving=False,
)


def snapshot(**changes: Any) -> Snapshot:
    return msgspec.structs.replace(CLEAN, **changes)


def battery(**changes: Any) -> Snapshot:
    return snapshot(battery=msgspec.structs.replace(CLEAN.battery, **changes))
