"""From a kernel to microseconds.

    time = work + launches * overhead + depth * latency
           + (thin pixels, interpolated values, clamped values, bytes beyond the chip) * cost
    work = max(padded MACs / rate, bytes / bandwidth, weights / memory)         GPU, NPU
    work = max(padded MACs / rate * u + bytes / bandwidth, weights / memory)    CPU
    u = p ceil(parts / p) / parts, of p threads

A core loads and multiplies with the same instructions, so both take their time: the int8 latencies
published of a Pixel 4 fit better with the sum (left-out error 7 %) than with the larger of the two
(8 %; 10 and 12 % when a third of the networks is left out). Units that fetch ahead take the larger.

Coefficients are *inverse efficiencies*: how many times slower than the unit's peak a family of
kernels runs. So one fit serves every clock and number of threads.
"""

from __future__ import annotations

from math import ceil

import msgspec

from qbench.errors import ProfileError
from qbench.records import ComputeUnit, CoreType, DeviceProfile
from qbench.simulator.kernels import Dtype, Family, Kernel

# PRIOR: threads on cores of two kinds reach about .85 of the sum of their speeds (XNNPACK splits
# work in equal parts, then steals), and need some microseconds to meet after every kernel.
# TFLite's published int8 latencies with 1 and with 4 threads on the 855 fit best with just these.
PARALLEL_RATIO = 0.85
SYNC_US = 5.0
# Peak of one core's loads: one 128-bit access per cycle.
CORE_BYTES_PER_CYCLE = 16
# PRIOR: share of the memory's peak that a stream of weights reaches.
MEMORY_RATIO = 0.6
# PRIOR: TFLite's own kernels, elementwise and one thread: int8 HARD_SWISH took about 4 ns for a
# value on a Zen 3 core.
BUILTIN_CYCLES_PER_ELEMENT = 10.0
# PRIOR: TFLite's own matrix kernels beside XNNPACK's.
BUILTIN_MACS_RATIO = 2.0
# INFERENCE: NPUs compute a dilated convolution by way of space-to-batch, or without their fast
# path. PoseNet and DeepLab, the two published networks with dilation, are 0.66 and 0.71 of the
# measured latency without this factor, 0.8 and 1.0 with it.
DILATED_RATIO = 10.0
# PRIOR: what an NPU keeps on the chip of one kernel's activations.
ON_CHIP_BYTES = 2_000_000
# PRIOR: copying a tensor between the CPU and a GPU or NPU.
COPY_BYTES_PER_US = 4000.0


