"""What a host may open on the device, by the name in its OPEN packet (AOSP adb/SERVICES.TXT)."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from qbench.virtual import forward, shell, sync

if TYPE_CHECKING:
    from qbench.virtual.connection import Connection
    from qbench.virtual.stream import Stream

Service = Callable[["Connection", "Stream"], Awaitable[None]]

_REFUSED_RESTARTS = {
    "root": "adbd cannot run as root in production builds\n",
    "unroot": "adbd not running as root\n",
    "remount": 'Not running as root. Try "adb root" first.\n',
    "usb": "restarting in USB mode\n",
    "tcpip": "restarting in TCP mode\n",
}
_ANSWER_BEFORE_REBOOT_S = 0.05  # adb reboot waits for the stream to close


def find_service(name: str) -> Service | None:
    """The service behind `kind[,option...]:argument`; None: adbd would refuse it."""
    kind, _, argument = name.partition(":")
    kind, *options = kind.split(",")
    if kind == "shell":
        return functools.partial(shell.serve, options=tuple(options), command=argument)
    if kind == "exec":
        return functools.partial(shell.serve, options=("raw",), command=argument)
    if kind == "sync":
        return sync.serve
    if kind == "reboot":
        return _reboot
    if kind in ("tcp", "localabstract", "localfilesystem", "localreserved"):
        return functools.partial(forward.connect, kind=kind, address=argument)
    if kind == "reverse":
        return functools.partial(forward.reverse, request=argument)
    if kind in _REFUSED_RESTARTS:
        return functools.partial(_say, text=_REFUSED_RESTARTS[kind])
    return None


async def _say(_connection: Connection, stream: Stream, *, text: str) -> None:
    await stream.write(text.encode())


async def _reboot(connection: Connection, _stream: Stream) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(_ANSWER_BEFORE_REBOOT_S, connection.device.ask_for_reboot)
