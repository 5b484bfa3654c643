"""Which attached device is meant; says in one line why there is none."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from qbench import profiles
from qbench.adb import listing
from qbench.adb.connecting import choose, wait_until_usable
from qbench.adb.device import AdbDevice
from qbench.adb.server import find_server
from qbench.android.identity import Identity, read_identity
from qbench.android.link import Reconnect
from qbench.android.options import Options
from qbench.errors import DeviceError, NoDeviceError
from qbench.records import DeviceProfile
from qbench.units import printable

HOST = "host"
_HOW = "attach one: enable USB debugging on it, plug it in, accept the key, and check `adb devices`"


class Attached(msgspec.Struct, frozen=True):
    """A device that can be used, and who it is."""

    serial: str
    identity: Identity


class Place(msgspec.Struct, frozen=True):
    """Where to run: `attached` devices of `profile`, or none and `why`. No profile: this host."""

    profile: DeviceProfile | None
    attached: tuple[Attached, ...] = ()
    why: str | None = None


def find(device: str | None, serials: Sequence[str], *, required: bool) -> Place:
    """The place that `--device` and `--serial` mean; tells on stderr when a device is missing.

    `device` is a profile's name or file, an attached device's serial, or `host`. Raises
    ProfileError, and NoDeviceError (if `required`, if a serial is not attached, or if several
    devices fit and none is named).
    """
    if device in (None, HOST) and not serials:
        return Place(None)
    attached = _attached(serials)
    if device in (None, HOST) or device in [d.serial for d in listing.list_devices()]:
        chosen = attached if serials else _attached([str(device)])
        return Place(chosen[0].identity.profile, chosen)
    profile = profiles.load(str(device))
    place = _fitting(profile, attached, bool(serials))
    if place.attached:
        return place
    if required:
        raise NoDeviceError(f"{profile.name}: {place.why}", hint=_HOW)
    say(f"{profile.name}: {place.why}, so it is simulated ({_HOW}; or --require-hardware to fail)")
    return place


def transport(serial: str) -> AdbDevice:
    return AdbDevice(serial, find_server())


def reconnect(device: AdbDevice) -> Reconnect:
    return lambda left_s: wait_until_usable(device, timeout_s=left_s)


def with_stand_ins(options: Options) -> Options:
    """The same, with what virtual devices run where the user names nothing else."""
    from qbench.virtual import app, host_python, instances

    apk = app.write_stand_in(instances.home()) if options.is_app else None
    return msgspec.structs.replace(options, virtual_binary=host_python.STAND_IN, virtual_apk=apk)


def usable_serials(serials: Sequence[str]) -> list[str]:
    """Those named, each checked; without names all that can be used. Raises DeviceError."""
    found = listing.list_devices()
    if serials:
        return [choose(found, serial).serial for serial in serials]
    return [device.serial for device in found if device.is_usable]


def say(text: str) -> None:
    click.echo(printable(text), err=True)


def _attached(serials: Sequence[str]) -> tuple[Attached, ...]:
    """Devices that answer; a named one that does not is an error, another one is passed over."""
    found = []
    for serial in _usable_or_none(serials):
        try:
            found.append(Attached(serial, read_identity(transport(serial))))
        except DeviceError as error:
            if serials:
                raise
            say(f"{serial}: passed over: {error}")
    return tuple(found)


def _usable_or_none(serials: Sequence[str]) -> list[str]:
    try:
        return usable_serials(serials)
    except DeviceError as error:
        if serials:
            raise
        say(f"attached devices cannot be listed: {error}")
        return []


def _fitting(profile: DeviceProfile, attached: tuple[Attached, ...], are_named: bool) -> Place:
    fitting = tuple(a for a in attached if profiles.matches(profile, a.identity.props))
    if len(fitting) > 1 and not are_named:
        names = ", ".join(a.serial for a in fitting)
        raise NoDeviceError(
            f"{profile.name}: {len(fitting)} attached devices fit: {names}",
            hint="name one, or several to run on all of them at once: --serial SERIAL",
        )
    if fitting:
        return Place(profile, fitting)
    everything = [f"{d.serial} ({d.state})" for d in _listed()]
    if not everything:
        return Place(profile, (), "no device is attached")
    return Place(profile, (), f"no attached device matches; attached: {', '.join(everything)}")


def _listed() -> Sequence[listing.AttachedDevice]:
    try:
        return listing.list_devices()
    except DeviceError:
        return ()  # said already
