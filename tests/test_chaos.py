"""scripts/chaos: a few faults of the matrix, one moment each; the whole matrix takes long."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.adb_servers import programs, skip_without_userland

CHAOS = Path(__file__).resolve().parents[1] / "scripts" / "chaos"
FAULTS = (
    "drop",
    "flip-sent",
    "full",
    "reboot",
    "battery",
    "throttle",
    "tool-crash",
    "tool-garbled",
)


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(CHAOS), *arguments], capture_output=True, text=True, check=False
    )


def test_faults_of_every_kind_break_no_promise_behind_either_adb() -> None:
    skip_without_userland()
    if not {"29", "36"} <= set(programs()):
        pytest.skip("NOT TESTED: apt-get install adb (29), pip install adbutils (36)")
    chosen = [word for fault in FAULTS for word in ("--fault", fault)]
    ran = chaos("--quick", "--at-once", "4", *chosen)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr
    for fault in FAULTS:
        for version in ("29", "36"):
            row = rf"^{fault} +{version} +1 +1 "
            assert re.search(row, ran.stdout, re.MULTILINE), (fault, version, ran.stdout)


def test_a_fault_that_is_none_is_refused_by_name() -> None:
    ran = chaos("--fault", "gremlin")
    assert ran.returncode == 2
    assert "gremlin" in ran.stderr