class Coefficients(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What published latencies, or a prior, say about one unit and data type.

    `conv_ratio`, `depthwise_ratio`, `bytes_ratio`: inverse efficiencies against the profile's
    rates; `bytes_ratio` on a GPU or NPU against the memory's bandwidth, below 1 where activations
    stay on the chip. `kernel_us` per launch. `segment_us` per piece of the graph: invoke, RPC,
    synchronisation. `depth_us` per step of a convolution's sum over taps and channels, which one
    thread of a GPU takes one after the other however many threads there are: what bounds small
    images with many channels. `thin_pixel_us` per pixel of a tensor with at most 4 channels, which
    units that store 4 or 32 channels together have to repack; `thin_pad_us` where PAD only copies
    it. `bilinear_us` per value that RESIZE_BILINEAR writes, where a unit does that without its
    vector or tensor hardware. `clamp_us` per value of a clamp that is an operator of its own.
    `spilled_byte_us` per byte of a kernel's activations beyond what an NPU keeps on the chip.
    """

    conv_ratio: float
    depthwise_ratio: float
    bytes_ratio: float
    kernel_us: float
    segment_us: float
    depth_us: float
    thin_pixel_us: float
    thin_pad_us: float
    bilinear_us: float
    clamp_us: float
    spilled_byte_us: float


class Speed(msgspec.Struct, frozen=True):
    """Peaks of a unit for one data type, all threads together.

    `sync_us` is paid per launch; `cycles_per_us` is the fastest core's clock; `threads`: how many
    cores share the work.
    """

    macs_per_us: float
    bytes_per_us: float
    memory_bytes_per_us: float
    sync_us: float = 0.0
    cycles_per_us: float = 1.0
    threads: int = 1


BOUNDS = ("compute", "memory", "overhead", "segment", "transfer")


class KernelCost(msgspec.Struct, frozen=True):
    """One line of a break-down.

    `bound_by`: compute, memory, overhead (the launch); and for what a piece of the graph costs
    beside its kernels (then `ops` is empty) segment, which is the invoke, RPC and waiting, and
    transfer, the bytes that go to and from another unit. `is_calibrated`: priced by what was
    measured on the device itself.
    """

    ops: tuple[int, ...]
    unit: ComputeUnit
    executor: str
    dtype: Dtype
    time_us: float
    bound_by: str
    is_calibrated: bool = False


class Terms(msgspec.Struct, frozen=True):
    """A kernel's times at coefficients of 1, and what no coefficient scales."""

    family: str  # the name of the coefficient that scales `compute_us`
    compute_us: float
    bytes_us: float
    floor_us: float  # weights from memory; built-in elementwise work
    is_sum: bool  # computing and moving bytes take turns
    launches: int
    sync_us: float
    depth: float
    thin_pixels: int
    thin_pad_pixels: int
    bilinear_elements: int
    clamped_elements: int
    spilled_bytes: int


def speed(profile: DeviceProfile, unit: ComputeUnit, dtype: Dtype, threads: int) -> Speed:
    """Raises ProfileError when the profile does not tell what is needed."""
    if unit is ComputeUnit.CPU:
        return _cpu_speed(profile, dtype, threads)
    memory = profile.memory.bandwidth_bytes_per_s / 1e6
    gpu, npu = profile.gpu, profile.npu
    if unit is ComputeUnit.GPU:
        where, rate = "gpu.fp16_macs_per_s", gpu.fp16_macs_per_s if gpu else None
    elif dtype is Dtype.INT8:
        where, rate = "npu.int8_macs_per_s", npu.int8_macs_per_s if npu else None
    else:
        where, rate = "npu.fp16_macs_per_s", npu.fp16_macs_per_s if npu else None
    if rate is None:
        raise ProfileError(
            f"{profile.name}: {where}: not known, so the {unit.upper()} cannot be simulated",
            hint="choose --delegate cpu, or give the rate in a profile of your own",
        )
    return Speed(rate / 1e6, memory, memory * MEMORY_RATIO)


def _cpu_speed(profile: DeviceProfile, dtype: Dtype, threads: int) -> Speed:
    """`threads` run on the fastest cores; more threads than cores change nothing."""
    cores: list[tuple[float, float]] = []  # (MACs, cycles) per us
    for index, cluster in enumerate(profile.cpu.clusters):
        if cluster.max_khz is None:
            raise ProfileError(
                f"{profile.name}: cpu.clusters[{index}].max_khz: not known; without the clock "
                "nothing can be predicted"
            )
        cycles = cluster.max_khz / 1000
        core_type = profile.cpu.core_types[cluster.core_type]
        cores += [(cycles * _macs_per_cycle(core_type, dtype), cycles)] * len(cluster.cores)
    used = sorted(cores, reverse=True)[: max(threads, 1)]
    together = 1.0 if len(used) == 1 else PARALLEL_RATIO
    return Speed(
        macs_per_us=sum(macs for macs, _ in used) * together,
        bytes_per_us=sum(cycles for _, cycles in used) * CORE_BYTES_PER_CYCLE * together,
        memory_bytes_per_us=profile.memory.bandwidth_bytes_per_s / 1e6 * MEMORY_RATIO,
        sync_us=SYNC_US * (len(used) - 1),
        cycles_per_us=max(cycles for _, cycles in used),
        threads=len(used),
    )


def _macs_per_cycle(core: CoreType, dtype: Dtype) -> float:
    if dtype in (Dtype.INT8, Dtype.DYNAMIC):
        return core.int8_macs_per_cycle or core.fp32_macs_per_cycle
    return core.fp32_macs_per_cycle


def terms(kernel: Kernel, at: Speed) -> Terms:
    floor_us = kernel.weight_bytes / at.memory_bytes_per_us
    if kernel.family is Family.BUILTIN:
        floor_us += kernel.elements * BUILTIN_CYCLES_PER_ELEMENT / at.cycles_per_us
    slower = BUILTIN_MACS_RATIO if kernel.executor == "builtin" else 1.0
    if kernel.parts and at.threads > 1:
        # The last round of parts leaves threads without work. With this the left-out error of the
        # published int8 latencies, most with 4 threads, is 6.6 and not 7.1 %; fp32 stays at 10.4 %.
        slower *= at.threads * ceil(kernel.parts / at.threads) / kernel.parts
    is_npu = kernel.unit is ComputeUnit.NPU
    if is_npu and kernel.is_dilated:
        slower = DILATED_RATIO
    is_clamp = kernel.family is Family.CLAMP
    moved = 0 if is_clamp else kernel.activation_bytes + kernel.weight_bytes
    return Terms(
        family="depthwise_ratio" if kernel.family is Family.DEPTHWISE else "conv_ratio",
        compute_us=kernel.macs / at.macs_per_us * slower,
        bytes_us=moved / at.bytes_per_us,
        floor_us=floor_us,
        is_sum=kernel.unit is ComputeUnit.CPU,
        launches=kernel.launches,
        sync_us=at.sync_us * kernel.launches,
        depth=kernel.depth,
        thin_pixels=0 if kernel.is_pad else kernel.thin_pixels,
        thin_pad_pixels=kernel.thin_pixels if kernel.is_pad else 0,
        bilinear_elements=kernel.elements if kernel.family is Family.BILINEAR else 0,
        clamped_elements=kernel.elements if is_clamp else 0,
        spilled_bytes=max(0, kernel.activation_bytes - ON_CHIP_BYTES) if is_npu else 0,
    )


def kernel_cost(kernel: Kernel, at: Speed, coefficients: Coefficients) -> KernelCost:
    t = terms(kernel, at)
    compute_us = t.compute_us * getattr(coefficients, t.family)
    bytes_us = t.bytes_us * coefficients.bytes_ratio
    memory_us = max(bytes_us, t.floor_us)
    overhead_us = t.launches * coefficients.kernel_us + t.sync_us
    overhead_us += t.depth * coefficients.depth_us
    extra_us = t.thin_pixels * coefficients.thin_pixel_us
    extra_us += t.thin_pad_pixels * coefficients.thin_pad_us
    extra_us += t.bilinear_elements * coefficients.bilinear_us
    extra_us += t.clamped_elements * coefficients.clamp_us
    extra_us += t.spilled_bytes * coefficients.spilled_byte_us
    work_us = max(compute_us + bytes_us if t.is_sum else compute_us, memory_us)
    if overhead_us > work_us + extra_us:
        bound_by = "overhead"
    else:
        bound_by = "compute" if compute_us >= memory_us + extra_us else "memory"
    time_us = work_us + extra_us + overhead_us
    return KernelCost(kernel.ops, kernel.unit, kernel.executor, kernel.dtype, time_us, bound_by)


def segment_floor_us(unit: ComputeUnit, crossing_bytes: int) -> float:
    """What a piece of the graph costs beside its kernels and `segment_us`: moving its tensors."""
    return 0.0 if unit is ComputeUnit.CPU else crossing_bytes / COPY_BYTES_PER_US
