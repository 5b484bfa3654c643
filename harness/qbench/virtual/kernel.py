"""What the device's kernel shows: /proc and /sys, from its profile."""

from __future__ import annotations

import uuid

import msgspec

from qbench.records import DeviceProfile

KERNEL_RELEASE = "5.10.0-qbench-virtual"
MEMORY_KIB = 7_692_288  # what an 8 GB phone shows as MemTotal
MIN_KHZ = 300_000
BOOT_ID = ".device/proc/sys!kernel!random!boot_id"
PROPS = ".device/props"
THERMAL_STATUS = ".device/thermal_status"
CLOCK_OFFSET = ".device/clock_offset_s"
TOOL_FAULT = ".device/tool"
PREDICTOR = ".device/predictor"

# Linux arch/arm64/include/asm/cputype.h, by the profiles' names of core types.
_PART_NUMBERS = {
    "a55": 0xD05, "a75": 0xD0A, "a76": 0xD0B, "a77": 0xD0D, "a78": 0xD41, "x1": 0xD44,
    "a510": 0xD46, "a710": 0xD47, "x2": 0xD48, "a715": 0xD4D, "x3": 0xD4E,
    "a520": 0xD80, "a720": 0xD81, "x4": 0xD82,
}  # fmt: skip
_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics cpuid"
_FEATURES_FP16 = " fphp asimdhp"
_FEATURES_DOT = " asimddp"
_GOVERNORS = "performance powersave schedutil"
_ZONES = ("cpu-0-0-usr", "cpu-1-0-usr", "gpuss-0-usr", "battery", "quiet-therm")


def nodes(profile: DeviceProfile) -> dict[str, str]:
    """Relative path -> text, as right after boot."""
    return {
        **_cpufreq(profile),
        **_thermal(),
        **_battery(),
        **_gpu(profile),
        **_proc(profile),
        ".device/kernel_release": KERNEL_RELEASE + "\n",
        PROPS: boot_props(is_complete=True),
        THERMAL_STATUS: "0\n",
        CLOCK_OFFSET: "0\n",
        TOOL_FAULT: "none\n",
        ".device/profile.json": msgspec.json.encode(profile).decode(),
    }


def links() -> dict[str, str]:
    """Relative path of a symbolic link -> its target."""
    zones = (f"thermal_zone{number}" for number in range(len(_ZONES)))
    return {f"sys/class/thermal/{zone}": f"../../devices/virtual/thermal/{zone}" for zone in zones}


def boot_props(*, is_complete: bool) -> str:
    return f"sys.boot_completed={1 if is_complete else ''}\ndev.bootcomplete={int(is_complete)}\n"


def fresh_boot_id() -> str:
    return f"{uuid.uuid4()}\n"


def max_khz(profile: DeviceProfile) -> dict[int, int]:
    """Core number -> its highest clock."""
    return {
        core: cluster.max_khz or MIN_KHZ
        for cluster in profile.cpu.clusters
        for core in cluster.cores
    }


def _cpufreq(profile: DeviceProfile) -> dict[str, str]:
    found: dict[str, str] = {}
    for cluster in profile.cpu.clusters:
        max_khz = cluster.max_khz or MIN_KHZ
        for core in cluster.cores:
            folder = f"sys/devices/system/cpu/cpu{core}"
            found |= {
                f"{folder}/online": "1\n",
                f"{folder}/cpufreq/cpuinfo_max_freq": f"{max_khz}\n",
                f"{folder}/cpufreq/cpuinfo_min_freq": f"{MIN_KHZ}\n",
                f"{folder}/cpufreq/scaling_max_freq": f"{max_khz}\n",
                f"{folder}/cpufreq/scaling_min_freq": f"{MIN_KHZ}\n",
                f"{folder}/cpufreq/scaling_cur_freq": f"{max_khz}\n",
                f"{folder}/cpufreq/scaling_governor": "schedutil\n",
                f"{folder}/cpufreq/scaling_available_governors": f"{_GOVERNORS}\n",
                f"{folder}/cpufreq/related_cpus": " ".join(map(str, cluster.cores)) + "\n",
            }
    last = max(core for cluster in profile.cpu.clusters for core in cluster.cores)
    for name in ("possible", "present", "online"):
        found[f"sys/devices/system/cpu/{name}"] = f"0-{last}\n"
    return found


