"""kill -9 at random moments, then resume: every run is there once, none lost, none doubled."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fakes import instant_session
from qbench.records import Failure
from qbench.store import Session

PROGRAM = Path(instant_session.__file__)
HERE = Path(__file__).parent


def _start(folder: Path) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": f"{HERE.parent / 'harness'}{os.pathsep}{HERE}"}
    # Unbuffered: a readline that takes more than its line keeps it from communicate().
    return subprocess.Popen(
        [sys.executable, PROGRAM, folder],
        bufsize=0,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
    )


def _assert_whole(session: Session, runs: int) -> None:
    records = session.records()
    assert [record.sequence for record in records] == list(range(runs))
    assert not [r for r in records if isinstance(r.outcome, Failure)]
    assert [raw.sequence for raw in session.raw_runs()] == list(range(runs))
    leftovers = [p.name for p in (session.folder / "raw").iterdir() if p.name.startswith(".")]
    assert leftovers == [], "a finished session has no half-written files"


def test_fifty_kills_inside_the_store_lose_and_double_nothing(tmp_path: Path) -> None:
    random_ = random.Random(20261124)
    kills = 0
    round_ = 0
    while kills < 50:
        folder = tmp_path / str(round_)
        round_ += 1
        whole = False
        longest_s = 0.06
        while not whole:
            process = _start(folder)
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n", process.communicate()[1].decode()
            try:
                process.wait(timeout=random_.uniform(0.0, longest_s))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += 1
                longest_s *= 1.1  # a busy machine gets to an end too
            out, err = process.communicate(timeout=30)
            whole = out.endswith(b"done\n")
            assert whole or process.returncode == -signal.SIGKILL, err.decode()
        _assert_whole(Session.find(folder), instant_session.RUNS)


@pytest.mark.heavy
def test_fifty_kills_of_a_real_session_of_24_runs_lose_and_double_nothing(tmp_path: Path) -> None:
    random_ = random.Random(20261124)
    command = [sys.executable, "-m", "qbench"]
    for round_ in range(50):
        out = tmp_path / str(round_)
        run = [*command, "run", "smallcnn", "--device", "host", "--repetitions", "6"]
        process = subprocess.Popen(
            [*run, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        start = time.perf_counter()
        while not list(out.glob("*/plan.json")):  # a kill before there is a session loses none
            assert process.poll() is None
            assert time.perf_counter() - start < 60
        try:
            process.wait(timeout=random_.uniform(0.0, 20.0))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait(timeout=30)
        resumed = subprocess.run(
            [*command, "resume", str(out), "--json"], capture_output=True, check=False, timeout=300
        )
        assert resumed.returncode == 0, resumed.stderr.decode()
        results = json.loads(resumed.stdout)["results"]
        assert [r["runs"] for r in results] == [6, 6, 6, 6]
        _assert_whole(Session.find(out), 24)
