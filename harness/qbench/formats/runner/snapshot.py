"""A device at one moment, as the runner's `state` prints it (android_runner/PROTOCOL.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from qbench.formats.runner.lines import count, damaged, seconds, whole, word

# What a kernel node holds may be anything where a driver is broken; it is then not told.
_NUMBER = re.compile(r"-?[0-9]{1,12}")
_RAW = re.compile(r"raw (battery|thermal|power) \|(.*)")
_BATTERY_LINE = re.compile(r"\s*([A-Za-z ]+): (\S+)")
_THERMAL_STATUS = re.compile(r"\s*Thermal Status: ([0-6])")
# dumpsys thermalservice: android.os.Temperature.toString
_TEMPERATURE = re.compile(
    r"\s*Temperature\{mValue=(-?[0-9.]{1,12}), mType=(-?[0-9]{1,3}), mName=([^,}]{1,64}), "
    r"mStatus=([0-9])\}"
)
_POWER_LINE = re.compile(r"\s*(m[A-Za-z]+)=(\S+)")
_SAVERS = ("mSettingBatterySaverEnabled", "mLowPowerModeEnabled", "mBatterySaverEnabled")
_CHARGING, _FULL = 2, 5  # android.os.BatteryManager
_END = "end"


class Core(msgspec.Struct, frozen=True, kw_only=True):
    """One core; None: its node is not there or closed to the shell.

    `first` is the lowest core that shares its clock; `times` is (kHz, hundredths of a second
    since boot), told of first cores only.
    """

    number: int
    is_online: bool | None = None
    hardware_max_khz: int | None = None
    cur_khz: int | None = None
    min_khz: int | None = None
    max_khz: int | None = None
    governor: str | None = None
    first: int | None = None
    times: tuple[tuple[int, int], ...] = ()


class Zone(msgspec.Struct, frozen=True):
    """A thermal zone of the kernel. `raw` is as its node prints it, in whatever unit."""

    number: int
    raw: int
    kind: str

    @property
    def temperature_c(self) -> float:
        """Kernels print thousandths, tenths or whole degrees; nothing that runs is above 200."""
        scale = 1000 if abs(self.raw) > 2000 else 10 if abs(self.raw) > 200 else 1
        return self.raw / scale


class Skin(msgspec.Struct, frozen=True):
    """A temperature of Android's thermal service. `kind`: 0 CPU, 1 GPU, 2 battery, 3 skin ..."""

    name: str
    kind: int
    temperature_c: float


class Battery(msgspec.Struct, frozen=True, kw_only=True):
    """`status` and plugs are BatteryManager's; None: not told."""

    level_ratio: float | None = None
    status: int | None = None
    is_plugged: bool | None = None
    temperature_c: float | None = None
    voltage_mv: int | None = None
    current_ua: int | None = None

    @property
    def is_charging(self) -> bool | None:
        if self.status is None:
            return self.is_plugged
        return self.status == _CHARGING or (self.status == _FULL and bool(self.is_plugged))


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """None or empty: the device does not tell, or the shell may not read it."""

    uptime_s: float
    boot_id: str | None = None
    load_1min: float | None = None
    total_bytes: int | None = None
    available_bytes: int | None = None
    cores: tuple[Core, ...] = ()
    zones: tuple[Zone, ...] = ()
    battery: Battery = Battery()
    thermal_status: int | None = None
    temperatures: tuple[Skin, ...] = ()
    is_awake: bool | None = None
    is_power_saving: bool | None = None
    gpu_model: str | None = None


def read_snapshot(lines: Sequence[str]) -> Snapshot:
    """Of the lines up to and with `end`. Raises RunnerOutputError for what no runner prints."""
    reader = _Reader()
    if not lines or lines[-1] != _END:
        raise damaged("a snapshot without its end", lines[-1] if lines else "")
    for line in lines[:-1]:
        reader.add(line)
    return reader.snapshot()


