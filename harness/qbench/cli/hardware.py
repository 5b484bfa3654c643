"""Is a device attached that fits the profile? Says so in one line."""

from __future__ import annotations

import click

from qbench import profiles
from qbench.adb import listing
from qbench.errors import DeviceError, NoDeviceError
from qbench.records import DeviceProfile

_HOW = "attach one: enable USB debugging on it, plug it in, accept the key, and check `adb devices`"


def look_for(profile: DeviceProfile, *, required: bool) -> None:
    """Tell on stderr what was found. Raises NoDeviceError if `required` and nothing fits."""
    what = _found(profile)
    if required:
        raise NoDeviceError(f"{profile.name}: {what}", hint=_HOW)
    click.echo(
        f"{profile.name}: {what}, so it is simulated ({_HOW}; or --require-hardware to fail)",
        err=True,
    )


def _found(profile: DeviceProfile) -> str:
    """Why no attached device can be used for `profile`, in words."""
    try:
        devices = listing.list_devices()
        if not devices:
            return "no device is attached"
        fitting = [d.serial for d in devices if d.is_usable and _fits(profile, d.serial)]
    except DeviceError as exc:
        return f"attached devices cannot be listed ({exc})"
    if fitting:
        return f"{fitting[0]} is attached, but this version of qbench cannot measure on it yet"
    states = ", ".join(f"{d.serial} ({d.state})" for d in devices)
    return f"no attached device matches; attached: {states}"


def _fits(profile: DeviceProfile, serial: str) -> bool:
    return profiles.matches(profile, listing.get_props(serial, tuple(profile.match.props)))
