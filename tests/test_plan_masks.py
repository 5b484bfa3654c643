"""A plan's mask reaches the device: the tool is kept to its cores, or fails in words."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fakes.local_lab import CPU, Lab
from qbench import formats
from qbench.records import Case, Failure, Measurement, PlannedRun


def masked(runs: list[tuple[PlannedRun, Case]], mask: str) -> list[tuple[PlannedRun, Case]]:
    return [(run, msgspec.structs.replace(case, mask=mask)) for run, case in runs]


def test_a_mask_of_the_plan_is_the_one_that_the_tool_is_started_with(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    (output,) = lab.perform(masked(lab.runs(CPU), "1"))
    assert isinstance(formats.outcome(output), Measurement)
    lab.assert_as_before()


def test_a_mask_that_the_device_does_not_have_is_a_failed_run(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    (output,) = lab.perform(masked(lab.runs(CPU), "f00000"))
    told = formats.outcome(output)
    assert isinstance(told, Failure)
    assert "taskset" in output.stderr
