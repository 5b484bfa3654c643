"""Runs one child process to its end, its deadline or its output limit. Never longer, never more."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from qbench.clock import Clock


class Stopped(Enum):
    """Why the child was killed before its end."""

    DEADLINE = "deadline"
    OUTPUT_LIMIT = "output limit"


@dataclass(frozen=True, slots=True)
class Ended:
    """What the child left behind. `exit_code` is negative when a signal killed it."""

    stdout: bytes
    stderr: bytes
    exit_code: int
    stopped: Stopped | None


def run(
    argv: Sequence[str],
    *,
    request: bytes,
    environment: Mapping[str, str],
    clock: Clock,
    timeout_s: float,
    stdout_limit_bytes: int,
    stderr_limit_bytes: int,
) -> Ended:
    """Start `argv` in a process group of its own, send `request`, collect both streams.

    The child's stdin stays open until the end: a child that watches it ends when this process
    does, even after kill -9. The group is killed at the deadline, at the output limit, and when
    an exception (Ctrl-C) passes through here. Raises OSError when the child cannot be started.
    """
    deadline_s = clock.monotonic_s() + timeout_s
    # An interrupt waits until there is somebody to kill: Popen that is interrupted in the middle
    # leaves a child that nobody knows.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            bufsize=0,
            # Not start_new_session: a new session is a scheduling group of its own (sched(7)).
            process_group=0,
        )
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        limits = (stdout_limit_bytes, stderr_limit_bytes)
        stdout, stderr, stopped = _converse(child, request, limits, clock, deadline_s)
        if stopped is None:
            try:
                child.wait(max(deadline_s - clock.monotonic_s(), 0))
            except subprocess.TimeoutExpired:
                stopped = Stopped.DEADLINE
    finally:
        if child.returncode is None:
            # EPERM: macOS for a group of zombies.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()
    return Ended(stdout, stderr, child.returncode, stopped)


def _converse(
    child: subprocess.Popen[bytes],
    request: bytes,
    limits: tuple[int, int],
    clock: Clock,
    deadline_s: float,
) -> tuple[bytes, bytes, Stopped | None]:
    """Write the request and read until both streams end, or the child must be stopped."""
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    writer, readers = child.stdin.fileno(), (child.stdout.fileno(), child.stderr.fileno())
    streams = {fd: bytearray() for fd in readers}
    limit = dict(zip(readers, limits, strict=True))
    stopped: Stopped | None = None
    os.set_blocking(writer, False)
    with selectors.DefaultSelector() as selector:
        selector.register(writer, selectors.EVENT_WRITE)
        for fd in readers:
            selector.register(fd, selectors.EVENT_READ)
        open_readers = len(readers)
        while open_readers and stopped is None:
            left_s = deadline_s - clock.monotonic_s()
            if left_s <= 0:
                stopped = Stopped.DEADLINE
                break
            for key, _ in selector.select(left_s):
                if key.fd == writer:
                    try:
                        request = request[os.write(writer, request) :]
                    except BrokenPipeError:
                        request = b""
                    if not request:
                        selector.unregister(writer)
                    continue
                block = os.read(key.fd, 65536)
                streams[key.fd] += block[: limit[key.fd] - len(streams[key.fd])]
                if not block:
                    selector.unregister(key.fd)
                    open_readers -= 1
                elif len(streams[key.fd]) >= limit[key.fd]:
                    stopped = Stopped.OUTPUT_LIMIT
    stdout, stderr = (bytes(streams[fd]) for fd in readers)
    return stdout, stderr, stopped
