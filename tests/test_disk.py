"""Real file systems that are full or read-only, in a mount namespace of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def _in_namespace(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `script` as sh in a new mount namespace; $1 is a folder to mount on, $2 python."""
    if shutil.which("unshare") is None:
        pytest.skip("UNSHARE IS MISSING (util-linux): full and read-only disks are not tested")
    command = ["unshare", "-rm", "sh", "-ec", script, "sh", str(folder), sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if "unshare failed" in done.stderr:
        pytest.skip(f"NAMESPACES ARE FORBIDDEN HERE, disks are not tested: {done.stderr.strip()}")
    return done


def test_a_full_disk_is_one_line_and_nothing_that_was_measured_is_lost(tmp_path: Path) -> None:
    done = _in_namespace(
        """
        mount -t tmpfs -o size=120k none "$1"
        run="$2 -m qbench"
        set +e
        $run run smallcnn --precision int8 --device host --repetitions 12 --out "$1" >/dev/null
        echo "run $?"
        $run show "$1" --json | grep -c '"failed_runs": 0'
        before=$(cat "$1"/*/runs.jsonl | wc -l)
        mount -o remount,size=8m "$1"
        $run resume "$1" --json | grep '"runs"'
        echo "resume $? before $before"
        ls -A "$1"/*/raw | grep -c part
        """,
        tmp_path,
    )
    lines = done.stdout.split("\n")
    assert lines[0] == "run 2", done.stdout + done.stderr
    assert "No space left on device" in done.stderr
    assert done.stderr.count("error:") == 1
    assert "qbench resume" in done.stderr
    assert "Traceback" not in done.stderr
    before = int(done.stdout.partition("before ")[2].split()[0])
    assert 1 <= before < 12, "the disk must fill up in the middle of the session"
    assert '"runs": 12' in done.stdout
    assert lines[-2] == "0", "no half-written file is left"


def test_a_read_only_results_folder_is_one_line_with_a_way_out(tmp_path: Path) -> None:
    done = _in_namespace(
        """
        mount -t tmpfs -o ro none "$1"
        set +e
        "$2" -m qbench run smallcnn --device host --out "$1/results"
        echo "run $?"
        """,
        tmp_path,
    )
    assert done.stdout == "run 2\n", done.stdout + done.stderr
    assert "Read-only file system" in done.stderr
    assert "--out" in done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr
