"""What `qbench devices` tells of attached devices, and putting them back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
import msgspec

from qbench import profiles
from qbench.adb import listing
from qbench.adb.server import find_server, server_version
from qbench.cli import exit_codes, hardware
from qbench.errors import DeviceError
from qbench.records import DeviceProfile
from qbench.units import printable


class AttachedRow(msgspec.Struct, frozen=True):
    """`profile` None: none fits (or the device cannot be asked). `why`: why it cannot be used."""

    serial: str
    state: str
    model: str | None
    profile: str | None
    why: str | None
    hint: str | None

    @property
    def cells(self) -> tuple[str, str, str]:
        """Serial, state, and what is to be said of it."""
        if self.why is None:
            said = f"profile {self.profile or 'none: used with a generic one'}"
        else:
            said = "cannot be used" + (f": {self.why}" if self.why != self.state else "")
        words = (said, self.model or "")
        return printable(self.serial), self.state, printable("  ".join(w for w in words if w))


def rows() -> tuple[list[AttachedRow], list[DeviceProfile]]:
    """All attached devices in adb's order, and all profiles. Raises DeviceError, ProfileError."""
    known = [profiles.load(name) for name in profiles.names()]
    names = tuple(sorted({prop for p in known for prop in p.match.props}))
    return [_row(device, known, names) for device in listing.list_devices()], known


def render(rows: Sequence[AttachedRow], known: Sequence[DeviceProfile], *, as_json: bool) -> str:
    """Both lists, with the reason where nothing is attached. Raises DeviceError."""
    why = None if rows else _why_none()
    if as_json:
        body = {
            "schema_version": 1,
            "attached": [msgspec.structs.asdict(row) for row in rows],
            "why_none": why,
            "profiles": [{"name": p.name, "title": p.title, "soc": p.soc} for p in known],
        }
        return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
    lines = ["attached:" if rows else f"attached: none ({why})"]
    lines += _lines(rows)
    lines.append("profiles (--device NAME):")
    lines += [f"  {profile.name:<12} {profile.title} ({profile.soc})" for profile in known]
    return "\n".join(lines)


def _lines(rows: Sequence[AttachedRow]) -> Iterable[str]:
    """In columns; what helps stands below the device that it helps."""
    widths = [max(len(row.cells[column]) for row in rows) for column in (0, 1)] if rows else []
    for row in rows:
        serial, state, said = row.cells
        yield f"  {serial:<{widths[0]}}  {state:<{widths[1]}}  {said}"
        if row.hint:
            yield f"      hint: {printable(row.hint)}"


def _why_none() -> str:
    """What to do where nothing is attached. Raises DeviceError."""
    if server_version() is None:
        server = find_server()
        how = "adb start-server" if server.is_local else "start it on that machine"
        return f"no adb server runs at {server}: {how}"
    return "plug one in with USB debugging on, or: qbench virtual start --profile sd865"


def _row(
    device: listing.AttachedDevice, known: Sequence[DeviceProfile], names: Sequence[str]
) -> AttachedRow:
    model = device.props.get("model")
    if not device.is_usable:
        return AttachedRow(device.serial, device.state, model, None, device.state, device.hint)
    try:
        props = listing.get_props(device.serial, names)
    except DeviceError as error:  # one dead device must not hide the others
        return AttachedRow(device.serial, device.state, model, None, str(error), error.hint)
    fitting = [p.name for p in known if profiles.matches(p, props)]
    name = fitting[0] if len(fitting) == 1 else None
    return AttachedRow(device.serial, device.state, model, name, None, None)


def restore(serials: Sequence[str]) -> int:
    """Tells per device what was put back; the exit code is 3 when something was not."""
    from qbench.android.restore import restore as put_back

    code = exit_codes.DONE
    for serial in hardware.usable_serials(serials):
        contact = put_back(hardware.transport(serial))
        for name in contact.restored:
            click.echo(printable(f"{serial}: {name} put back"))
        for name in contact.not_restored:
            click.echo(printable(f"{serial}: {name} could NOT be put back; try again"), err=True)
            code = exit_codes.NO_DEVICE
        if not contact.restored and not contact.not_restored:
            click.echo(f"{serial}: nothing to put back")
    return code
