"""One child process: its end, its deadline, its output limit, and nothing left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fakes.host_cases import program
from fakes.manual_clock import ManualClock
from qbench.clock import SystemClock
from qbench.host import process
from qbench.host.process import Ended, Stopped


def _run(
    argv: list[str],
    *,
    request: bytes = b"",
    timeout_s: float = 20.0,
    limits: tuple[int, int] = (1 << 20, 1 << 20),
) -> Ended:
    return process.run(
        argv,
        request=request,
        environment={"PATH": os.environ["PATH"]},
        clock=SystemClock(),
        timeout_s=timeout_s,
        stdout_limit_bytes=limits[0],
        stderr_limit_bytes=limits[1],
    )


def _is_gone(pid: int) -> bool:
    """Wait (up to 20 s) until the process has ended; true when it has."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 20)[0])
    finally:
        os.close(fd)


def test_streams_stay_apart_and_the_exit_code_is_the_childs() -> None:
    assert _run(["sh", "-c", "echo out; echo err >&2; exit 7"]) == Ended(
        b"out\n", b"err\n", 7, None
    )


def test_the_request_arrives_and_stdin_stays_open_behind_it() -> None:
    script = 'read line; echo "$line"; read -t 0 more; test $? -ne 0 && echo open'
    assert _run(["bash", "-c", script], request=b"hello\n").stdout == b"hello\nopen\n"


def test_a_request_larger_than_a_pipe_arrives_whole() -> None:
    ended = _run(["head", "-c", "3000000"], request=b"x" * 3_000_000, limits=(4 << 20, 1))
    assert len(ended.stdout) == 3_000_000


def test_a_child_that_never_reads_its_request_does_not_block_the_parent() -> None:
    assert _run(["sh", "-c", "exit 3"], request=b"x" * 3_000_000).exit_code == 3


def test_a_child_killed_by_a_signal_has_that_signal_negative_as_its_code() -> None:
    assert _run(["sh", "-c", "kill -SEGV $$"]).exit_code == -signal.SIGSEGV


def test_at_the_deadline_the_whole_group_is_killed_and_what_was_said_is_kept(
    tmp_path: Path,
) -> None:
    script = f"echo $$ > {tmp_path}/a; sleep 600 & echo $! > {tmp_path}/b; echo said; wait"
    ended = _run(["sh", "-c", script], timeout_s=0.3)
    assert ended.stopped is Stopped.DEADLINE
    assert ended.stdout == b"said\n"
    assert ended.exit_code == -signal.SIGKILL
    for name in "ab":
        assert _is_gone(int((tmp_path / name).read_text()))


def test_a_child_that_closes_its_streams_and_lives_on_meets_the_deadline_too() -> None:
    ended = _run(["sh", "-c", "exec >&- 2>&-; exec sleep 600"], timeout_s=0.3)
    assert ended.stopped is Stopped.DEADLINE


def test_the_deadline_is_the_given_clocks() -> None:
    clock = ManualClock()

    class Hurried(ManualClock):
        def monotonic_s(self) -> float:
            clock.now_s += 100
            return clock.now_s

    ended = process.run(
        ["sleep", "600"],
        request=b"",
        environment={"PATH": os.environ["PATH"]},
        clock=Hurried(),
        timeout_s=99,
        stdout_limit_bytes=1,
        stderr_limit_bytes=1,
    )
    assert ended.stopped is Stopped.DEADLINE


@pytest.mark.parametrize("redirect", ["", ">&2"])
def test_a_child_that_prints_without_end_is_stopped_at_the_limit(redirect: str) -> None:
    ended = _run(["sh", "-c", f"exec cat /dev/zero {redirect}"], limits=(100_000, 100_000))
    assert ended.stopped is Stopped.OUTPUT_LIMIT
    assert len(ended.stderr if redirect else ended.stdout) == 100_000


def test_a_program_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        _run(["/nowhere/python"])


def test_ctrl_c_kills_the_child(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    pids: list[int] = []

    def interrupt_when_started() -> None:
        pids.append(int(fifo.read_text()))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    other = threading.Thread(target=interrupt_when_started)
    other.start()
    with pytest.raises(KeyboardInterrupt):
        _run(["sh", "-c", f"echo $$ > {fifo}; exec sleep 600"])
    other.join()
    assert _is_gone(pids[0])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_parent_takes_the_measuring_child_with_it(
    tmp_path: Path, how: signal.Signals
) -> None:
    from fakes import tiny_models

    model = tiny_models.conv_model(tmp_path / "conv.tflite")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    python = program(tmp_path, f'echo $$ > {fifo}\nexec "{sys.executable}" "$@"')
    script = f"""
from pathlib import Path
from fakes.host_cases import case_for
from qbench.clock import SystemClock
from qbench.host import HostBackend
endless = case_for(Path({str(model)!r}), min_s=600.0, max_s=600.0, timeout_s=600.0)
HostBackend(SystemClock(), python={python!r}).run(endless)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment)
    try:
        child_pid = int(fifo.read_text())
        parent.send_signal(how)
        assert parent.wait(20) == -how
        assert _is_gone(child_pid)
    finally:
        parent.kill()
        parent.wait()
