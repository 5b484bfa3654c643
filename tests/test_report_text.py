"""The table on a terminal, by `qbench show`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from rich.console import Console

from fakes.latency_samples import ON_NPU, Floats, a_measurement
from fakes.sessions import PHONE, a_named_case, a_session, latencies
from qbench.cli import perform
from qbench.records import Case, Delegate, Origin, Outcome
from qbench.report import text


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
    told = shown(tmp_path, latencies(5_000, runs=5))
    assert "95 % interval of the median of 5 processes" in told
    assert "wide" not in told


def test_two_runs_that_disagree_have_a_range_too_wide_for_figures(tmp_path: Path) -> None:
    both = np.concatenate([latencies(5_000, runs=1), latencies(9_000, runs=1)])
    assert "> 100x wide" in shown(tmp_path, both)


def test_one_run_has_no_range_and_no_plural(tmp_path: Path) -> None:
    told = shown(tmp_path, latencies(5_000, runs=1))
    assert "one process each, so there is no range" in told


def test_of_two_devices_of_one_kind_names_are_shortened_and_nothing_else(tmp_path: Path) -> None:
    both = np.concatenate([latencies(5_000, runs=1), latencies(9_000, runs=1)])
    names = ("sd8gen2-192.168.178.101-5555", "sd8gen2-192.168.178.102-5555")
    measured: dict[Case, Sequence[Outcome]] = {}
    for name in names:
        cases = [
            a_named_case(device=name, origin=Origin.EMULATED, delegate=delegate)
            for delegate in (Delegate.CPU, Delegate.NNAPI)
        ]
        device = [a_measurement(map(int, run), placement=ON_NPU) for run in both]
        measured |= {case: device for case in cases}
    session = a_session(
        tmp_path, "s", measured, device=replace(PHONE, name=names[0], origin=Origin.EMULATED)
    )
    out = StringIO()
    console = Console(file=out, width=100)
    text.print_results(
        console, session.info().devices, perform.rows(session.plan(), session.records())
    )
    head, _, _, *rows = out.getvalue().splitlines()[:7]
    heads = "delegate on thr origin p50 ms range ms sure NPU/GPU/CPU parts vs CPU"
    assert " ".join(head.split()) == heads
    assert max(map(len, (head, *rows))) <= 100
    told = {row.split()[1] for row in rows}
    assert len(told) == 2
    assert all(name.endswith("-5555") for name in told)
    assert all("EMULATED" in row and "> 100x wide" in row for row in rows)
    assert "\N{HORIZONTAL ELLIPSIS}" not in "".join(row.replace(row.split()[1], "") for row in rows)
