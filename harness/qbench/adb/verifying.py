"""Hash a large file on the device while the rest of it is still on its way.

A shell there follows the file: at each line from the host it passes on what has arrived by then,
at the last one the rest, to one sha256sum. So nothing has to be known of how much is under way,
and what is left to do at the end is little.
"""

from __future__ import annotations

import shlex
import struct
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from qbench.adb.deadline import Deadline
from qbench.adb.server import receive_exactly, send
from qbench.errors import DeviceError

if TYPE_CHECKING:
    import socket

    from qbench.adb.device import AdbDevice

STEP_BYTES = 8 * 1024**2
WORTHWHILE_BYTES = 3 * STEP_BYTES  # a shell costs some milliseconds
_PACKET = struct.Struct("<BI")
_STDIN, _STDOUT = 0, 1
_LAST = b"last\n"


class Follower:
    """Has the device hash a file that grows there, from a thread of its own."""

    def __init__(self, device: AdbDevice, path: str, deadline: Deadline) -> None:
        self._device = device
        self._path = path
        self._deadline = deadline
        self._changed = threading.Condition()
        self._sent_bytes = 0
        self._is_complete = False
        self._is_given_up = False
        self._digest = ""
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._is_given_up = True
            self._changed.notify_all()
        self._thread.join()

    def sent(self, size_bytes: int) -> None:
        """So many more bytes were handed to the link."""
        with self._changed:
            self._sent_bytes += size_bytes
            self._changed.notify_all()

    def finish(self) -> str:
        """The device has all of it: its hash there; "" where it could not be followed."""
        with self._changed:
            self._is_complete = True
            self._changed.notify_all()
        self._thread.join()
        return self._digest

    def _work(self) -> None:
        try:
            self._digest = self._follow()
        except DeviceError:
            return  # the whole file is hashed afterwards

    def _follow(self) -> str:
        if not self._wait_for(2 * STEP_BYTES):  # by then the file is there
            return ""
        # A line that arrives damaged ends it too: then the hash is another, and nobody waits.
        passed_on = 'while read line; do cat <&3; [ "$line" = more ] || break; done'
        script = f"{{ {passed_on}; }} 3<{shlex.quote(self._path)} | sha256sum"
        with self._device.open(f"shell,v2,raw:{script}", self._deadline) as connection:
            asked_bytes = 2 * STEP_BYTES
            while self._wait_for(asked_bytes):
                line = _LAST if self._is_complete else b"more\n"
                send(connection, _PACKET.pack(_STDIN, len(line)) + line, self._deadline)
                if line == _LAST:
                    return _receive_line(connection, self._deadline).split()[0].decode()
                asked_bytes = self._sent_bytes + STEP_BYTES
        return ""

    def _wait_for(self, sent_bytes: int) -> bool:
        """Until so much was sent, or all; False: it is not wanted any more."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_given_up or self._is_complete or self._sent_bytes >= sent_bytes
            )
            return not self._is_given_up


def _receive_line(connection: socket.socket, deadline: Deadline) -> bytes:
    """What the shell prints: one line, or a message of something that went wrong."""
    line = b""
    while not line.endswith(b"\n"):
        kind, size = _PACKET.unpack(receive_exactly(connection, _PACKET.size, deadline))
        data = receive_exactly(connection, size, deadline)
        if kind != _STDOUT:
            return b"? "  # no hash
        line += data
    return line
