"""Questions about what is not quite so: other clocks, other support, another precision."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from qbench.errors import InputError
from qbench.placement import Assumption
from qbench.records import DeviceProfile, Precision, Prediction, Tier
from qbench.simulator import priors
from qbench.simulator.kernels import Dtype

_EXECUTORS = ("xnnpack", "gpu", "nnapi", "hexagon")
_ASSUMED = re.compile(r"(?P<op>\S+)\s+(?P<verb>supported|refused)\s+by\s+(?P<executor>\S+)", re.I)
_PRECISION = re.compile(r"precision\s*=\s*(?P<name>\S+)", re.I)
_CLOCK = re.compile(r"(?P<name>[\w-]+)\s*=\s*(?P<value>\d+(\.\d+)?)\s*(?P<unit>[kMG]Hz)", re.I)
_KHZ = {"khz": 1, "mhz": 1_000, "ghz": 1_000_000}


def precision(text: str) -> Precision | None:
    """`precision=int8`: what the model is supposed to be quantized to; None for another question.
    Raises InputError for a precision that nothing can be said of."""
    found = _PRECISION.fullmatch(text.strip())
    if found is None:
        return None
    name = found["name"].lower()
    if name not in (Precision.INT8, Precision.DYNAMIC):
        raise InputError(
            f"what-if: precision={name} is not understood",
            hint="say precision=int8 or precision=dynamic, of an fp32 model",
        )
    return Precision(name)


def assumption(text: str) -> Assumption:
    """`HARD_SWISH supported by xnnpack`, `CUSTOM:name refused by gpu`. Raises InputError."""
    found = _ASSUMED.fullmatch(text.strip())
    executor = found["executor"].lower() if found else ""
    if found is None or executor not in _EXECUTORS:
        raise InputError(
            f"what-if: {text!r} is not understood",
            hint=f'say "OPERATOR supported by X" or "OPERATOR refused by X", X one of '
            f"{', '.join(_EXECUTORS)}; or precision=int8",
        )
    op = found["op"]
    label = op if op.startswith("CUSTOM:") else op.upper()
    return Assumption(executor, label, found["verb"].lower() == "supported")


def clocked(profile: DeviceProfile, changes: Sequence[str]) -> DeviceProfile:
    """The profile with other clocks: `prime=1.8GHz`, `gpu=400MHz`. A cluster is named as in the
    profile. Raises InputError."""
    for change in changes:
        profile = _clocked(profile, change)
    return profile


def _clocked(profile: DeviceProfile, change: str) -> DeviceProfile:
    found = _CLOCK.fullmatch(change.strip())
    clusters = profile.cpu.clusters
    names = [c.name for c in clusters] + (["gpu"] if profile.gpu and profile.gpu.max_khz else [])
    khz = round(float(found["value"]) * _KHZ[found["unit"].lower()]) if found else 0
    if found is None or found["name"] not in names or khz < 1:
        raise InputError(
            f"clock: {change!r} is not understood for {profile.name}",
            hint=f"say NAME=1.8GHz, NAME one of {', '.join(names)}",
        )
    if found["name"] == "gpu":
        return _gpu_clocked(profile, khz)
    changed = tuple(
        msgspec.structs.replace(c, max_khz=khz) if c.name == found["name"] else c for c in clusters
    )
    return msgspec.structs.replace(
        profile, cpu=msgspec.structs.replace(profile.cpu, clusters=changed)
    )


def _gpu_clocked(profile: DeviceProfile, khz: int) -> DeviceProfile:
    gpu = profile.gpu
    assert gpu is not None
    assert gpu.max_khz is not None
    ratio = khz / gpu.max_khz
    rates = {
        name: None if (rate := getattr(gpu, name)) is None else rate * ratio
        for name in ("fp32_macs_per_s", "fp16_macs_per_s")
    }
    return msgspec.structs.replace(profile, gpu=msgspec.structs.replace(gpu, max_khz=khz, **rates))


def supposed(told: Prediction, questions: Sequence[str]) -> Prediction:
    """A prediction under suppositions: nobody has measured such a device, so it is tier S0, its
    band at least that of the priors, and what was supposed stands among its warnings."""
    if not questions:
        return told
    nodes = told.placement.nodes
    ran = told.placement.executed_by if nodes is not None else ()
    least = max((priors.band_ratio(unit, Dtype.FP32) for unit in ran), default=1.0)
    return msgspec.structs.replace(
        told,
        tier=Tier.S0,
        low_us=max(1, min(told.low_us, round(told.p50_us / least))),
        high_us=max(told.high_us, round(told.p50_us * least)),
        warnings=(*told.warnings, *(f"supposed: {q}" for q in questions)),
    )
