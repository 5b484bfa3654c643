"""The step test of a calibration: a load that goes on, and the heat that it makes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from qbench.cli import hardware
from qbench.cli.calibrated_device import Target
from qbench.clock import Clock
from qbench.errors import PlanError
from qbench.formats.runner import read_report
from qbench.simulator import thermal
from qbench.simulator.calibration import heat, measure
from qbench.simulator.calibration.document import Calibration
from qbench.simulator.calibration.measure import Question
from qbench.simulator.kernels import Dtype


def refuse_impossible(target: Target) -> None:
    """Raises PlanError for this machine, ProfileError for a profile that says nothing of heat."""
    if target.serial is None:
        raise PlanError(
            "calibrate: --thermal-step is for attached devices; this machine's heat is not asked",
            hint="leave it out, or name a device",
        )
    thermal.thermal_of(target.profile)


def with_step_test(made: Calibration, target: Target, clock: Clock, minutes: float) -> Calibration:
    """All cores for three quarters of the time, then one: two powers tell resistances and the
    air's temperature apart. A test that cannot be judged leaves a remark, and the priors."""
    with tempfile.TemporaryDirectory(prefix="qbench-") as name:
        model = measure.Models().write(
            Question(measure.REFERENCE, Dtype.FP32, 1, False), Path(name)
        )
        threads = (target.profile.cpu.default_threads, 1)
        cases = [
            measure.steady_case(i, model.path, count, minutes * 60 * share, target.info.origin)
            for i, (count, share) in enumerate(zip(threads, (0.75, 0.25), strict=True))
        ]
        hardware.say(f"{target.info.title}: step test, {minutes:g} min")
        with target.attached(cases, clock) as backend:
            raws = [backend.run(case) for case in cases]
    reports = [
        (read_report(raw.report), count)
        for raw, count in zip(raws, threads, strict=True)
        if raw.report is not None
    ]
    looks, told = heat.looks(reports, target.profile)
    if not looks:
        hardware.say(f"step test: {told}")
        return msgspec.structs.replace(made, step_test_remark=told)
    found = heat.fit(looks, thermal.thermal_of(target.profile), told)
    return msgspec.structs.replace(made, step_test=found, step_test_remark=None)
