"""What adb says about a device that cannot be used, and what the user can do about it."""

from __future__ import annotations

from qbench.adb.server import RefusedError
from qbench.errors import (
    CommandError,
    DeviceError,
    DisconnectedError,
    NoDeviceError,
    UnauthorizedError,
)

_HINTS = {
    "offline": "unplug and replug the cable; over TCP: adb disconnect, then adb connect again",
    "unauthorized": "unlock the screen and accept this computer's key; if no dialog appears, "
    "revoke USB debugging authorizations in the developer options and replug",
    "authorizing": "the device is checking this computer's key; try again in a few seconds",
    "connecting": "the device is still connecting; try again in a few seconds",
    "recovery": "the device is in recovery mode; start Android: adb reboot",
    "sideload": "the device waits for a sideloaded update; start Android: adb reboot",
    "rescue": "the device is in rescue mode; start Android: adb reboot",
    "bootloader": "the device is in its bootloader; start Android: fastboot reboot",
    "no permissions": "this user may not open the USB device: add a udev rule for it "
    "(on Debian and Ubuntu: apt install android-sdk-platform-tools-common, join the group "
    "plugdev), then replug and restart the server: adb kill-server",
    "no device": "unplug and replug the cable",
    "detached": "another program holds the device: adb attach, or close that program",
    "host": "the other end is an adb server, not a device",
    "unknown": "restart the server: adb kill-server; then replug",
}


def hint_for_state(state: str) -> str | None:
    """What fixes a device state of `adb devices`; None for `device`."""
    if state == "device":
        return None
    return _HINTS.get(state, _HINTS["unknown"])


def explained(
    error: DeviceError,
    serial: str,
    command: str,
    *,
    stdout: bytes = b"",
    stderr: bytes = b"",
) -> DeviceError:
    """The same kind of error, told with the device, the command and what had been printed."""
    if isinstance(error, RefusedError):
        plain = error_for_refusal(error.reason, serial)
    else:
        detail = str(error).removeprefix("adb: ")
        plain = type(error)(f"device {serial}: {shortened(command)}: {detail}", hint=error.hint)
    plain.serial, plain.command, plain.stdout, plain.stderr = serial, command, stdout, stderr
    return plain


def shortened(command: str) -> str:
    """A command as one line of a message."""
    line = " ".join(command.split())
    return line if len(line) <= 80 else f"{line[:77]}..."


def error_for_refusal(reason: str, serial: str) -> DeviceError:
    """Our error for the text with which an adb server refuses a device or a service.

    Texts: AOSP adb/transport.cpp, acquire_one_transport.
    """
    line = reason.strip().splitlines()[0] if reason.strip() else "no reason given"
    message = f"device {serial}: {line}"
    if "not found" in reason or "no devices" in reason:
        return NoDeviceError(
            message,
            serial=serial,
            hint="see which devices are attached: qbench devices; a TCP device is forgotten when "
            "the adb server restarts: adb connect HOST:PORT",
        )
    if "more than one" in reason:
        return NoDeviceError(message, serial=serial, hint="name one: --serial SERIAL")
    if "unauthorized" in reason:
        return UnauthorizedError(message, serial=serial, hint=_HINTS["unauthorized"])
    if "permission" in reason:
        return UnauthorizedError(message, serial=serial, hint=_HINTS["no permissions"])
    for state in ("authorizing", "connecting", "offline"):
        if state in reason:
            return DisconnectedError(message, serial=serial, hint=_HINTS[state])
    if reason.strip() in ("closed", ""):
        return DisconnectedError(message, serial=serial, hint=_HINTS["offline"])
    return CommandError(message, serial=serial)
