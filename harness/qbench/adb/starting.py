"""Start an adb server where none runs; find the adb program."""

from __future__ import annotations

import os
import re
import subprocess

from qbench.adb.deadline import Deadline
from qbench.adb.server import AdbServer, NoServerError, find_server, query
from qbench.errors import CommandError, CommandTimeoutError, DisconnectedError, NoDeviceError

_START_TIMEOUT_S = 20.0  # adb 36.0.0 takes 3 s on an idle machine


def ensure_server(*, host: str | None = None, port: int | None = None) -> AdbServer:
    """The address of a running server; one is started when it is to run on this machine.

    A server is left running, as `adb` leaves it. Raises NoDeviceError when it cannot be reached
    or started, CommandTimeoutError.
    """
    server = find_server(host=host, port=port)
    try:
        query(server, "host:version", Deadline(_START_TIMEOUT_S))
    except (NoServerError, DisconnectedError) as error:  # the latter: it is just ending
        if not server.is_local:
            raise NoDeviceError(str(error), hint=error.hint) from None
        start_server(server)
    return server


def start_server(server: AdbServer, *, program: str | None = None) -> None:
    """`adb start-server` on this machine. Raises CommandError, CommandTimeoutError."""
    program = program or find_program()
    command = [program, "-P", str(server.port), "start-server"]
    environment = {k: v for k, v in os.environ.items() if k != "ADB_SERVER_SOCKET"}
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_START_TIMEOUT_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandTimeoutError(
            f"adb server {server}: not started in {_START_TIMEOUT_S:g} s",
            command=" ".join(command),
        ) from None
    except OSError as error:
        raise CommandError(f"{program}: cannot be run: {error.strerror}") from None
    if ran.returncode != 0:
        said = ran.stdout.decode("utf-8", "replace").strip()
        raise CommandError(
            f"adb server {server}: did not start: {said.splitlines()[-1] if said else 'no reason'}",
            command=" ".join(command),
            stdout=ran.stdout,
            exit_code=ran.returncode,
        )


def find_program() -> str:
    """The adb program: $ADBUTILS_ADB_PATH, else from PATH, else the one adbutils brings."""
    from adbutils import adb_path  # type: ignore[import-untyped]

    return str(adb_path())


def program_version(program: str) -> str | None:
    """`36.0.0` of an adb program; None when it does not tell."""
    try:
        ran = subprocess.run(
            [program, "version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_START_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(rb"^Version (\d+\.\d+\.\d+)", ran.stdout, re.MULTILINE)
    return found[1].decode() if found else None
