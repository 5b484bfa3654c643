"""Predictions beside what sessions have measured: the same file, profile and settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from qbench import modelfile, placement, profiles
from qbench.errors import InputError, QBenchError
from qbench.records import ComputeUnit, Delegate, Origin, Summary
from qbench.simulator import kernels
from qbench.simulator.baselines import Sized, roofline_us, simple_us
from qbench.simulator.kernels import Dtype
from qbench.simulator.oracle import Oracle
from qbench.stats.fidelity import NotPredicted, Point

_UNITS = {Delegate.CPU: ComputeUnit.CPU, Delegate.GPU: ComputeUnit.GPU}


class Measured(msgspec.Struct, frozen=True):
    """One case of a session. `profile`: of the device that ran it, None: none matches it."""

    summary: Summary
    runtime: str
    profile: str | None


def points(cases: Sequence[Measured]) -> tuple[list[Point], list[NotPredicted]]:
    """Every measured case beside its prediction; what cannot be predicted, with the reason.

    Simulated cases and those of virtual devices are no measurements and are passed over.
    """
    found: list[tuple[Point, Sized]] = []
    missing: list[NotPredicted] = []
    for measured in cases:
        case = measured.summary.case
        if case.origin not in (Origin.HOST, Origin.DEVICE):
            continue
        try:
            found.append(_point(measured))
        except QBenchError as error:
            missing.append(
                NotPredicted(
                    unit=_UNITS.get(case.delegate, ComputeUnit.NPU),
                    runtime=measured.runtime,
                    device=case.device,
                    model=f"{case.model} {case.precision}",
                    reason=str(error),
                )
            )
    answered = []
    for point, own in found:
        flops, roofline = simple_us(own, [s for _, s in found if s.settings == own.settings])
        answered.append(
            msgspec.structs.replace(point, flops_only_us=flops, roofline_only_us=roofline)
        )
    return answered, missing


def _point(measured: Measured) -> tuple[Point, Sized]:
    summary, case = measured.summary, measured.summary.case
    if summary.p50_us is None:
        raise InputError("it was not measured" if summary.failure is None else "its runs failed")
    if measured.profile is None:
        raise InputError(f"no profile describes the device {case.device}")
    profile = profiles.load(measured.profile)
    path = Path(case.model_path)
    model = modelfile.read(path)
    if modelfile.sha256(path) != case.model_sha256:
        raise InputError(f"{path}: is not the file that was measured any more")
    where = placement.place(model, case.delegate, profile, xnnpack=case.xnnpack)
    told = (
        Oracle(profile).foresee(model, case.delegate, case.threads, xnnpack=case.xnnpack).prediction
    )
    unit = max(where.segments, key=lambda s: len(s.ops)).unit
    graph = kernels.Graph(model)
    dtypes = [k.dtype for s in where.segments for k in kernels.lower(graph, s, profile) if k.macs]
    dtype = max(set(dtypes), key=dtypes.count, default=Dtype.FP32)
    name = f"{case.model} {case.precision}"
    point = Point(
        unit=unit,
        runtime=measured.runtime,
        device=case.device,
        dtype=dtype,
        model=name,
        threads=case.threads,
        measured_us=summary.p50_us,
        predicted_us=told.p50_us,
        low_us=told.low_us,
        high_us=told.high_us,
        tier=told.tier,
    )
    sized = Sized(
        model=name,
        settings=(case.device, unit, dtype, case.threads),
        measured_us=summary.p50_us,
        macs=float(model.macs or 0),
        roofline_us=roofline_us(model, profile, unit, dtype, case.threads),
    )
    return point, sized
