"""Virtual devices for tests, attached to a private adb server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from fakes.adb_servers import adb_server, programs, skip_without_userland
from qbench.adb.connecting import connect_tcp, wait_until_usable
from qbench.adb.device import AdbDevice
from qbench.adb.server import AdbServer
from qbench.errors import UnauthorizedError
from qbench.virtual import instances
from qbench.virtual.config import Instance
from qbench.virtual.start import describe, start


class Adb(NamedTuple):
    """An adb program and its running server."""

    program: str
    server: AdbServer


class Phone:
    """One virtual device: as qbench sees it, as the adb program does, and from behind."""

    def __init__(self, instance: Instance, adb: Adb) -> None:
        self.instance = instance
        self.serial = instance.address
        self.device = AdbDevice(instance.address, adb.server)
        self._adb = adb

    def adb(
        self, *arguments: str, stdin: bytes = b"", timeout_s: float = 60.0
    ) -> subprocess.CompletedProcess[bytes]:
        port = str(self._adb.server.port)
        return subprocess.run(
            [self._adb.program, "-P", port, "-s", self.serial, *arguments],
            input=stdin,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )

    def ask(self, op: str, **arguments: object) -> dict[str, Any]:
        return instances.ask(self.instance.serial, op, **arguments)

    def shell(self, command: str) -> str:
        return self.device.run(command, timeout_s=60, check=True).text.strip()


@contextmanager
def adb_of(version: str, folder: Path) -> Iterator[Adb]:
    """The server of an adb version; skips, loudly, where that adb is not installed."""
    skip_without_userland()
    known = programs()
    if version not in known:
        pytest.skip(
            f"NOT TESTED: adb {version} is not there; apt-get install adb (29), adbutils (36)"
        )
    with pytest.MonkeyPatch.context() as patch, adb_server(known[version], folder) as server:
        patch.setenv("QBENCH_VIRTUAL_HOME", str(folder / "virtual"))
        patch.setenv("HOME", str(folder))
        yield Adb(known[version], server)


@contextmanager
def phone(adb: Adb, serial: str, *, is_connected: bool = True, **changes: Any) -> Iterator[Phone]:
    """A running device of profile sd865 with a short boot, attached to the server."""
    settings = {"boot_s": 0.1, "data_bytes": 64 * 1024**2} | changes
    config = msgspec.structs.replace(describe("sd865", serial), **settings)
    instance = start(config)
    try:
        if is_connected:
            connect_tcp(adb.server, instance.address)
        yield Phone(instance, adb)
    finally:
        if serial in {each.serial for each in instances.running()}:
            instances.stop(serial)


def wait_until_accepted(device: AdbDevice, timeout_s: float = 60.0) -> None:
    """Until a device that has just accepted a key is usable: it is told as unauthorized for a
    moment more, which for qbench is somebody who has not agreed."""
    end_s = device.clock.monotonic_s() + timeout_s
    while True:
        try:
            wait_until_usable(device, timeout_s=timeout_s)
        except UnauthorizedError:
            if device.clock.monotonic_s() > end_s:
                raise
            device.clock.sleep_s(0.05)
        else:
            return


def descendants(pid: int) -> list[int]:
    """All processes below one, by /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