class _Reader:
    def __init__(self) -> None:
        self._uptime_s: float | None = None
        self._facts: dict[str, object] = {}
        self._cores: list[Core] = []
        self._zones: list[Zone] = []
        self._raw: dict[str, list[str]] = {"battery": [], "thermal": [], "power": []}
        self._node: dict[str, int] = {}

    def add(self, line: str) -> None:
        if found := _RAW.fullmatch(line):
            self._raw[found[1]].append(found[2])
            return
        key, _, rest = line.partition(" ")
        match key:
            case "uptime":
                self._uptime_s = seconds(rest, line)
            case "boot_id":
                self._facts["boot_id"] = word(rest, line)
            case "loadavg":
                self._facts["load_1min"] = seconds(rest.partition(" ")[0], line)
            case "memory":
                name, _, kib = rest.partition(" ")
                if name not in ("MemTotal", "MemAvailable"):
                    raise damaged("memory of no known kind", line)
                kind = "total_bytes" if name == "MemTotal" else "available_bytes"
                self._facts[kind] = count(kib, line) * 1024
            case "core":
                self._cores.append(_core(rest, line))
            case "zone":
                self._add_zone(rest, line)
            case "battery":
                name, _, value = rest.partition(" ")
                if name not in ("current_now", "voltage_now"):
                    raise damaged("battery node of no known name", line)
                if _NUMBER.fullmatch(value):
                    self._node[name] = int(value)
            case "gpu":
                name, _, value = rest.partition(" ")
                if name == "gpu_model":
                    self._facts["gpu_model"] = value[:64]
            case _:
                raise damaged("a line that means nothing in a snapshot", line)

    def _add_zone(self, rest: str, line: str) -> None:
        number, _, rest = rest.partition(" ")
        raw, _, kind = rest.partition(" ")
        if _NUMBER.fullmatch(raw):
            self._zones.append(Zone(count(number, line), int(raw), kind[:64]))

    def snapshot(self) -> Snapshot:
        if self._uptime_s is None:
            raise damaged("a snapshot without its time", "")
        power = _pairs(_POWER_LINE, self._raw["power"])
        savers = [power[name] == "true" for name in _SAVERS if name in power]
        wake = power.get("mWakefulness")
        status = [m for m in map(_THERMAL_STATUS.fullmatch, self._raw["thermal"]) if m]
        return msgspec.convert(
            {
                **self._facts,
                "uptime_s": self._uptime_s,
                "cores": tuple(sorted(self._cores, key=lambda core: core.number)),
                "zones": tuple(self._zones),
                "battery": self._battery(),
                "thermal_status": int(status[0][1]) if status else None,
                "temperatures": tuple(_temperatures(self._raw["thermal"])),
                "is_awake": None if wake is None else wake == "Awake",
                "is_power_saving": any(savers) if savers else None,
            },
            Snapshot,
        )

    def _battery(self) -> Battery:
        told = _pairs(_BATTERY_LINE, self._raw["battery"])
        plugs = [v for k, v in told.items() if k.endswith(" powered")]
        level, scale = _number(told.get("level")), _number(told.get("scale"))
        deci_c = _number(told.get("temperature"))
        return Battery(
            level_ratio=level / scale if level is not None and scale else None,
            status=_number(told.get("status")),
            is_plugged="true" in plugs if plugs else None,
            temperature_c=None if deci_c is None else deci_c / 10,
            voltage_mv=_number(told.get("voltage")),
            current_ua=self._node.get("current_now"),
        )


def _pairs(form: re.Pattern[str], lines: Sequence[str]) -> dict[str, str]:
    return {m[1]: m[2] for m in map(form.fullmatch, lines) if m}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def _core(rest: str, line: str) -> Core:
    number, _, facts = rest.partition(" ")
    told: dict[str, str] = {}
    for part in facts.split():
        key, separator, value = part.partition("=")
        if not separator or key not in _CORE_KEYS:
            raise damaged("a core with a fact that means nothing", line)
        told[key] = value

    def khz(key: str) -> int | None:
        """Drivers print `<unknown>` or `<unsupported>` where they have no number."""
        return _number(told.get(key))

    return Core(
        number=count(number, line),
        is_online={"1": True, "0": False}.get(told.get("online", "")),
        hardware_max_khz=khz("cpuinfo_max_freq"),
        cur_khz=khz("scaling_cur_freq"),
        min_khz=khz("scaling_min_freq"),
        max_khz=khz("scaling_max_freq"),
        governor=told.get("scaling_governor"),
        first=khz("first"),
        times=_times(told["times"], line) if "times" in told else (),
    )


_CORE_KEYS = frozenset(
    {
        "online",
        "cpuinfo_max_freq",
        "scaling_cur_freq",
        "scaling_min_freq",
        "scaling_max_freq",
        "scaling_governor",
        "first",
        "times",
    }
)


def _times(text: str, line: str) -> tuple[tuple[int, int], ...]:
    pairs = [part.partition(":") for part in text.split(",")]
    return tuple((whole(khz, line), whole(ticks, line)) for khz, _, ticks in pairs)


def _temperatures(lines: Sequence[str]) -> list[Skin]:
    """The current ones where Android tells them apart from the cached (Android 10 and later)."""
    start = next((i for i, text in enumerate(lines) if "Current temperatures" in text), 0)
    found = []
    for text in lines[start:]:
        if match := _TEMPERATURE.fullmatch(text):
            try:
                found.append(Skin(match[3], int(match[2]), float(match[1])))
            except ValueError:
                continue
    return found