def _thermal() -> dict[str, str]:
    found = {}
    for number, name in enumerate(_ZONES):
        folder = f"sys/devices/virtual/thermal/thermal_zone{number}"
        found[f"{folder}/type"] = f"{name}\n"
        found[f"{folder}/temp"] = "30000\n"
    return found


def _battery() -> dict[str, str]:
    folder = "sys/class/power_supply"
    return {
        f"{folder}/battery/capacity": "87\n",
        f"{folder}/battery/temp": "300\n",
        f"{folder}/battery/status": "Discharging\n",
        f"{folder}/battery/voltage_now": "4100000\n",
        f"{folder}/battery/current_now": "-250000\n",
        f"{folder}/battery/charge_counter": "3480000\n",
        f"{folder}/usb/online": "0\n",
    }


def _gpu(profile: DeviceProfile) -> dict[str, str]:
    gpu = profile.gpu
    if gpu is None:
        return {}
    found = {".device/gles": f"{gpu.name}, OpenGL ES 3.2\n"}
    if gpu.family.startswith("adreno"):
        folder = "sys/class/kgsl/kgsl-3d0"
        found |= {
            f"{folder}/gpu_model": f"{gpu.name}\n",
            f"{folder}/gpu_busy_percentage": "0 %\n",
            f"{folder}/gpubusy": "0 0\n",
        }
        if gpu.max_khz is not None:
            found[f"{folder}/max_gpuclk"] = f"{gpu.max_khz * 1000}\n"
    return found


def _proc(profile: DeviceProfile) -> dict[str, str]:
    return {
        ".device/proc/cpuinfo": _cpuinfo(profile),
        ".device/proc/meminfo": (
            f"MemTotal:       {MEMORY_KIB} kB\n"
            f"MemFree:        {MEMORY_KIB // 4} kB\n"
            f"MemAvailable:   {MEMORY_KIB // 2} kB\n"
        ),
        ".device/proc/version": f"Linux version {KERNEL_RELEASE} #1 SMP PREEMPT\n",
        BOOT_ID: fresh_boot_id(),
    }


def _cpuinfo(profile: DeviceProfile) -> str:
    blocks = {}
    for cluster in profile.cpu.clusters:
        core_type = profile.cpu.core_types[cluster.core_type]
        features = _FEATURES
        features += _FEATURES_FP16 if core_type.fp16_macs_per_cycle else ""
        features += _FEATURES_DOT if core_type.int8_macs_per_cycle else ""
        part = _PART_NUMBERS.get(cluster.core_type)
        for core in cluster.cores:
            blocks[core] = (
                f"processor\t: {core}\nBogoMIPS\t: 38.40\nFeatures\t: {features}\n"
                "CPU implementer\t: 0x41\nCPU architecture: 8\n"
                + (f"CPU part\t: {part:#x}\n" if part else "")
            )
    return "\n".join(blocks[core] for core in sorted(blocks)) + f"\nHardware\t: {profile.soc}\n"


def props(profile: DeviceProfile, serial: str) -> dict[str, str]:
    """System properties. `ro.qbench.virtual` says that nothing measured here is a device's."""
    android = profile.android
    release = android.release if android else "13"
    api_level = android.api_level if android else 33
    product = f"qbench_{profile.name.replace('-', '_')}"
    # What other devices of the profile say as well, in its first spelling.
    matching = {name: values[0] for name, values in profile.match.props.items() if values}
    return {
        "ro.product.name": product,
        "ro.product.model": f"Virtual {profile.title}",
        "ro.product.device": product,
        "ro.product.board": matching.get("ro.board.platform", profile.soc),
        "ro.product.brand": "qbench",
        "ro.product.manufacturer": "qbench",
        "ro.product.cpu.abi": "arm64-v8a",
        "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi",
        "ro.build.version.release": release,
        "ro.build.version.sdk": str(api_level),
        "ro.build.fingerprint": f"qbench/{product}/{product}:{release}/VIRTUAL/1:user/release-keys",
        "ro.build.type": "user",
        "ro.debuggable": "0",
        "ro.secure": "1",
        "ro.serialno": serial,
        "ro.boot.serialno": serial,
        "ro.hardware": "qbench",
        "ro.qbench.virtual": "1",
        **matching,
    }
