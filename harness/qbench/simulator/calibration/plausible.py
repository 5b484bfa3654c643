"""What an amount plausibly costs before anything is measured, and what it cannot cost.

All numbers are PRIORs, in cycles of the core or bytes of its caches; they only decide where singles
say little. They are those of a small out-of-order core with vectors.
"""

from __future__ import annotations

from qbench.records import DeviceProfile
from qbench.simulator.kernels import Dtype

_CYCLES = {
    **{"call": 500.0, "invoke": 3000.0, "segments": 3000.0, "bounds": 100.0, "inputs": 200.0},
    **{"tiles": 20.0, "tap_tiles": 2.0, "vector_tiles": 20.0, "channel_tiles": 2.0, "taps": 0.5},
    **{"read_bytes": 0.01, "written_bytes": 0.02, "row_bytes": 0.01, "row_spill_bytes": 0.01},
    **{"weight_pass_bytes": 0.01, "cold_read_bytes": 0.1, "cold_written_bytes": 0.1},
    **{"cold_weight_bytes": 0.05, "far_weight_bytes": 0.1},
    **{"vector_cold_bytes": 0.05, "vector_far_bytes": 0.1},
    **{"pixels": 5.0, "products": 0.2},
}
_ELEMENT_CYCLES = {Dtype.FP32: 0.3, Dtype.INT8: 0.1, Dtype.DYNAMIC: 0.3, Dtype.FP16: 0.2}
_BUILTIN_CYCLES = 10.0
_BUILTIN_MAC_CYCLES = 0.5
_EFFICIENCY = 0.75


def price_us(profile: DeviceProfile, dtype: Dtype, kind: str, amount: str) -> float:
    """Of one unit of an amount, on one thread of the fastest core."""
    cycle_us = 1000 / fastest_khz(profile)
    is_builtin = kind.startswith("builtin/")
    if amount in ("macs", "spilled_macs", "vector_macs", "vector_odd_macs"):
        macs_cycles = _BUILTIN_MAC_CYCLES if is_builtin else 1 / _macs_per_cycle(profile, dtype)
        return cycle_us * macs_cycles / _EFFICIENCY
    if amount in ("elements", "read_elements", "broadcast_elements", "clamped_elements"):
        return cycle_us * (_BUILTIN_CYCLES if is_builtin else _ELEMENT_CYCLES[dtype])
    return cycle_us * _CYCLES[amount]


def least_mac_us(profile: DeviceProfile, dtype: Dtype) -> float:
    """No core multiplies faster than its vector units can, by the data sheet."""
    return 1000 / fastest_khz(profile) / _macs_per_cycle(profile, dtype)


def fastest_khz(profile: DeviceProfile) -> int:
    """Of the clusters whose clock is known; 1 GHz when none is."""
    return max((c.max_khz for c in profile.cpu.clusters if c.max_khz), default=1_000_000)


def _macs_per_cycle(profile: DeviceProfile, dtype: Dtype) -> float:
    core = profile.cpu.core_types[profile.cpu.clusters[0].core_type]
    if dtype in (Dtype.INT8, Dtype.DYNAMIC):
        return core.int8_macs_per_cycle or core.fp32_macs_per_cycle
    return core.fp32_macs_per_cycle
