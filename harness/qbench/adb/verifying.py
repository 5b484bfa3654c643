"""Check a large file on the device while the rest of it is still on its way.

One shell there reads block after block and prints its SHA-256, asked by the host once the block
must have arrived. A device that is asked too early prints another hash; then the whole file is
checked afterwards, as a small one is.
"""

from __future__ import annotations

import shlex
import struct
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from qbench.adb.deadline import Deadline
from qbench.adb.hashing import SourceHash
from qbench.adb.server import receive_exactly, send
from qbench.errors import DeviceError

if TYPE_CHECKING:
    import socket

    from qbench.adb.device import AdbDevice

BLOCK_BYTES = 32 * 1024**2
# What may be under way: adb with delayed_ack has up to 32 MiB of a stream in flight.
MARGIN_BYTES = 40 * 1024**2
WORTHWHILE_BYTES = BLOCK_BYTES + MARGIN_BYTES
_PACKET = struct.Struct("<BI")
_STDIN, _STDOUT = 0, 1


class BlockCheck:
    """Compares the device's hash of each block with ours, in a thread of its own."""

    def __init__(self, device: AdbDevice, path: str, deadline: Deadline, ours: SourceHash) -> None:
        self._device = device
        self._path = path
        self._deadline = deadline
        self._ours = ours
        self._changed = threading.Condition()
        self._sent_bytes = 0
        self._total_bytes: int | None = None
        self._is_given_up = False
        self._is_equal = False
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

    def finish(self, total_bytes: int) -> bool:
        """The device has all of it: whether every block is equal. False also for `not known`."""
        with self._changed:
            self._total_bytes = total_bytes
            self._changed.notify_all()
        self._thread.join()
        return self._is_equal

    def _work(self) -> None:
        try:
            self._is_equal = self._compare()
        except DeviceError:
            self._is_equal = False

    def _compare(self) -> bool:
        if self._size_of_block(0) is None:
            return False
        script = f"while read n; do head -c $n <&3 | sha256sum; done 3<{shlex.quote(self._path)}"
        with self._device.open(f"shell,v2,raw:{script}", self._deadline) as connection:
            number = 0
            while size_bytes := self._size_of_block(number):
                line = b"%d\n" % size_bytes
                send(connection, _PACKET.pack(_STDIN, len(line)) + line, self._deadline)
                there = _receive_line(connection, self._deadline).split()[0].decode()
                if there != self._ours.block(number):
                    return False
                number += 1
        return not self._is_given_up

    def _size_of_block(self, number: int) -> int | None:
        """Waits until the block must be on the device; None or 0: there is none."""
        start, end = number * BLOCK_BYTES, (number + 1) * BLOCK_BYTES
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._is_given_up
                    or self._total_bytes is not None
                    or self._sent_bytes >= end + MARGIN_BYTES
                )
            )
            if self._is_given_up:
                return None
            if self._total_bytes is None:
                return BLOCK_BYTES
            return max(0, min(BLOCK_BYTES, self._total_bytes - start))


def _receive_line(connection: socket.socket, deadline: Deadline) -> bytes:
    """The next line of the shell's output; it prints nothing but lines, one for each request."""
    line = b""
    while not line.endswith(b"\n"):
        kind, size = _PACKET.unpack(receive_exactly(connection, _PACKET.size, deadline))
        data = receive_exactly(connection, size, deadline)
        if kind != _STDOUT:
            return b"? "  # an error message or the end: no hash
        line += data
    return line
