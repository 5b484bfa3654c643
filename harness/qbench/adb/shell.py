"""Run one command over an open shell or exec service, with the exit code from the device.

adb's own exit code cannot be trusted: adb 29.0.6 returns 0 when the link drops in mid-command. So
the code comes from the shell protocol's exit packet, and on devices without shell_v2 (Android
before 7) from a line that we let the device print, marked by a random word.
"""

from __future__ import annotations

import re
import secrets
import shlex
import socket
import struct
from typing import Literal

from qbench.adb.deadline import Deadline
from qbench.adb.server import receive, send
from qbench.adb.transport import OnOutput
from qbench.errors import DisconnectedError

_HEADER = struct.Struct("<BI")
_STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = 1, 2, 3, 4
_BLOCK_BYTES = 65536


class Output:
    """Both streams of a command, gathered, and passed on as they arrive."""

    def __init__(self, on_output: OnOutput | None) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._on_output = on_output

    def add(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        if data:
            (self.stdout if stream == "stdout" else self.stderr).extend(data)
            if self._on_output is not None:
                self._on_output(stream, data)


def run_with_protocol(connection: socket.socket, deadline: Deadline, output: Output) -> int:
    """Read a `shell,v2,raw:` service to its exit packet and return the exit code.

    Raises DisconnectedError when the stream ends without one, CommandTimeoutError.
    """
    send(connection, _HEADER.pack(_CLOSE_STDIN, 0), deadline)
    unread = bytearray()
    while True:
        unread += _more(connection, deadline)
        while len(unread) >= _HEADER.size:
            kind, size = _HEADER.unpack_from(unread)
            if len(unread) < _HEADER.size + size:
                break
            payload = bytes(unread[_HEADER.size : _HEADER.size + size])
            del unread[: _HEADER.size + size]
            if kind == _EXIT and size == 1:
                return payload[0]
            if kind not in (_STDOUT, _STDERR):
                raise DisconnectedError(f"adb: {kind} is no packet of the shell protocol")
            output.add("stdout" if kind == _STDOUT else "stderr", payload)


class MarkedCommand:
    """A command for a device without shell_v2, wrapped so that its output tells all.

    Printed are: the shell's pid, its stdout, an end line with the exit code, its stderr, an end
    line. adbd makes the shell the leader of a session and of a process group.
    """

    def __init__(self, command: str, folder: str) -> None:
        self._mark = f"qbench-{secrets.token_hex(8)}"
        kept = shlex.quote(f"{folder}/.{self._mark}")
        self._kept = kept
        self._pid: int | None = None
        self.script = (
            f"echo {self._mark}:$$; sh -c {shlex.quote(command)} 2>{kept} </dev/null; r=$?; "
            f"echo; echo {self._mark}:$r; cat {kept}; rm -f {kept}; echo; echo {self._mark}:end"
        )

    @property
    def cleaning(self) -> str | None:
        """What ends the command and removes its traces, once it is known to run."""
        if self._pid is None:
            return None
        return f"kill -9 -{self._pid} 2>/dev/null; rm -f {self._kept}"

    def run(self, connection: socket.socket, deadline: Deadline, output: Output) -> int:
        """Read an `exec:` service of `script` to its last line and return the exit code.

        Raises DisconnectedError when the stream ends before it, CommandTimeoutError.
        """
        mark = self._mark.encode()
        pid_line = re.compile(mark + rb":(\d+)\n")
        code_line = re.compile(rb"\n" + mark + rb":(\d+)\n")
        last_line = b"\n" + mark + b":end\n"
        unread = bytearray()
        code: int | None = None
        while True:
            unread += _more(connection, deadline)
            if self._pid is None:
                if not (first := pid_line.match(unread)):
                    continue
                self._pid = int(first[1])
                del unread[: first.end()]
            if code is None and (found := code_line.search(unread)):
                code = int(found[1])
                output.add("stdout", bytes(unread[: found.start()]))
                del unread[: found.end()]
            if code is not None and unread.endswith(last_line):
                output.add("stderr", bytes(unread[: -len(last_line)]))
                return code
            # What may be the beginning of an end line has to wait for its rest.
            safe = len(unread) - len(last_line) - 8
            if safe > 0:
                output.add("stdout" if code is None else "stderr", bytes(unread[:safe]))
                del unread[:safe]


def _more(connection: socket.socket, deadline: Deadline) -> bytes:
    data = receive(connection, _BLOCK_BYTES, deadline)
    if not data:
        raise DisconnectedError(
            "adb: the connection closed before the command told its exit code",
            hint="reconnect the device and run it again",
        )
    return data
