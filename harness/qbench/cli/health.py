"""The lines of `qbench doctor`: this machine's adb first, then every device."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from qbench.adb import listing
from qbench.adb.server import find_server, server_version
from qbench.adb.starting import find_program, program_version
from qbench.cli import hardware
from qbench.errors import DeviceError, NoDeviceError
from qbench.units import printable

if TYPE_CHECKING:
    from rich.console import Console


class Line(msgspec.Struct, frozen=True):
    """One finding. `where` is a serial, or `adb`; `status` ok, warning or problem."""

    where: str
    name: str
    status: str
    text: str
    fix: str | None = None


def examine(
    device: str | None, serials: Sequence[str], device_options: Mapping[str, object]
) -> list[Line]:
    """Never raises for what is wrong with a device: that is a line."""
    lines = _adb()
    if lines[-1].status == "problem":
        return lines
    attached = listing.list_devices()
    # Of a profile that is asked for, one that cannot be asked may be just that device.
    unusable = [d for d in attached if not d.is_usable and (not serials or d.serial in serials)]
    usable: list[str] = []
    try:
        usable = _usable(device, serials, {d.serial for d in unusable})
        if not attached:
            fix = "plug a device in and turn on USB debugging on it, or: qbench virtual start"
            lines.append(Line("adb", "devices", "problem", "no device is attached", fix))
    except NoDeviceError as error:
        lines.append(Line("adb", "devices", "problem", str(error), error.hint))
    lines += [Line(d.serial, "state", "problem", d.state, d.hint) for d in unusable]
    for serial in usable:
        lines += _device(serial, device_options)
    return lines


def _usable(device: str | None, serials: Sequence[str], unusable: Collection[str]) -> list[str]:
    """Those to look at. Raises NoDeviceError for one that is named and is not there."""
    if device is not None and not serials:
        return [a.serial for a in hardware.find(device, (), required=True).attached]
    named = [serial for serial in serials if serial not in unusable]
    return hardware.usable_serials(named) if named or not serials else []


def _adb() -> list[Line]:
    try:
        program = find_program()
        version = program_version(program) or "of no known version"
        lines = [Line("adb", "program", "ok", f"{program}, {version}")]
    except (DeviceError, RuntimeError) as error:  # adbutils' own error when there is none
        return [
            Line(
                "adb", "program", "problem", str(error), "apt install adb, or pip install adbutils"
            )
        ]
    server = find_server()
    try:
        protocol = server_version()
    except DeviceError as error:
        return [*lines, Line("adb", "server", "problem", f"{server}: {error}", error.hint)]
    if protocol is None:
        fix = "adb start-server"
        return [*lines, Line("adb", "server", "problem", f"none runs at {server}", fix)]
    return [*lines, Line("adb", "server", "ok", f"{server}, protocol version {protocol}")]


def _device(serial: str, device_options: Mapping[str, object]) -> list[Line]:
    from qbench.adb.cache import DeviceCache
    from qbench.android import doctor
    from qbench.android.options import load
    from qbench.clock import SystemClock

    transport = hardware.transport(serial)
    try:
        checks = doctor.examine(
            transport,
            DeviceCache(transport),
            clock=SystemClock(),
            reconnect=hardware.reconnect(transport),
            options=hardware.with_stand_ins(load(device_options)),
        )
    except DeviceError as error:
        return [Line(serial, "contact", "problem", str(error), error.hint)]
    return [Line(serial, c.name, c.status.value, c.text, c.fix) for c in checks]


_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


def print_lines(console: Console, lines: Sequence[Line]) -> None:
    from itertools import groupby

    from rich.table import Table
    from rich.text import Text

    for where, found in groupby(lines, key=lambda line: line.where):
        console.print(Text(printable(where), style="bold"))
        table = Table.grid(padding=(0, 1), expand=False)
        table.add_column(width=1)
        table.add_column(width=max(map(len, _STYLES)))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")  # an address is told whole
        for line in found:
            status = Text(line.status, style=_STYLES[line.status])
            table.add_row("", status, Text(printable(line.name)), Text(printable(line.text)))
            if line.fix:
                table.add_row("", "", "", Text(printable(f"fix: {line.fix}"), style="italic"))
        console.print(table)
