"""The shell services: `shell:` (with the protocol, without, with a pty) and `exec:`.

Shell protocol (AOSP adb/shell_protocol.h): packets of one byte of kind, four of length, data.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from typing import TYPE_CHECKING

from qbench.virtual.jail import shell_argv, shell_environment
from qbench.virtual.pipes import read_fd, write_fd
from qbench.virtual.stream import Stream, StreamClosedError

if TYPE_CHECKING:
    from qbench.virtual.connection import Connection

STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN, WINDOW_SIZE = range(6)
_HEADER = struct.Struct("<BI")


def encode(kind: int, data: bytes) -> bytes:
    return _HEADER.pack(kind, len(data)) + data


async def serve(
    connection: Connection, stream: Stream, *, options: tuple[str, ...], command: str
) -> None:
    """Run `command` (an interactive shell when empty) and carry its streams.

    A device that does not announce shell_v2 is an Android before 7: `shell:` always has a pty
    there, and neither separate stderr nor an exit status.
    """
    device = connection.device
    has_protocol = "v2" in options and "shell_v2" in device.features
    is_old_shell = "shell_v2" not in device.features and "raw" not in options
    wants_pty = "pty" in options or is_old_shell or (not command and "raw" not in options)
    terminal = next((o.removeprefix("TERM=") for o in options if o.startswith("TERM=")), None)
    job = _Job(stream, has_protocol=has_protocol)
    job.spawn(
        shell_argv(command),
        shell_environment(device.config, device.instance, terminal),
        wants_pty=wants_pty,
    )
    await job.carry()


class _Job:
    def __init__(self, stream: Stream, *, has_protocol: bool) -> None:
        self._stream = stream
        self._has_protocol = has_protocol
        self._write_lock = asyncio.Lock()  # a packet's chunks must not mix with another's
        self._process: subprocess.Popen[bytes] | None = None
        self._outputs: list[tuple[int, int]] = []
        self._input: int | None = None
        self._is_pty = False

    def spawn(self, argv: list[str], environment: dict[str, str], *, wants_pty: bool) -> None:
        self._is_pty = wants_pty
        if wants_pty:
            master, child_end = pty.openpty()
            child_in = child_out = child_err = child_end
            self._outputs, self._input = [(STDOUT, master)], os.dup(master)
        else:
            child_in, self._input = os.pipe()
            stdout, child_out = os.pipe()
            self._outputs, child_err = [(STDOUT, stdout)], child_out
            if self._has_protocol:
                stderr, child_err = os.pipe()
                self._outputs.append((STDERR, stderr))
        for _, fd in self._outputs:
            os.set_blocking(fd, False)
        os.set_blocking(self._input, False)

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        try:
            self._process = subprocess.Popen(
                argv,
                stdin=child_in,
                stdout=child_out,
                stderr=child_err,
                env=environment,
                cwd="/",
                start_new_session=True,
                preexec_fn=take_terminal if wants_pty else None,
            )
        finally:
            for fd in {child_in, child_out, child_err}:
                os.close(fd)

    async def carry(self) -> None:
        """Until every holder of the outputs is gone and the shell has ended, or the host is."""
        outputs = asyncio.ensure_future(self._pump_all())
        feeder = asyncio.ensure_future(self._feed())
        # With the protocol a hang-up counts at once, also while the shell does not read its input;
        # without it, what the host sent before still goes in (`adb exec-in`).
        watcher = asyncio.ensure_future(self._stream.wait_until_gone())
        tasks = [outputs, feeder, watcher]
        try:
            await asyncio.wait(
                tasks if self._has_protocol else tasks[:2], return_when=asyncio.FIRST_COMPLETED
            )
            await self._finish(outputs)
        except StreamClosedError:
            # As adbd: with the protocol SIGHUP to the shell alone, without it only the pipes close.
            if self._has_protocol and self._child.poll() is None:
                self._child.send_signal(signal.SIGHUP)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for fd in [fd for _, fd in self._outputs]:
                os.close(fd)
            self._close_input()
            _reap_later(self._child)

    async def _finish(self, outputs: asyncio.Future[None]) -> None:
        if not outputs.done():
            raise StreamClosedError
        await outputs
        status = await self._wait()
        if self._has_protocol:
            code = status if status >= 0 else 128 - status
            await self._stream.write(encode(EXIT, bytes([code])))

    @property
    def _child(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    async def _pump_all(self) -> None:
        pumps = [asyncio.ensure_future(self._pump(kind, fd)) for kind, fd in self._outputs]
        try:
            await asyncio.gather(*pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, kind: int, fd: int) -> None:
        while data := await read_fd(fd):
            async with self._write_lock:
                await self._stream.write(encode(kind, data) if self._has_protocol else data)

    async def _feed(self) -> None:
        """Standard input, until the host hangs up."""
        try:
            while True:
                await self._feed_packet()
        except StreamClosedError:
            return

    async def _feed_packet(self) -> None:
        if not self._has_protocol:
            data = await self._stream.read_some()
            if not data:
                raise StreamClosedError
            await self._give(data)
            return
        kind, size = _HEADER.unpack(await self._stream.read_exactly(_HEADER.size))
        data = await self._stream.read_exactly(size)
        if kind == STDIN:
            await self._give(data)
        elif kind == CLOSE_STDIN and not self._is_pty:
            self._close_input()
        elif kind == WINDOW_SIZE and self._is_pty and self._input is not None:
            sizes = [min(int(number), 0xFFFF) for number in re.findall(rb"\d+", data)[:4]]
            if len(sizes) == 4:  # rows, columns, width, height
                fcntl.ioctl(self._input, termios.TIOCSWINSZ, struct.pack("HHHH", *sizes))

    async def _give(self, data: bytes) -> None:
        if self._input is not None:
            try:
                await write_fd(self._input, data)
            except BrokenPipeError:
                self._close_input()

    def _close_input(self) -> None:
        if self._input is not None:
            os.close(self._input)
            self._input = None

    async def _wait(self) -> int:
        """The exit status of the shell; its outputs may have closed long before."""
        if self._child.poll() is None:
            await _ended(self._child)
        return self._child.wait()


async def _ended(process: subprocess.Popen[bytes]) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    fd = os.pidfd_open(process.pid)

    def wake() -> None:
        if not done.done():
            done.set_result(None)

    loop.add_reader(fd, wake)
    try:
        await done
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def _reap_later(process: subprocess.Popen[bytes]) -> None:
    """A shell may outlive its stream; collect it when it ends, so that no zombie stays."""
    if process.poll() is not None:
        return
    loop = asyncio.get_running_loop()
    fd = os.pidfd_open(process.pid)

    def collect() -> None:
        loop.remove_reader(fd)
        os.close(fd)
        process.wait()

    loop.add_reader(fd, collect)
