"""One device behind an adb server: the Transport that real phones and virtual devices share.

Connections are our own, one for each call, as `adb` itself makes them: adbutils asks the server
for its version before each call and sleeps 10 ms at each close, starts a local server silently
even for a remote address, and its timeouts count for each read, not in all.
"""

from __future__ import annotations

import functools
import shlex
import socket
from pathlib import Path

from qbench.adb import files, folders
from qbench.adb.deadline import Deadline
from qbench.adb.server import AdbServer, connect, query, receive, request
from qbench.adb.shell import MarkedCommand, Output, run_with_protocol
from qbench.adb.states import explained, shortened
from qbench.adb.transport import Command, Completed, OnOutput, OnProgress, RemoteFile
from qbench.clock import Clock, SystemClock
from qbench.errors import CommandError, CommandTimeoutError, DeviceError

WORK_FOLDER = "/data/local/tmp"  # where the shell user may write and execute, on every Android
_FEATURES_TIMEOUT_S = 10.0
_CLEANING_TIMEOUT_S = 2.0


class AdbDevice:
    """`qbench.adb.transport.Transport` of the device `serial`."""

    def __init__(self, serial: str, server: AdbServer, clock: Clock | None = None) -> None:
        self.serial = serial
        self.server = server
        self.clock = clock or SystemClock()

    @functools.cached_property
    def features(self) -> frozenset[str]:
        """What the device announced, e.g. `shell_v2`."""
        try:
            answer = query(
                self.server, f"host-serial:{self.serial}:features", Deadline(_FEATURES_TIMEOUT_S)
            )
        except DeviceError as error:
            raise explained(error, self.serial, "features") from None
        return frozenset(answer.strip().split(","))

    def run(
        self,
        command: Command,
        *,
        timeout_s: float,
        check: bool = False,
        on_output: OnOutput | None = None,
    ) -> Completed:
        line = command if isinstance(command, str) else shlex.join(command)
        deadline = Deadline(timeout_s)
        output = Output(on_output)
        try:
            code = self._run(line, deadline, output)
        except DeviceError as error:
            raise explained(
                error,
                self.serial,
                line,
                stdout=bytes(output.stdout),
                stderr=bytes(output.stderr),
            ) from None
        completed = Completed(
            serial=self.serial,
            command=line,
            stdout=bytes(output.stdout),
            stderr=bytes(output.stderr),
            exit_code=code,
        )
        return checked(completed) if check else completed

    def _run(self, line: str, deadline: Deadline, output: Output) -> int:
        if "shell_v2" in self.features:
            with self.open(f"shell,v2,raw:{line}", deadline) as connection:
                return run_with_protocol(connection, deadline, output)
        marked = MarkedCommand(line, WORK_FOLDER)
        try:
            with self.open(f"exec:{marked.script}", deadline) as connection:
                return marked.run(connection, deadline, output)
        except CommandTimeoutError:
            self._end(marked)
            raise

    def _end(self, marked: MarkedCommand) -> None:
        """Without the shell protocol nothing tells the shell that its host has gone."""
        if marked.cleaning is None:
            return
        deadline = Deadline(_CLEANING_TIMEOUT_S)
        try:
            with self.open(f"exec:{marked.cleaning}", deadline) as connection:
                receive(connection, 1, deadline)
        except DeviceError:
            return  # best effort: the timeout is what has to be told

    def open(self, service: str, deadline: Deadline) -> socket.socket:
        """A connection to a service of the device.

        Raises RefusedError with the server's or the device's reason, DisconnectedError,
        CommandTimeoutError.
        """
        connection = connect(self.server, deadline)
        try:
            request(connection, f"host:transport:{self.serial}", deadline)
            request(connection, service, deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    def push(
        self,
        source: Path | bytes,
        target: str,
        *,
        mode: int = 0o644,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
        sha256: str | None = None,
    ) -> None:
        """As Transport.push; `sha256`: the source's, when it is known already."""
        files.push(
            self,
            source,
            target,
            mode=mode,
            timeout_s=timeout_s,
            on_progress=on_progress,
            sha256=sha256,
        )

    def pull(
        self,
        source: str,
        target: Path,
        *,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        files.pull(self, source, target, timeout_s=timeout_s, on_progress=on_progress)

    def list_folder(self, path: str, *, timeout_s: float) -> tuple[RemoteFile, ...]:
        return folders.list_folder(self, path, timeout_s=timeout_s)


def checked(completed: Completed) -> Completed:
    """The same, if it ended with 0. Raises CommandError with what it printed."""
    if completed.exit_code == 0:
        return completed
    said = (completed.stderr or completed.stdout).decode("utf-8", "replace").strip()
    raise CommandError(
        f"device {completed.serial}: {shortened(completed.command)}: exit code "
        f"{completed.exit_code}: {said.splitlines()[-1] if said else 'nothing printed'}",
        serial=completed.serial,
        command=completed.command,
        stdout=completed.stdout,
        stderr=completed.stderr,
        exit_code=completed.exit_code,
    )
