"""The table on a terminal, by `qbench show`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from fakes.latency_samples import Floats
from fakes.sessions import a_named_case, a_session, latencies


def shown(root: Path, samples: Floats) -> str:
    session = a_session(root, "s", {a_named_case(): samples})
    ran = subprocess.run(
        [sys.executable, "-m", "qbench", "show", str(session.folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return " ".join(ran.stdout.split())


def test_runs_that_agree_have_a_range(tmp_path: Path) -> None:
    text = shown(tmp_path, latencies(5_000, runs=5))
    assert "95 % interval of the median of 5 processes" in text
    assert "wide" not in text


def test_two_runs_that_disagree_have_a_range_too_wide_for_figures(tmp_path: Path) -> None:
    both = np.concatenate([latencies(5_000, runs=1), latencies(9_000, runs=1)])
    assert "> 100x wide" in shown(tmp_path, both)


def test_one_run_has_no_range_and_no_plural(tmp_path: Path) -> None:
    text = shown(tmp_path, latencies(5_000, runs=1))
    assert "one process each, so there is no range" in text
