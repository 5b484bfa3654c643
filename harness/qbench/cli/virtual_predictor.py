"""Latencies for the stand-in of benchmark_model on virtual devices; it is told this module's name,
as the virtual device and the simulator do not know each other."""

from __future__ import annotations

from pathlib import Path

from qbench import modelfile, placement
from qbench.records import Delegate, DeviceProfile
from qbench.simulator import anchors
from qbench.simulator.predict import predict


def predict_p50_us(
    model_path: str, delegate: Delegate, profile: DeviceProfile, threads: int
) -> int:
    """Median invoke latency in microseconds; `threads` below 1: the profile's default.

    Raises ModelFileError, PlanError, ProfileError.
    """
    model = modelfile.read(Path(model_path))
    where = placement.place(model, delegate, profile)
    count = threads if threads > 0 else profile.cpu.default_threads
    known = anchors.load(profile.name)
    return predict(model, where, profile, threads=count, anchors=known).p50_us
