"""Which devices a running adb server knows, and what they are. Never starts a server."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from qbench.adb.deadline import Deadline
from qbench.adb.server import (
    NoServerError,
    RefusedError,
    connect,
    find_server,
    query,
    receive,
    request,
)
from qbench.adb.states import error_for_refusal, hint_for_state

# `devices -l` prints `%-22s %s` and then ` key:value` pairs (AOSP adb/transport.cpp,
# append_transport). A serial may hold spaces (mDNS names: `adb-1234 (2)._adb-tls-connect._tcp`),
# so the line is split at the first state that adb knows.
_STATES = (
    "device|offline|unauthorized|authorizing|connecting|recovery|sideload|rescue|bootloader|host|"
    "detached|no permissions|no device|unknown"
)
_LINE = re.compile(rf"(?P<serial>.+?)\s+(?P<state>{_STATES})\b(?P<rest>.*)")
_PROP = re.compile(r"(?:^|\s)([a-z_]+):(\S+)")
_GETPROP_LINE = re.compile(r"^\[([^\]\n]+)\]: \[(.*?)\]\r?$", re.MULTILINE | re.DOTALL)


class AttachedDevice(msgspec.Struct, frozen=True):
    """One line of `adb devices -l`.

    `props` has what adb adds: product, model, device, transport_id, usb. Only `state == "device"`
    can be used.
    """

    serial: str
    state: str
    props: dict[str, str]

    @property
    def is_usable(self) -> bool:
        return self.state == "device"

    @property
    def hint(self) -> str | None:
        """What the user can do about the state; None when nothing is wrong."""
        return hint_for_state(self.state)


def read_devices(text: str) -> tuple[AttachedDevice, ...]:
    """The answer to `host:devices-l`. Lines that are none of a device's are left out."""
    devices = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            continue
        # "no permissions (missing udev rules? ...); see [http://...]" holds colons of its own.
        rest = match["rest"].rpartition("]")[2]
        devices.append(
            AttachedDevice(
                serial=match["serial"], state=match["state"], props=dict(_PROP.findall(rest))
            )
        )
    return tuple(devices)


def list_devices(
    *, host: str | None = None, port: int | None = None, timeout_s: float = 5.0
) -> tuple[AttachedDevice, ...]:
    """The devices of a running adb server, in its order; empty when there are none.

    Empty too when no server is running: `qbench.adb.server.server_version` tells the two apart.
    Raises CommandTimeoutError when the server does not answer, InputError for a bad address.
    """
    try:
        return read_devices(
            query(find_server(host=host, port=port), "host:devices-l", Deadline(timeout_s))
        )
    except NoServerError:
        return ()


def read_props(text: str) -> dict[str, str]:
    """The output of `getprop` without arguments: `[name]: [value]`, values may span lines."""
    return dict(_GETPROP_LINE.findall(text))


def get_props(
    serial: str,
    names: Sequence[str],
    *,
    host: str | None = None,
    port: int | None = None,
    timeout_s: float = 5.0,
) -> dict[str, str]:
    """Values of the system properties `names` of one device; those not set there are absent.

    One round trip whatever the number of names. Raises NoDeviceError, UnauthorizedError,
    DisconnectedError, CommandTimeoutError, each with the serial.
    """
    deadline = Deadline(timeout_s)
    output = bytearray()
    try:
        with connect(find_server(host=host, port=port), deadline) as connection:
            request(connection, f"host:transport:{serial}", deadline)
            request(connection, "shell:getprop", deadline)
            while data := receive(connection, 65536, deadline):
                output += data
    except RefusedError as refusal:
        raise error_for_refusal(refusal.reason, serial) from None
    props = read_props(output.decode("utf-8", "replace"))
    return {name: props[name] for name in names if name in props}
