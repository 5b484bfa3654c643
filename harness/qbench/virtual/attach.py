"""Attach virtual devices to the adb server, and take them off it."""

from __future__ import annotations

import contextlib

from qbench.adb.connecting import connect_tcp, disconnect_tcp
from qbench.adb.server import find_server, server_version
from qbench.adb.starting import ensure_server
from qbench.errors import DeviceError, UnauthorizedError
from qbench.virtual import instances
from qbench.virtual.config import Instance


def attach(instance: Instance) -> None:
    """`adb connect`, starting a server where none runs. A device that asks for its key to be
    accepted is attached too, as unauthorized. Raises DeviceError."""
    try:
        connect_tcp(ensure_server(), instance.address)
    except UnauthorizedError:
        return


def stop_and_detach(serial: str) -> None:
    """End a device and have the adb server forget it. Raises NoDeviceError, DeviceError."""
    address = instances.find(serial).address
    # The server first: one that sees a device vanish keeps it as offline and tries to get it back.
    with contextlib.suppress(DeviceError):  # a server in trouble does not keep the device
        if server_version() is not None:
            disconnect_tcp(find_server(), address)
    instances.stop(serial)


def free_serial(profile_name: str, taken: set[str]) -> str:
    """`sd865-1`, or the next number that is free."""
    number = 1
    while f"{profile_name}-{number}" in taken:
        number += 1
    return f"{profile_name}-{number}"
