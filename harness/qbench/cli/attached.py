"""What `qbench devices` tells of attached devices, and putting them back."""

from __future__ import annotations

from collections.abc import Sequence

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
    def text(self) -> str:
        words = [self.serial, self.state]
        if self.why is None:
            words.append(f"profile {self.profile or 'none: used with a generic one'}")
        else:
            words += [f"cannot be used: {self.why}"] + ([f"({self.hint})"] if self.hint else [])
        return printable("  ".join(w for w in (*words, self.model or "") if w))


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
    lines += [f"  {row.text}" for row in rows]
    lines.append("profiles (--device NAME):")
    lines += [f"  {profile.name:<12} {profile.title} ({profile.soc})" for profile in known]
    return "\n".join(lines)


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
