"""Tier S0: what is assumed of a unit before anybody has published a latency of it.

All numbers are PRIORs. Sources where there is one: XNNPACK's efficiency on ARM cores .75 (fp32)
and .5 (int8); dispatch and RPC times as TFLite's GPU and Hexagon users report them; and the widths
of the bands from fitting such models to published latencies of other chips. `depth_us` of a GPU:
about 200 cycles of memory latency for every 4 channels.
"""

from __future__ import annotations

from qbench.records import ComputeUnit
from qbench.simulator.cost import Coefficients
from qbench.simulator.kernels import Dtype

_CPU_FLOAT = Coefficients(
    conv_ratio=1.33,
    depthwise_ratio=4.0,
    bytes_ratio=4.0,
    kernel_us=3.0,
    segment_us=10.0,
    depth_us=0.0,
    thin_pixel_us=0.0,
    thin_pad_us=0.0,
    bilinear_us=0.0,
    clamp_us=0.0,
    spilled_byte_us=0.0,
)
_CPU_INT8 = Coefficients(
    conv_ratio=2.0,
    depthwise_ratio=8.0,
    bytes_ratio=4.0,
    kernel_us=3.0,
    segment_us=10.0,
    depth_us=0.0,
    thin_pixel_us=0.0,
    thin_pad_us=0.0,
    bilinear_us=0.0,
    clamp_us=0.0,
    spilled_byte_us=0.0,
)
_GPU = Coefficients(
    conv_ratio=5.0,
    depthwise_ratio=20.0,
    bytes_ratio=2.0,
    kernel_us=10.0,
    segment_us=300.0,
    depth_us=0.08,
    thin_pixel_us=0.01,
    thin_pad_us=0.01,
    bilinear_us=0.0,
    clamp_us=0.0,
    spilled_byte_us=0.0,
)
_NPU = Coefficients(
    conv_ratio=1.0,
    depthwise_ratio=30.0,
    bytes_ratio=1.5,
    kernel_us=2.0,
    segment_us=1000.0,
    depth_us=0.0,
    thin_pixel_us=0.03,
    thin_pad_us=0.01,
    bilinear_us=0.003,
    clamp_us=0.0008,
    spilled_byte_us=5e-5,
)

_BAND_RATIO = {ComputeUnit.CPU: 1.6, ComputeUnit.GPU: 2.2, ComputeUnit.NPU: 3.0}
_DYNAMIC_BAND_RATIO = 2.0


def band_ratio(unit: ComputeUnit, dtype: Dtype) -> float:
    """90 % band of an S0 prediction: from p50 / ratio to p50 * ratio.

    x/1.6 is a data-sheet roofline's on a CPU. Dynamic-range kernels get more because nobody has
    published latencies of them, GPUs and NPUs because even fits on the same chip and runtime
    scatter by x/1.8, and here the chip's own rates are guesses too.
    """
    return _DYNAMIC_BAND_RATIO if dtype is Dtype.DYNAMIC else _BAND_RATIO[unit]


def coefficients(unit: ComputeUnit, dtype: Dtype) -> Coefficients:
    if unit is ComputeUnit.GPU:
        return _GPU
    if unit is ComputeUnit.NPU:
        return _NPU
    return _CPU_FLOAT if dtype is Dtype.FP32 else _CPU_INT8
