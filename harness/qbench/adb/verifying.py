"""Check a file on the device and give it its name, begun while it is still on its way.

One shell there is opened before the transfer. It follows the file: at each line from the host it
passes on what has arrived by then, at the last one the rest, to one sha256sum. So nothing has to
be known of how much is under way, what is left to do at the end is little, and starting the
programs costs no time of its own.
"""

from __future__ import annotations

import shlex
import struct
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from qbench.adb.server import send
from qbench.adb.shell import Output, run_with_protocol
from qbench.errors import CommandError

if TYPE_CHECKING:
    from qbench.adb.deadline import Deadline
    from qbench.adb.device import AdbDevice

Verdict = Literal["moved", "damaged", "unknown"]  # unknown: the device cannot hash
_VERDICTS: tuple[Verdict, ...] = ("moved", "damaged", "unknown")

STEP_BYTES = 8 * 1024**2
_PACKET = struct.Struct("<BI")
_STDIN = 0
_MORE, _LAST = "more", "last"


class Landing:
    """The file `part` of a device with shell_v2, that will be called `target` once it is whole."""

    def __init__(self, device: AdbDevice, part: str, target: str, deadline: Deadline) -> None:
        self._deadline = deadline
        self._connection = device.open(f"shell,v2,raw:{_script(part, target)}", deadline)
        self._untold_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()  # a shell that still waits for a line ends without a move

    def sent(self, size_bytes: int) -> None:
        """So many more bytes were handed to the link."""
        self._untold_bytes += size_bytes
        if self._untold_bytes >= STEP_BYTES:
            self._untold_bytes = 0
            self._tell(_MORE)

    def arrived(self) -> None:
        """The device has all of it."""
        self._tell(_LAST)

    def move(self, sha256: str) -> Verdict:
        """Move it if its hash is `sha256`. Raises CommandError with the reason if it cannot be."""
        self._tell(sha256)
        output = Output(None)
        run_with_protocol(self._connection, self._deadline, output)
        return verdict(output.stdout, output.stderr)

    def _tell(self, line: str) -> None:
        data = line.encode() + b"\n"
        send(self._connection, _PACKET.pack(_STDIN, len(data)) + data, self._deadline)


def _script(part: str, target: str) -> str:
    """A line that arrives damaged ends the hashing too early: another hash, and nobody waits."""
    here = shlex.quote(part)
    opening = f"[ -f {here} ] && exec 3<{here} && is_open=yes"
    follow = (
        f'while read -r line; do [ -n "$is_open" ] || {{ {opening}; }}; '
        f'[ -z "$is_open" ] || cat <&3; [ "$line" = {_MORE} ] || break; done'
    )
    return (
        f"hash=$({{ {follow}; }} | sha256sum); hash=${{hash%% *}}; "
        f'while read -r line && [ "$line" = {_MORE} -o "$line" = {_LAST} ]; do :; done; '
        '[ -n "$line" ] || exit 1; [ -n "$hash" ] || { echo unknown; exit 0; }; '
        f'[ "$hash" = "$line" ] || {{ echo damaged; exit 0; }}; {moving(part, target)}'
    )


def moving(part: str, target: str) -> str:
    """The commands that give `part` its name, and say so."""
    here, there = shlex.quote(part), shlex.quote(target)
    return (
        f"[ ! -d {there} ] || {{ echo it is a folder; exit 1; }}; "
        f"mv -f {here} {there} && echo moved"
    )


def verdict(stdout: bytes | bytearray, stderr: bytes | bytearray) -> Verdict:
    """What the device's shell said. Raises CommandError when it was none of the three words."""
    said = stdout.decode("utf-8", "replace").strip()
    for word in _VERDICTS:
        if said == word:
            return word
    reason = stderr.decode("utf-8", "replace").strip() or said or "nothing printed"
    raise CommandError(f"adb: cannot be put in its place: {reason}")
