"""scripts/stat_promises: a short check of every promise, and that a broken one is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "stat_promises"
sys.path.insert(0, str(SCRIPT.parents[1]))
from scripts.promise_parts._row import Row  # noqa: E402


def promises(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


def test_every_promise_is_kept_in_a_short_check() -> None:
    ran = promises("--fast")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for part in (SCRIPT.parent / "promise_parts").glob("[!_]*.py"):
        assert f"== {part.stem} (60 trials)" in ran.stdout
    assert "BROKEN" not in ran.stdout


@pytest.mark.heavy
def test_every_promise_is_kept_in_a_thousand_trials() -> None:
    ran = promises()
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_part_that_is_not_there_is_refused_with_the_names_of_those_that_are() -> None:
    ran = promises("gone")
    assert ran.returncode == 2
    assert "power" in ran.stderr


@pytest.mark.parametrize(
    ("hits", "trials", "is_kept"),
    [(65, 1000, True), (66, 1000, False), (19, 1000, False), (6, 60, True), (12, 60, False)],
)
def test_a_thousand_trials_have_to_keep_the_rate_itself_and_few_may_scatter(
    hits: int, trials: int, is_kept: bool
) -> None:
    assert Row("p", "r", hits, trials, 0.02, 0.065).is_kept is is_kept
