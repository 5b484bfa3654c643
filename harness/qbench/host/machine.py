"""What this machine is, and how it is now. Linux tells all of it, macOS some; the rest is None."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

from qbench.records import DeviceState
from qbench.thiscpu import cpuinfo, text

_ROOT = Path("/")
# Names under which Linux drivers publish the processor's own temperature
# (Documentation/hwmon: coretemp, k10temp; thermal zone types of x86 and Arm boards).
_CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu", "soc", "x86_pkg_temp")


def cpu_model(root: Path = _ROOT) -> str:
    """`model name` of /proc/cpuinfo; where there is none, the machine type and the part number."""
    fields = cpuinfo(root)
    if "model name" in fields:
        return fields["model name"]
    if "CPU part" in fields:
        part = f"implementer {fields.get('CPU implementer', '?')}, part {fields['CPU part']}"
        return f"{platform.machine()} ({part})"
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine()


def cores() -> int | None:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def mask() -> str | None:
    """The cores that this process may use, as taskset's mask; None: not on Linux."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return f"{sum(1 << core for core in os.sched_getaffinity(0)):x}"


def may_use(wanted: str) -> bool:
    """May a process be kept to the cores of that mask?"""
    own = mask()
    return own is not None and int(wanted, 16) | int(own, 16) == int(own, 16)


def operating_system() -> str:
    """`Debian GNU/Linux 12 (bookworm), Linux 6.1.0`, `macOS 15.1`."""
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def read_state(root: Path = _ROOT) -> DeviceState:
    """The machine now. `root` is where /proc and /sys are."""
    load_1min = None
    with contextlib.suppress(OSError):
        load_1min = round(os.getloadavg()[0], 2)
    return DeviceState(
        load_1min=load_1min,
        available_bytes=_available_bytes(root),
        temperature_c=_temperature_c(root),
        cpu_khz=_cpu_khz(root),
        governor=_governor(root),
    )


def _sysctl(name: str) -> str | None:
    """A string of macOS's sysctlbyname(3); None on systems that have no such function."""
    if platform.system() != "Darwin":
        return None
    import ctypes

    value = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(value))
    if ctypes.CDLL(None).sysctlbyname(name.encode(), value, ctypes.byref(size), None, 0) != 0:
        return None
    return value.value.decode("utf-8", "replace")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _available_bytes(root: Path) -> int | None:
    for line in (text(root / "proc/meminfo") or "").splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "MemAvailable:" and words[1].isdigit():
            return int(words[1]) * 1024
    return None


def _cpu_khz(root: Path) -> int | None:
    """Of the fastest core: cpufreq, else what /proc/cpuinfo says (virtual machines)."""
    policies = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq")
    clocks = [khz for path in policies if (khz := _number(path)) is not None]
    if not clocks:
        for line in (text(root / "proc/cpuinfo") or "").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "cpu MHz":
                with contextlib.suppress(ValueError):
                    clocks.append(round(float(value) * 1000))
    return max(clocks, default=None)


def _governor(root: Path) -> str | None:
    """All distinct governors, joined by `+`."""
    paths = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    names = {name for path in paths if (name := text(path))}
    return "+".join(sorted(names)) or None


def _temperature_c(root: Path) -> float | None:
    """The hottest of the processor's own sensors."""
    readings = []
    for kind, pattern in (("thermal/thermal_zone", "temp"), ("hwmon/hwmon", "temp*_input")):
        folder, prefix = kind.split("/")
        for sensor in (root / "sys/class" / folder).glob(f"{prefix}*"):
            name = text(sensor / ("type" if folder == "thermal" else "name")) or ""
            if name.lower().startswith(_CPU_SENSORS):
                readings += [_number(path) for path in sensor.glob(pattern)]
    known = [milli / 1000 for milli in readings if milli is not None]
    return max(known, default=None)
