"""Comparisons that are really measured, on this machine.

Invokes are far shorter than the scheduler's time slice: most are not interrupted, so that the
median holds on a busy machine too. Where ten runs leave a question open, `qbench compare` says how
many would settle it, and the tests do what it says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import MACHINE_TOO_BUSY
from fakes import tiny_models
from qbench.cli import main
from qbench.cli.planning import processors
from qbench.records import Measurement
from qbench.store import Session

MOST_RUNS = 80
BUSY_RATIO = 0.2


def qbench(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    with pytest.raises(SystemExit):
        main([*map(str, words), "--json"])
    return dict(json.loads(capsys.readouterr().out))


def settled(
    capsys: pytest.CaptureFixture[str],
    out: Path,
    run: tuple[object, ...],
    baseline: str,
    candidate: str,
    *,
    runs: int = 10,
) -> dict[str, Any]:
    """What comparing two selections of one session says, with as many runs as it asks for."""
    while True:
        told = qbench(capsys, "run", *run, "--device", "host", "--repetitions", runs, "--out", out)
        body = qbench(
            capsys,
            "compare",
            f"{told['session_dir']}:{baseline}",
            f":{candidate}",
            "--across",
            "taints",  # a busy moment of one side alone
        )
        (found,) = body["comparisons"]
        needed = found["runs_needed"]
        if found["verdict"] != "inconclusive" or needed is None or needed > MOST_RUNS:
            return dict(found)
        runs = needed


def waited_ratio(out: Path) -> float:
    """Of the newest session in `out`: two threads need two processors that nobody else has."""
    told = [record.outcome for record in Session.find(out).records()]
    runs = [outcome for outcome in told if isinstance(outcome, Measurement)]
    wait_us = sum(run.run_queue_wait_us or 0 for run in runs)
    return wait_us / max(wait_us + sum(run.cpu_time_us or 0 for run in runs), 1)


@pytest.mark.heavy
def test_a_model_is_the_same_as_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_models.conv_model(tmp_path / "net.tflite", layers=34, side=12)
    run = (model, "--threads", 1, "--aa", "--protocol", "default")
    found = settled(capsys, tmp_path / "out", run, "*-A@*", "*-B@*")
    assert (found["method"], found["is_same_model"]) == ("paired", True)
    assert found["verdict"] == "same", found


@pytest.mark.heavy
def test_two_threads_are_faster_than_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if processors() < 2:
        pytest.skip("NOT TESTED: this machine has one processor")
    model = tiny_models.conv_model(tmp_path / "net.tflite", layers=34, side=96)
    run = (model, "--threads", 1, "--threads", 2)
    found = settled(capsys, tmp_path / "out", run, "*-t1@*", "*-t2@*")
    waited = waited_ratio(tmp_path / "out")
    if found["verdict"] == "inconclusive" and waited > BUSY_RATIO:
        pytest.skip(
            f"{MACHINE_TOO_BUSY}: threads waited {waited:.0%} of their time for a processor"
        )
    assert found["verdict"] == "faster", found


@pytest.mark.heavy
def test_an_added_operator_that_costs_3_percent_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tiny_models.conv_model(tmp_path / "plain.tflite", layers=34, side=12)
    longer = tiny_models.conv_model(tmp_path / "longer.tflite", layers=35, side=12)
    run = (plain, longer, "--threads", 1, "--protocol", "default")
    found = settled(capsys, tmp_path / "out", run, "plain-*", "longer-*")
    assert found["verdict"] == "slower", found
    assert 1.01 < found["ratio"] < 1.06
