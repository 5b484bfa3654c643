"""The case study in one command: whole without PyTorch, and going on where it was killed.

With PyTorch it takes minutes: .ci/run performs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fakes import classifiers
from fakes.missing import without

SCHEMES = ("fp32", "dynamic", "fp16", "int8")


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "study"
        self.root = classifiers.pictures(folder / "set", 4, ("train", "val", "test"))
        self._environment = without(folder, "torch")
        # Nobody else's device is measured.
        self._environment["ANDROID_ADB_SERVER_PORT"] = "1"

    def begin(self, *more: str) -> subprocess.Popen[str]:
        where = ("--data", str(self.root), "--out", str(self.out), "--jobs", "1")
        return subprocess.Popen(
            [sys.executable, "-m", "qbench", "study", "--quick", *where, *more],
            env=self._environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def perform(self, *more: str) -> tuple[int, str, str]:
        with self.begin(*more) as process:
            out, err = process.communicate()
        return process.returncode, out, err

    def killed_at(self, words: str) -> None:
        """Killed with 9 when stderr tells of `words`."""
        with self.begin() as process:
            assert process.stderr is not None
            for line in process.stderr:
                if words in line:
                    process.kill()
                    return
            raise AssertionError(f"it never said: {words}")

    def made(self) -> dict[str, int]:
        """When each file that steps make was written."""
        folders = (self.out / "models", self.out / "answers")
        return {str(p): p.stat().st_mtime_ns for each in folders for p in each.glob("[!.]*")}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def test_a_study_that_is_killed_again_and_again_ends_with_what_one_in_a_single_go_has(
    desk: Desk,
) -> None:
    before: dict[str, int] = {}
    for words in ("quantizing to fp16", "evaluating 4 models", "running 4 models", "analyzing"):
        desk.killed_at(words)
        now = desk.made()
        assert before.items() <= now.items(), "what was made is not made again"
        before = now
    code, out, err = desk.perform()
    assert code == 0, err
    assert before.items() <= desk.made().items()
    steps = [line.removeprefix("== ") for line in err.splitlines() if line.startswith("== ")]
    assert steps[0].startswith("torch is not installed: nothing is trained or converted")
    assert steps[1:] == ["evaluating 4 models", "running 4 models", "analyzing"]
    assert len(list((desk.out / "sessions").iterdir())) == 1
    grades = json.loads((desk.out / "grades.json").read_text())["grades"]
    assert [grade["subject"]["precision"] for grade in grades] == list(SCHEMES)
    told = json.loads((desk.out / "report" / "analysis.json").read_text())
    origins = {spot["timing"]["origin"] for spot in told["front"]}
    assert origins == {"host", "simulated"}
    assert "SIMULATED" in out
    assert (desk.out / "report" / "report.html").stat().st_size > 1_000_000


def test_a_study_of_other_options_is_not_mixed_in(desk: Desk) -> None:
    code, out, err = desk.perform("--seed", "5")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {desk.out}: has a study with other options: seed: 0\n")


def test_trained_networks_that_are_not_there_are_told_before_anything_is_made(
    tmp_path: Path,
) -> None:
    code, _, err = Desk(tmp_path).perform("--trained", str(tmp_path), "--network", "resnet34")
    assert code == 2
    assert err.startswith(f"error: {tmp_path}/resnet34/best.pt: there is no such file\n")
    assert "qbench train --arch resnet34" in err
