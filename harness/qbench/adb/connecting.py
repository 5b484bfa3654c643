"""Choose a device, connect one over TCP, and wait for one that was lost."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qbench.adb.deadline import Deadline
from qbench.adb.device import AdbDevice
from qbench.adb.listing import AttachedDevice, list_devices
from qbench.adb.server import AdbServer, NoServerError, query
from qbench.adb.starting import start_server
from qbench.clock import Clock
from qbench.errors import (
    CommandTimeoutError,
    DeviceError,
    DisconnectedError,
    NoDeviceError,
    UnauthorizedError,
)

_TCP_SERIAL = re.compile(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):\d+")
_POLL_S = 0.1
# A dead link is to be noticed soon, and a slow one (or a busy machine) to be waited for.
_FIRST_QUESTION_S, _LAST_QUESTION_S = 2.0, 16.0
_CONNECT_S = 12.0  # adb gives up on a device that does not answer after 10 s


def choose(devices: Sequence[AttachedDevice], serial: str | None) -> AttachedDevice:
    """The device to use: the one named, else the only usable one.

    Raises NoDeviceError (none, several, or none of that name), UnauthorizedError, DisconnectedError
    for one in a state that cannot be used, each with what fixes it.
    """
    if serial is not None:
        named = [device for device in devices if device.serial == serial]
        if not named:
            known = ", ".join(device.serial for device in devices) or "none"
            raise NoDeviceError(
                f"device {serial}: not attached; attached: {known}",
                serial=serial,
                hint="plug it in with USB debugging on, or over TCP: adb connect HOST:PORT",
            )
        return _usable(named[0])
    usable = [device for device in devices if device.is_usable]
    if len(usable) == 1:
        return usable[0]
    if usable:
        raise NoDeviceError(
            f"device: {len(usable)} are attached: " + ", ".join(device.serial for device in usable),
            hint="name one: --serial SERIAL",
        )
    if devices:
        return _usable(devices[0])
    raise NoDeviceError(
        "device: none is attached", hint="plug one in and turn on USB debugging on it"
    )


def _usable(device: AttachedDevice) -> AttachedDevice:
    if device.is_usable:
        return device
    kind: type[DeviceError] = DisconnectedError
    if device.state in ("unauthorized", "no permissions"):
        kind = UnauthorizedError
    raise kind(f"device {device.serial}: {device.state}", serial=device.serial, hint=device.hint)


def is_tcp(serial: str) -> bool:
    """Whether the serial is an address that `adb connect` takes."""
    return _TCP_SERIAL.fullmatch(serial) is not None


def connect_tcp(server: AdbServer, address: str, *, timeout_s: float = _CONNECT_S) -> None:
    """`adb connect ADDRESS`, told by what it prints: its exit code is 0 for every failure.

    Raises UnauthorizedError, DisconnectedError, CommandTimeoutError.
    """
    said = query(server, f"host:connect:{address}", Deadline(timeout_s)).strip()
    if said.startswith(("connected to", "already connected to")):
        return
    message = f"device {address}: {said.splitlines()[0] if said else 'adb connect said nothing'}"
    if "authenticate" in said:
        raise UnauthorizedError(
            message, serial=address, hint="accept this computer's key on the device's screen"
        )
    raise DisconnectedError(
        message, serial=address, hint="is the device on, in this network, and adb over TCP enabled?"
    )


def disconnect_tcp(server: AdbServer, address: str, *, timeout_s: float = 5.0) -> None:
    """`adb disconnect ADDRESS`; nothing to do when it is not connected."""
    try:
        query(server, f"host:disconnect:{address}", Deadline(timeout_s))
    except DeviceError as error:
        if "no such device" not in str(error):
            raise


def wait_until_usable(device: AdbDevice, *, timeout_s: float) -> None:
    """Until a device that was lost can be used again.

    A TCP device is disconnected and connected anew, since adb itself tries again only every 10 s
    (adb 29.0.6) or 3 s (36.0.0) and forgets it when the server restarts. Raises
    UnauthorizedError, and CommandTimeoutError with the last state seen.
    """
    clock: Clock = device.clock
    end_s = clock.monotonic_s() + timeout_s
    state = "not attached"
    question_s = _FIRST_QUESTION_S
    while (left_s := end_s - clock.monotonic_s()) > 0:
        try:
            found = list_devices(
                host=device.server.host, port=device.server.port, timeout_s=min(5.0, left_s)
            )
            state = next((d.state for d in found if d.serial == device.serial), "not attached")
            if state == "device":
                if _answers(device, min(question_s, left_s)):
                    return
                question_s = min(2 * question_s, _LAST_QUESTION_S)
            if state == "unauthorized":
                choose(found, device.serial)
            if is_tcp(device.serial):
                disconnect_tcp(device.server, device.serial)
                connect_tcp(device.server, device.serial, timeout_s=left_s)
        except NoServerError as error:
            state = str(error)
            if device.server.is_local:
                start_server(device.server)
        except (DisconnectedError, CommandTimeoutError) as error:
            state = str(error)
        clock.sleep_s(_POLL_S)
    raise CommandTimeoutError(
        f"device {device.serial}: not back in {timeout_s:g} s: {state}",
        serial=device.serial,
        hint="unplug and replug the cable, or restart the device",
    )


def _answers(device: AdbDevice, timeout_s: float) -> bool:
    """The server shows `device` for a moment after the link has died: ask the device itself."""
    try:
        device.run("true", timeout_s=timeout_s)
    except DeviceError:
        return False
    return True
