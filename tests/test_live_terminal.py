"""`qbench run` on a real pseudo-terminal: what reaches it, and what does not reach stdout."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

SIMULATED = ("smallcnn", "--precision", "int8", "--device", "sd865", "--repetitions", "1")
HERE = ("smallcnn", "--precision", "int8", "--device", "host", "--repetitions", "40")
SHOW_CURSOR = "\x1b[?25h"


class Terminal:
    """stderr is the terminal, stdout a pipe, as in `qbench run --json | jq`."""

    def __init__(self, *arguments: str, out: Path, columns: int = 100, **env: str) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qbench", "run", *arguments, "--out", str(out), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**plain, "TERM": "xterm-256color", **env},
            text=True,
        )
        os.close(theirs)
        self.seen = ""

    def read(self, until: str | None = None) -> str:
        """All that comes, or until it holds `until`."""
        while until is None or until not in self.seen:
            ready, _, _ = select.select([self._ours], [], [], 120)
            assert ready, f"the terminal is silent after {self.seen!r}"
            try:
                block = os.read(self._ours, 65536)
            except OSError:  # the other end is closed
                break
            self.seen += block.decode()
        return self.seen

    def end(self) -> str:
        """What stood on stdout."""
        self.read()
        out, _ = self.process.communicate(timeout=120)
        os.close(self._ours)
        return out


def test_the_view_is_on_the_terminal_and_the_results_alone_on_stdout(tmp_path: Path) -> None:
    terminal = Terminal(*SIMULATED, out=tmp_path)
    told = json.loads(terminal.end())
    assert terminal.process.returncode == 0
    assert told["results"]
    assert "0 of 4 runs, " in terminal.seen
    assert "sd865 SIMULATED" in terminal.seen
    assert terminal.seen.rindex(SHOW_CURSOR) > terminal.seen.rindex(" runs, ")


def test_ctrl_c_leaves_a_terminal_as_it_was_and_says_how_to_go_on(tmp_path: Path) -> None:
    terminal = Terminal(*HERE, out=tmp_path)
    terminal.read(until=" runs, ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == "", terminal.seen
    assert terminal.process.returncode == 130
    after = terminal.seen[terminal.seen.rindex(" runs, ") :]
    assert SHOW_CURSOR in after
    assert "go on with: qbench resume" in after
    assert "Traceback" not in after


def test_no_color_is_kept_to(tmp_path: Path) -> None:
    terminal = Terminal(*SIMULATED, out=tmp_path, NO_COLOR="1")
    terminal.end()
    assert "sd865 SIMULATED" in terminal.seen
    colours = [c for c in re.findall(r"\x1b\[([0-9;]*)m", terminal.seen) if c.startswith("3")]
    assert [c for c in colours if c != "3"] == []


def test_a_terminal_that_cannot_redraw_gets_a_line_per_run_and_no_escapes(tmp_path: Path) -> None:
    terminal = Terminal(*SIMULATED, out=tmp_path, TERM="dumb")
    told = json.loads(terminal.end())
    assert "\x1b" not in terminal.seen
    runs = re.findall(r"^(\d+)/\d+ smallcnn-int8-\S+ run 1 of 1: \S+ ms", terminal.seen, re.M)
    assert [int(n) for n in runs] == list(range(1, len(told["results"]) + 1))


def test_nothing_is_drawn_where_no_terminal_is(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qbench", "run", *SIMULATED, "--out", str(tmp_path), "--json"],
        env={**os.environ, "FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    json.loads(done.stdout)
    assert "runs" not in done.stderr
    assert "\x1b" not in done.stderr


def test_the_table_at_the_end_fits_100_columns(tmp_path: Path) -> None:
    asked = (*SIMULATED, "--delegate", "npu", "--delegate", "gpu", "--delegate", "hexagon")
    done = subprocess.run(
        [sys.executable, "-m", "qbench", "run", *asked, "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 100  # the last names a folder
