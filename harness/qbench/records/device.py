"""A device: what its profile expects, what it claims to be, and how it is at one moment."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec


class Delegate(StrEnum):
    """What was asked for. `cpu` is TFLite's default CPU path, i.e. XNNPACK where it applies."""

    CPU = "cpu"
    GPU = "gpu"
    NNAPI = "nnapi"
    HEXAGON = "hexagon"
    QNN = "qnn"
    NPU = "npu"  # the ladder nnapi > hexagon > qnn


class ComputeUnit(StrEnum):
    CPU = "cpu"
    GPU = "gpu"
    NPU = "npu"


class Origin(StrEnum):
    """Where a number comes from. Never pooled, never compared without an explicit flag."""

    DEVICE = "device"
    HOST = "host"
    EMULATED = "emulated"
    SIMULATED = "simulated"


class DeviceState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device at one moment; taken before and after every run. None: could not be read."""

    load_1min: float | None = None
    available_bytes: int | None = None
    temperature_c: float | None = None
    cpu_khz: int | None = None  # of the fastest core, now
    governor: str | None = None
    # Devices with Android only.
    uptime_s: float | None = None
    boot_id: str | None = None
    thermal_status: int | None = None  # Android's: 0 none, 1 light ... 6 shutdown
    battery_level_ratio: float | None = None
    battery_temperature_c: float | None = None
    battery_current_ua: int | None = None  # its sign is the driver's: makers differ
    battery_voltage_mv: int | None = None
    is_charging: bool | None = None
    is_screen_on: bool | None = None
    is_power_saving: bool | None = None
    is_fixed_performance: bool | None = None  # Android's fixed-performance mode, set by qbench


class DeviceInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a device, or the thing that stands in for it, says it is."""

    name: str
    title: str
    origin: Origin
    os: str | None = None
    cpu: str | None = None
    cores: int | None = None
    runtime: str | None = None  # "ai-edge-litert 2.3.0", ...
    profile: str | None = None
    # Devices with Android only.
    serial: str | None = None
    soc: str | None = None
    board: str | None = None
    abi: str | None = None  # arm64-v8a, ...
    api_level: int | None = None
    fingerprint: str | None = None  # of the system's build
    warnings: tuple[str, ...] = ()


# DeviceProfile and its parts: one YAML file under device_profiles/ (README.md there explains every
# field). Unknown keys are errors.

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Rate = Annotated[float, msgspec.Meta(gt=0, le=1e18)]
_Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an attached device is recognised.

    `props` maps a getprop name to the values that mean this chip (`ro.soc.model: [SM8250]`,
    `ro.board.platform: [kona]`). They are tried in order; the first property that the device
    tells at all decides.
    """

    props: dict[str, tuple[str, ...]]


class CoreType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Peak multiply-accumulates per cycle of one core, by data type; None: no such instructions.

    `fp32_tile` and `int8_tile` are XNNPACK's (rows, columns, depth) of one matrix step on this
    core; None: those of a Cortex-A76.
    """

    fp32_macs_per_cycle: _Rate
    fp16_macs_per_cycle: _Rate | None = None
    int8_macs_per_cycle: _Rate | None = None
    l1d_bytes: _Count | None = None
    fp32_tile: tuple[_Count, _Count, _Count] | None = None
    int8_tile: tuple[_Count, _Count, _Count] | None = None


class Cluster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Equal cores that share a clock. `cores` are kernel CPU numbers."""

    name: str  # prime, big, little
    core_type: str  # a key of Cpu.core_types
    cores: tuple[Annotated[int, msgspec.Meta(ge=0, le=1023)], ...]
    max_khz: _Count | None
    l2_bytes: _Count | None = None


class Cpu(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    clusters: tuple[Cluster, ...]  # fastest first
    core_types: dict[str, CoreType]
    l3_bytes: _Count | None = None
    slc_bytes: _Count | None = None
    default_threads: _Count


class Memory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: str | None = None
    bandwidth_bytes_per_s: _Rate


class Gpu(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    family: Literal["adreno6xx", "adreno7xx", "mali", "other"]  # chooses the Winograd rule
    max_khz: _Count | None = None
    fp32_macs_per_s: _Rate | None = None
    fp16_macs_per_s: _Rate | None = None
    opencl: str | None = None
    vulkan: str | None = None


class NpuRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to reach the NPU.

    `dtypes` are the activation types it takes; `deny_ops` the operators its driver refuses
    although the delegate's own rules allow them. `accelerator` is the NNAPI accelerator's name.
    """

    dtypes: tuple[str, ...]
    accelerator: str | None = None
    deny_ops: tuple[str, ...] = ()
    max_partitions: _Count | None = None
    deprecated: str | None = None  # said to the user when the route is chosen


class Npu(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rates are what whole convolution layers sustain, not the advertised peak; None where
    nobody has published anything to derive them from."""

    name: str
    int8_macs_per_s: _Rate | None = None
    fp16_macs_per_s: _Rate | None = None
    routes: dict[str, NpuRoute]  # keys: nnapi, hexagon, qnn


class Android(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    release: str
    api_level: _Count
    nnapi_accelerators: tuple[str, ...] = ()


class Noise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Priors of how a median of invoke latencies scatters; standard deviations of the log."""

    within_run_sigma_ratio: _Ratio  # invoke to invoke
    between_run_sigma_ratio: _Ratio  # process to process
    autocorrelation: _Ratio
    outlier_ratio: _Ratio  # share of invokes
    outlier_excess_ratio: Annotated[
        float, msgspec.Meta(ge=0)
    ]  # mean excess of an outlier over the median


class Trip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Above `trip_c` all clocks are held at `clock_ratio` of the highest, until the sensor is
    `hysteresis_c` below it again."""

    sensor: Literal["chip", "skin"]
    trip_c: float
    hysteresis_c: Annotated[float, msgspec.Meta(gt=0)]
    clock_ratio: Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Thermal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Power and heat: two nodes, the chip on the body ("skin"), the body in the air.

    `cpu_core_mw` (cluster's name -> one core of it), `gpu_mw` and `npu_mw` are what a unit takes
    at its highest clock and full load. Power falls with the clock f as f V^2, the voltage V going
    in a line from `lowest_voltage_ratio` at 0 to 1. Real power is expected between what is given
    here divided and multiplied by `power_band_ratio`. `basis` says in words where it all is from.
    """

    basis: str
    sustained_power_mw: _Count | None = None
    idle_mw: _Count
    cpu_core_mw: dict[str, _Count]
    gpu_mw: _Count | None = None
    npu_mw: _Count | None = None
    power_band_ratio: Annotated[float, msgspec.Meta(ge=1)]
    lowest_voltage_ratio: _Ratio
    chip_c_per_w: _Rate
    chip_j_per_c: _Rate
    skin_c_per_w: _Rate
    skin_j_per_c: _Rate
    trips: tuple[Trip, ...]


class DeviceProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of a kind of device. Loaded by `qbench.profiles` from YAML."""

    schema_version: int
    name: str
    title: str
    soc: str
    match: Match
    cpu: Cpu
    memory: Memory
    gpu: Gpu | None = None
    npu: Npu | None = None
    android: Android | None = None
    noise: Noise | None = None
    thermal: Thermal | None = None
    aliases: tuple[str, ...] = ()
