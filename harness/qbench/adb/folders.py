"""What is in a folder of the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbench.adb import sync
from qbench.adb.deadline import Deadline
from qbench.adb.states import explained
from qbench.adb.transport import RemoteFile
from qbench.errors import DeviceError

if TYPE_CHECKING:
    from qbench.adb.device import AdbDevice


def list_folder(device: AdbDevice, path: str, *, timeout_s: float) -> tuple[RemoteFile, ...]:
    """Entries by name; empty when the folder is not there or cannot be read."""
    deadline = Deadline(timeout_s)
    try:
        with device.open("sync:", deadline) as connection:
            is_v2 = "ls_v2" in device.features
            found = list(sync.entries(connection, path, deadline, is_v2=is_v2))
    except DeviceError as error:
        raise explained(error, device.serial, f"list {path}") from None
    return tuple(sorted(found, key=lambda file: file.name))
