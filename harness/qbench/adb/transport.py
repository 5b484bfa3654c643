"""What the rest of qbench knows of one device: commands and files. Every call has a deadline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

OnOutput = Callable[[Literal["stdout", "stderr"], bytes], None]
OnProgress = Callable[[int, int], None]  # bytes done, bytes in all

Command = str | Sequence[str]  # a line for the device's shell, or arguments that are quoted for it


class Completed(msgspec.Struct, frozen=True):
    """A command that ran to its end on the device.

    `exit_code` is 128 + n when signal n ended it.
    """

    serial: str
    command: str
    stdout: bytes
    stderr: bytes
    exit_code: int

    @property
    def text(self) -> str:
        """Standard output as text, undecodable bytes replaced, line ends as on Unix."""
        return self.stdout.decode("utf-8", "replace").replace("\r\n", "\n")


class RemoteFile(msgspec.Struct, frozen=True):
    """An entry of a folder of the device. `modified_s`: seconds since 1970 by its clock."""

    name: str
    mode: int
    size_bytes: int
    modified_s: int


class Transport(Protocol):
    """One device.

    Raises of every method: NoDeviceError, UnauthorizedError, DisconnectedError,
    CommandTimeoutError; each carries serial, command and what had been printed until then.
    """

    @property
    def serial(self) -> str: ...

    def run(
        self,
        command: Command,
        *,
        timeout_s: float,
        check: bool = False,
        on_output: OnOutput | None = None,
    ) -> Completed:
        """Run a command to its end; its standard input is empty.

        `on_output` sees each piece as it arrives. With `check` an exit code other than 0 raises
        CommandError. At the deadline the shell gets SIGHUP; what it started may live on.
        """
        ...

    def push(
        self,
        source: Path | bytes,
        target: str,
        *,
        mode: int = 0o644,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Put a file on the device: whole, verified by SHA-256 and at once, or not at all.

        `timeout_s` None: by size, see `transfer_timeout_s`. Raises DeviceStorageError when there
        is no room, TransferError when it keeps arriving damaged, CommandError.
        """
        ...

    def pull(
        self,
        source: str,
        target: Path,
        *,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Fetch a file, with the same promises as `push`."""
        ...

    def list_folder(self, path: str, *, timeout_s: float) -> tuple[RemoteFile, ...]:
        """Entries of a folder by name; empty when it is not there."""
        ...


def transfer_timeout_s(size_bytes: int) -> float:
    """How long a transfer may take: half a minute, and one second for each 2 MB.

    The slowest link worth using, adb over a busy Wi-Fi, carries about that.
    """
    return 30 + size_bytes / 2e6
