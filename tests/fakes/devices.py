"""Device profiles by hand, for tests that need a device of a certain kind."""

from __future__ import annotations

from qbench.records import (
    Android,
    Cluster,
    CoreType,
    Cpu,
    DeviceProfile,
    Gpu,
    Match,
    Memory,
    Npu,
    NpuRoute,
)

INT8_ONLY = ("int8", "uint8")
ANY_TYPE = ("float32", "float16", "int8", "uint8", "int32", "bool")


def route(
    dtypes: tuple[str, ...] = INT8_ONLY,
    *,
    accelerator: str | None = None,
    deny_ops: tuple[str, ...] = (),
    max_partitions: int | None = None,
    deprecated: str | None = None,
) -> NpuRoute:
    return NpuRoute(
        dtypes=dtypes,
        accelerator=accelerator,
        deny_ops=deny_ops,
        max_partitions=max_partitions,
        deprecated=deprecated,
    )


def device(
    name: str = "phone",
    *,
    api_level: int | None = 30,
    gpu: bool = True,
    opencl: str | None = "2.0",
    routes: dict[str, NpuRoute] | None = None,
) -> DeviceProfile:
    """A phone like the Snapdragon 865: NNAPI reaches `qti-dsp`, which takes 8 bits only.

    `routes={}`: an NPU that nothing reaches. `api_level=None`: not an Android device.
    """
    if routes is None:
        routes = {"nnapi": route(accelerator="qti-dsp"), "hexagon": route()}
    return DeviceProfile(
        schema_version=1,
        name=name,
        title=f"test device {name}",
        soc="TEST",
        match=Match(props={"ro.soc.model": ("TEST",)}),
        cpu=Cpu(
            clusters=(Cluster(name="prime", core_type="a", cores=(0,), max_khz=2_000_000),),
            core_types={"a": CoreType(fp32_macs_per_cycle=8.0)},
            default_threads=1,
        ),
        memory=Memory(bandwidth_bytes_per_s=1e10),
        gpu=Gpu(name="Adreno 650", family="adreno6xx", opencl=opencl) if gpu else None,
        npu=Npu(name="Hexagon 698", routes=routes),
        android=None if api_level is None else Android(release="11", api_level=api_level),
    )


def computer(name: str = "computer") -> DeviceProfile:
    """A device with a CPU and nothing else."""
    phone = device(name)
    return DeviceProfile(
        schema_version=1,
        name=name,
        title=f"test device {name}",
        soc=phone.soc,
        match=phone.match,
        cpu=phone.cpu,
        memory=phone.memory,
    )
