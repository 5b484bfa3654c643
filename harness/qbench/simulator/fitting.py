"""A group of published latencies -> coefficients, left-out errors and a band.

Robust non-negative least squares on the relative error: the Huber loss by re-weighting, the `max`
of the cost rule by deciding anew in every round which side of it binds each kernel, and the prior
as one more observation of every coefficient, so that few latencies do not decide wildly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, log

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import lsq_linear

from qbench import placement, profiles
from qbench.placement import Segment
from qbench.records import ComputeUnit, Delegate, DeviceProfile, ModelInfo
from qbench.simulator import cost, kernels, networks, priors
from qbench.simulator.anchors import Residuals, Row
from qbench.simulator.cost import Coefficients, Terms
from qbench.simulator.kernels import Dtype
from qbench.simulator.published import Source

NAMES = Coefficients.__struct_fields__
# How far a latency is expected to be off, and where the Huber loss turns linear.
NOISE_RATIO = 0.2
_ROUNDS = 60
_NARROWEST_RATIO = {ComputeUnit.CPU: 1.35, ComputeUnit.GPU: 1.25, ComputeUnit.NPU: 1.5}
"""However small the left-out errors: they are of one device and few publishers, and the terms of
the cost rule (thin pixels, depth, interpolated values) were chosen while looking at these very
latencies. With a third of the networks left out at a time, 83 - 100 % of these stay inside."""
_ENOUGH_MODELS = 10
_LINEAR = (
    *("depth_us", "thin_pixel_us", "thin_pad_us", "bilinear_us", "clamp_us", "spilled_byte_us"),
)
_LEAST_WAIT_US = 150.0  # PRIOR: the CPU learns of a GPU's end by an interrupt and a wake-up

Array = NDArray[np.float64]


class Sample(msgspec.Struct, frozen=True):
    """One published latency and what the simulator would add up for it."""

    label: str  # the network: rows of one network are left out together
    model: ModelInfo
    latency_us: float
    terms: tuple[Terms, ...]
    segments: int
    fixed_us: float  # what no coefficient scales, beside the kernels' own floors


def sample(
    label: str,
    latency_us: float,
    model: ModelInfo,
    profile: DeviceProfile,
    unit: ComputeUnit,
    executor: str,
    threads: int,
) -> Sample:
    """On a CPU placed as the runtime would; on other units in one piece, as published."""
    if unit is ComputeUnit.CPU:
        segments = placement.place(model, Delegate.CPU, profile).segments
    else:
        segments = (Segment(unit, executor, tuple(range(len(model.main.ops)))),)
    graph = kernels.Graph(model)
    terms: list[Terms] = []
    fixed_us, pieces = 0.0, 0
    for segment in segments:
        found = kernels.lower(graph, segment, profile)
        pieces += bool(found)
        fixed_us += cost.segment_floor_us(unit, kernels.boundary_bytes(graph, segment))
        for kernel in found:
            terms.append(cost.terms(kernel, cost.speed(profile, unit, kernel.dtype, threads)))
    return Sample(label, model, latency_us, tuple(terms), pieces, fixed_us)


def samples_of(source: Source, rows: Iterable[Row]) -> list[Sample]:
    """Rows of one group as they are fitted; their networks are rebuilt."""
    profile = profiles.load(source.profile)
    return [
        sample(
            row.network,
            row.latency_us,
            networks.build(row.network, row.dtype),
            profile,
            source.unit,
            source.executors[0],
            row.threads or profile.cpu.default_threads,
        )
        for row in rows
    ]


def fit(samples: Sequence[Sample], unit: ComputeUnit, dtype: Dtype) -> Coefficients:
    prior = msgspec.structs.asdict(priors.coefficients(unit, dtype))
    free = [name for name in NAMES if prior[name] > 0]
    least = np.array([_least(name, unit) for name in free])
    centre = np.array([prior[name] for name in free])
    width = np.array([_prior_width_ratio(name, unit) for name in free])
    latency = np.array([s.latency_us for s in samples])
    labels = [s.label for s in samples]
    share = np.array([1 / labels.count(label) for label in labels])
    weight = share.copy()
    current = answer = centre
    for _ in range(_ROUNDS):
        rows = [_linear(s, dict(zip(free, current, strict=True)), free) for s in samples]
        matrix = np.array([row for row, _ in rows]) / latency[:, None]
        target = 1 - np.array([floor for _, floor in rows]) / latency
        scale = np.sqrt(weight) / NOISE_RATIO
        solved = lsq_linear(
            np.vstack([matrix * scale[:, None], np.diag(1 / (centre * width))]),
            np.concatenate([target * scale, 1 / width]),
            bounds=(least, np.inf),
        )
        answer = solved.x
        residual = np.abs(matrix @ answer - target) / NOISE_RATIO
        weight = share / np.maximum(1.0, residual)
        if np.allclose(answer, current, rtol=1e-7):
            break
        current = (current + answer) / 2
    return Coefficients(**(prior | dict(zip(free, map(_rounded, answer), strict=True))))


def predicted_us(s: Sample, coefficients: Coefficients) -> float:
    values = msgspec.structs.asdict(coefficients)
    row, floor_us = _linear(s, values, list(NAMES))
    return float(row @ np.array([values[name] for name in NAMES])) + floor_us


def without_each(
    samples: Sequence[Sample], unit: ComputeUnit, dtype: Dtype
) -> dict[str, Coefficients]:
    """Network -> the fit of all samples but its own."""
    return {
        label: fit([s for s in samples if s.label != label], unit, dtype)
        for label in dict.fromkeys(s.label for s in samples)
    }


def left_out(samples: Sequence[Sample], fits: Mapping[str, Coefficients]) -> list[float]:
    """Prediction over latency of every sample, by the fit that has not seen its network."""
    return [predicted_us(s, fits[s.label]) / s.latency_us for s in samples]


def residuals(
    samples: Sequence[Sample], ratios: Sequence[float], unit: ComputeUnit, *, widen_ratio: float = 1
) -> Residuals:
    """A network with several rows counts once, by the median of their errors."""
    labels = list(dict.fromkeys(s.label for s in samples))
    errors = np.array(
        [
            np.median(
                [abs(r - 1) for s, r in zip(samples, ratios, strict=True) if s.label == label]
            )
            for label in labels
        ]
    )
    logs = np.array(
        [
            np.median(
                [abs(log(r)) for s, r in zip(samples, ratios, strict=True) if s.label == label]
            )
            for label in labels
        ]
    )
    count = len(labels)
    if count >= _ENOUGH_MODELS:
        level = min(1.0, 0.9 * (1 + 1 / count))
        band = max(_NARROWEST_RATIO[unit], exp(float(np.quantile(logs, level))))
        rule = f"split-conformal: {level:.3f} quantile of the left-out errors, at least "
        rule += f"x{_NARROWEST_RATIO[unit]}"
    else:
        spread = float(np.sqrt(np.mean(logs**2)))
        quantile = float(stats.t.ppf(0.95, count - 1)) * (1 + 1 / count) ** 0.5
        band = max(_NARROWEST_RATIO[unit], exp(quantile * spread))
        rule = f"Student's t on the left-out errors, at least x{_NARROWEST_RATIO[unit]}"
    if widen_ratio != 1:
        rule += f"; widened by x{widen_ratio} for the transfer"
    return Residuals(
        models=count,
        mape_ratio=round(float(np.mean(errors)), 4),
        median_ratio=round(float(np.median(errors)), 4),
        band_ratio=round(band * widen_ratio, 3),
        band_rule=rule,
    )


def _linear(s: Sample, values: dict[str, float], names: list[str]) -> tuple[Array, float]:
    """Coefficients' multipliers and the rest, given which side of each `max` binds at `values`."""
    row = dict.fromkeys(names, 0.0)
    linear = dict.fromkeys(_LINEAR, 0.0)
    floor_us = s.fixed_us
    for t in s.terms:
        compute_us = t.compute_us * values[t.family]
        bytes_us = t.bytes_us * values["bytes_ratio"]
        if t.is_sum and compute_us + bytes_us >= t.floor_us:
            row[t.family] += t.compute_us
            row["bytes_ratio"] += t.bytes_us
        elif not t.is_sum and compute_us >= max(bytes_us, t.floor_us):
            row[t.family] += t.compute_us
        elif bytes_us >= t.floor_us:
            row["bytes_ratio"] += t.bytes_us
        else:
            floor_us += t.floor_us
        floor_us += t.sync_us
        row["kernel_us"] += t.launches
        linear["depth_us"] += t.depth
        linear["thin_pixel_us"] += t.thin_pixels
        linear["thin_pad_us"] += t.thin_pad_pixels
        linear["bilinear_us"] += t.bilinear_elements
        linear["clamp_us"] += t.clamped_elements
        linear["spilled_byte_us"] += t.spilled_bytes
    row["segment_us"] += s.segments
    row |= {name: value for name, value in linear.items() if name in row}
    return np.array([row[name] for name in names]), floor_us


def _least(name: str, unit: ComputeUnit) -> float:
    """No kernel is faster than a CPU's peak; the rates of other units are themselves estimates.
    Nor does any wait for a GPU end at once."""
    if name == "segment_us" and unit is ComputeUnit.GPU:
        return _LEAST_WAIT_US
    if not name.endswith("_ratio"):
        return 0.0
    return 1.0 if unit is ComputeUnit.CPU else 0.1


def _prior_width_ratio(name: str, unit: ComputeUnit) -> float:
    """How far a coefficient is expected to be from its prior, relative to it.

    What a piece of the graph costs on a GPU is how the runtime waits for it: 0.3 ms, or several
    with the runtimes of 2020.
    """
    if name != "segment_us":
        return 1.0
    return 10.0 if unit is ComputeUnit.GPU else 0.5


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
