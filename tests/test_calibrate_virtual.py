"""A virtual device is calibrated through adb, runner and stand-in; its cores are this machine's, so
it has to answer what this machine answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from fakes.desk import Desk
from fakes.virtual_phones import adb_of
from qbench.clock import SystemClock
from qbench.host import HostBackend
from qbench.records import Origin
from qbench.simulator.calibration import document, measure
from qbench.simulator.calibration.document import Answer, Calibration
from qbench.simulator.calibration.measure import Question
from qbench.virtual import instances

SINGLES = 12


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with adb_of("36", tmp_path) as adb:
        yield Desk(adb, tmp_path)
        for instance in instances.running():
            instances.stop(instance.serial)


def calibrated(desk: Desk, path: Path) -> Calibration:
    options = ("--precision", "int8", "--singles", str(SINGLES), "--no-networks")
    with desk.phone("measured", time_scale=0) as instance:
        ran = desk.qbench(
            "calibrate", "--device", instance.address, *options, "--out", str(path), timeout_s=500
        )
    assert ran.returncode == 0, ran.stderr
    assert "heat: no step test" in ran.stdout
    return document.load(path)


def test_a_virtual_device_answers_what_the_cores_beneath_it_answer(
    desk: Desk, tmp_path: Path
) -> None:
    made = calibrated(desk, tmp_path / "calibration.json")
    assert made.origin is Origin.EMULATED
    assert len(made.answers) == SINGLES
    questions = [Question(a.name, a.dtype, a.threads, a.is_network) for a in made.answers]
    with HostBackend(SystemClock()) as host:
        here = measure.ask(
            host,
            questions,
            (),
            tmp_path,
            SystemClock(),
            budget_s=300,
            rounds=1,
            on_answer=lambda _: None,
            on_trouble=pytest.fail,
        )
    own = {a.name: a for a in here.answers}
    ratios = [a.latency_us / own[a.name].latency_us for a in made.answers]
    # Short and long models alike: what is added to each invoke shows in the short ones, a clock
    # that runs otherwise in the long ones. Other tasks on this machine disturb single answers.
    assert 0.8 < median(ratios) < 1.25, told(made.answers, own)
    assert sum(0.5 < ratio < 2 for ratio in ratios) >= SINGLES - 2, told(made.answers, own)


def told(answers: tuple[Answer, ...], own: dict[str, Answer]) -> str:
    return "\n".join(
        f"{a.name}: device {a.latency_us:.0f} us (waited {a.wait_ratio}), "
        f"here {own[a.name].latency_us:.0f} us (waited {own[a.name].wait_ratio})"
        for a in answers
    )
