"""This machine as the device: what a calibration promises of networks that it has not measured.

The limits are those of `scripts/validate_parts/grading.py`. They are a promise about a machine that
is left alone: when tasks of it wait for a processor, or processes of one network contradict each
other by more than what is to be judged, a test that fails proves nothing. `MACHINE_TOO_BUSY` is the
one reason to skip that CI accepts; see README.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import MACHINE_TOO_BUSY
from qbench.records import ComputeUnit, Tier
from qbench.stats.fidelity import Point, grade

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from scripts.validate_parts import grading, measuring, networks  # noqa: E402


def _validate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/validate_host"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)


def test_networks_that_no_calibration_has_seen_are_predicted_within_the_promised_limits() -> None:
    # A second time, all anew, when a limit is missed: a neighbour of a rented machine who works for
    # a minute is in every number of that minute, and no counter of this machine shows him. Where
    # the numbers themselves do, he stays longer, and there is nothing to be judged.
    for attempt in (1, 2):
        ran = _validate("--json")
        assert ran.returncode in (0, 1, 3), ran.stderr
        body: dict[str, Any] = json.loads(ran.stdout)
        assert body["not_held_out"] == []
        assert {g["dtype"]: g["n"] for g in body["groups"]} == {None: 57, "fp32": 32, "int8": 25}
        print(
            f"attempt {attempt}: missed {body['missed']}, waited {body['run_queue_wait_ratio']}, "
            f"processes differ by {body['spread_ratio']}"
        )
        if not body["missed"]:
            return
        if body["is_busy"]:
            break
    if body["is_busy"]:
        pytest.skip(
            f"{MACHINE_TOO_BUSY}: tasks waited {body['run_queue_wait_ratio']:.0%} of their time "
            f"for a processor, and processes of one network differ by {body['spread_ratio']:.0%}; "
            f"not kept here: {'; '.join(body['missed'])}"
        )
    assert body["missed"] == []


def test_a_machine_is_calibrated_and_a_few_networks_predicted_and_measured(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    command = [sys.executable, "-m", "qbench", "calibrate", "--device", "host", "--out", str(path)]
    command += ["--singles", "40", "--no-networks", "--budget-s", "40"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    ran = _validate(
        *("--json", "--rounds", "1", "--calibration", str(path)),
        *("--networks", "ds_cnn", "resnet_8", "perceptron"),
    )
    assert ran.returncode in (0, 1, 3), ran.stderr
    body = json.loads(ran.stdout)
    everything = body["groups"][0]
    assert everything["n"] == 6
    for point in everything["points"]:
        assert point["low_us"] <= point["predicted_us"] <= point["high_us"]
        assert 1 < point["measured_us"] < 1e5
        assert point["tier"] in ("S0", "S2")
    times = {f"{p['model']} {p['dtype']}": p["measured_us"] for p in everything["points"]}
    assert times["resnet_8 fp32"] > times["resnet_8 int8"] > times["perceptron int8"]


# ---- the one reason to skip that CI accepts


def _suite(folder: Path, *reasons: str) -> subprocess.CompletedProcess[str]:
    """A suite under this one's rules whose tests are skipped, on CI."""
    (folder / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    tests = [f"def test_{i}():\n    pytest.skip({reason!r})" for i, reason in enumerate(reasons)]
    (folder / "test_skipped.py").write_text("import pytest\n" + "\n".join(tests))
    command = [sys.executable, "-m", "pytest", "-q", "-c", "none.ini", "-p", "no:cacheprovider"]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ci_accepts_a_skip_because_the_machine_was_busy_and_says_so_aloud(tmp_path: Path) -> None:
    (tmp_path / "none.ini").write_text("")
    ran = _suite(tmp_path, f"{MACHINE_TOO_BUSY}: tasks waited 80%")
    assert ran.returncode == 0, ran.stdout
    assert "CI: NOT JUDGED: " in ran.stdout
    assert "tasks waited 80%" in ran.stdout


def test_ci_accepts_no_other_skip_also_not_beside_that_one(tmp_path: Path) -> None:
    (tmp_path / "none.ini").write_text("")
    ran = _suite(tmp_path, f"{MACHINE_TOO_BUSY}: tasks waited 80%", "adb is not installed")
    assert ran.returncode == 1, ran.stdout
    assert "CI: tests were skipped; install what they need" in ran.stdout


# ---- the limits


def _point(model: str, dtype: str, ratio: float, band: float = 1.1) -> Point:
    return Point(
        unit=ComputeUnit.CPU,
        runtime="r",
        device="host",
        dtype=dtype,
        model=model,
        threads=1,
        measured_us=100.0,
        predicted_us=100 * ratio,
        low_us=100 * ratio / band,
        high_us=100 * ratio * band,
        tier=Tier.S2,
    )


def _missed(*points: Point) -> list[str]:
    return grading.shortfalls(grade(points))


def test_errors_within_the_limits_miss_nothing() -> None:
    good = [_point(f"n{i}", "int8", 1.04) for i in range(9)]
    assert _missed(*good, _point("n9", "int8", 1.1, band=1.05)) == []


def test_each_limit_is_missed_by_itself_and_told_in_words() -> None:
    assert _missed(
        *[_point(f"n{i}", "fp32", 1.09) for i in range(9)], _point("x", "fp32", 1.12)
    ) == ["fp32: MAPE 9.3%, more than 8%"]
    lines = _missed(*[_point(f"n{i}", "int8", 1.0) for i in range(9)], _point("x", "int8", 1.25))
    assert lines == ["x int8: 1.25 of what was measured, more than 20% off"]
    within, outside = _point("n", "int8", 1.0), _point("x", "int8", 1.06, band=1.05)
    assert _missed(*[within] * 80) == ["90 % bands hold 100% (95% to 100%), not 85% to 95%"]
    assert _missed(*[within] * 42, *[outside] * 15) == [
        "90 % bands hold 74% (61% to 83%), not 85% to 95%"
    ]


def test_bands_that_hold_nearly_what_they_should_miss_nothing() -> None:
    within, outside = _point("n", "int8", 1.0), _point("x", "int8", 1.06, band=1.05)
    assert _missed(*[within] * 55, *[outside] * 2) == []
    assert _missed(*[within] * 46, *[outside] * 11) == []


def test_the_common_factor_is_what_all_predictions_share() -> None:
    graded = grade([_point("a", "fp32", 2.0), _point("b", "fp32", 0.5), _point("c", "fp32", 4.0)])
    assert grading.common_factor(graded[0]) == pytest.approx(4 ** (1 / 3))


# ---- what is measured


def test_the_middle_of_the_processes_counts_and_waiting_is_told_or_unknown() -> None:
    runs = [measuring.Measured((10.0, 30.0, 11.0), 0.1), measuring.Measured((1.0,), None)]
    assert runs[0].middle_us == 11.0
    assert measuring.wait_ratio(runs) == 0.1
    assert measuring.wait_ratio(runs[1:]) is None


def test_networks_are_written_in_both_precisions_and_third_party_files_are_there(
    tmp_path: Path,
) -> None:
    found = networks.write(tmp_path, ["perceptron"], ["fp32", "int8"])
    assert [(n.name, n.group, n.model.precision.value) for n in found] == [
        ("perceptron", "fp32", "fp32"),
        ("perceptron", "int8", "int8"),
    ]
    assert len(networks.third_party()) == 7
