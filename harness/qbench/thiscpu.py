"""The processor of this machine as it describes itself: model, instructions, caches, clock.

Linux tells all of it, other systems some; the rest is None or empty.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

_ROOT = Path("/")
_CACHES = "sys/devices/system/cpu/cpu0/cache"
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class ThisCpu:
    """`flags` as /proc/cpuinfo names them. Caches are those that one core sees."""

    model: str | None
    flags: frozenset[str]
    cores: int
    max_khz: int | None
    l1d_bytes: int | None
    l2_bytes: int | None
    l3_bytes: int | None


@cache
def read(root: Path = _ROOT) -> ThisCpu:
    """`root` is where /proc and /sys are."""
    fields = cpuinfo(root)
    caches = {
        (text(index / "level"), text(index / "type")): _bytes(text(index / "size"))
        for index in sorted((root / _CACHES).glob("index[0-9]*"))
    }
    known = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return ThisCpu(
        model=fields.get("model name") or platform.processor() or None,
        flags=frozenset((fields.get("flags") or fields.get("Features") or "").split()),
        cores=len(known) if known is not None else os.cpu_count() or 1,
        max_khz=_max_khz(root, fields),
        l1d_bytes=caches.get(("1", "Data")),
        l2_bytes=caches.get(("2", "Unified")),
        l3_bytes=caches.get(("3", "Unified")),
    )


def fingerprint() -> str:
    """What a calibration of this machine holds for: its processor, its caches, its runtime."""
    cpu = read()
    flags = hashlib.sha256(" ".join(sorted(cpu.flags)).encode()).hexdigest()[:8]
    caches = "/".join(str(size) for size in (cpu.l1d_bytes, cpu.l2_bytes, cpu.l3_bytes))
    try:
        runtime = f"ai-edge-litert {metadata.version('ai-edge-litert')}"
    except metadata.PackageNotFoundError:
        runtime = "no runtime"
    return f"{cpu.model}; {platform.machine()} {flags}; caches {caches}; {runtime}"


def cpuinfo(root: Path = _ROOT) -> dict[str, str]:
    """The first value of every key of /proc/cpuinfo; nothing where there is none."""
    fields: dict[str, str] = {}
    for line in (text(root / "proc/cpuinfo") or "").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    return fields


def _max_khz(root: Path, fields: dict[str, str]) -> int | None:
    told = text(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    if told and told.isdigit():
        return int(told)
    mhz = fields.get("cpu MHz", "")  # virtual machines: the clock that the host tells
    return round(float(mhz) * 1000) if re.fullmatch(r"\d+(\.\d+)?", mhz) else None


def _bytes(size: str | None) -> int | None:
    found = re.fullmatch(r"(\d+)([KMG]?)", size or "")
    return int(found[1]) * _UNITS.get(found[2], 1) if found else None


def text(path: Path) -> str | None:
    """Of a file under /proc or /sys, stripped; None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
