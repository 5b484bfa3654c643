"""The backend of every (device, origin) that a plan names."""

from __future__ import annotations

from collections.abc import Sequence

from qbench import profiles
from qbench.backend import Backend
from qbench.cli import hardware
from qbench.clock import Clock
from qbench.errors import PlanError
from qbench.records import Case, DeviceInfo, Origin, PlannedRun, SessionInfo

Key = tuple[str, Origin]  # of a backend: the device's name in the plan, and the origin

HARDWARE = (Origin.DEVICE, Origin.EMULATED)


def of_this_machine(key: Key, clock: Clock) -> Backend:
    """The host, or a simulated device. Raises ProfileError, PlanError."""
    device, origin = key
    if origin is Origin.HOST:
        from qbench.host import HostBackend

        return HostBackend(clock)
    if origin is Origin.SIMULATED:
        from qbench.simulator import SimulatorBackend

        return SimulatorBackend(profiles.load(device))
    raise PlanError(f"{device}: {origin} is not an origin of this machine")


def of_device(
    key: Key, info: SessionInfo, runs: Sequence[tuple[PlannedRun, Case]], clock: Clock
) -> Backend:
    """An attached device, which is told all `runs` at once.

    It must be the device that the session was made with. Raises PlanError, DeviceError.
    """
    from qbench.adb.cache import DeviceCache
    from qbench.android.backend import AndroidBackend
    from qbench.android.options import load

    serial = _serial(key, info.devices)
    device = hardware.transport(serial)
    options = load(info.device_options)
    return AndroidBackend(
        device,
        DeviceCache(device, quota_bytes=options.cache_bytes),
        clock=clock,
        reconnect=hardware.reconnect(device),
        session=info.session_id,
        runs=runs,
        options=hardware.with_stand_ins(options),
        notify=hardware.say,
    )


def _serial(key: Key, devices: Sequence[DeviceInfo]) -> str:
    for info in devices:
        if (info.name, info.origin) == key and info.serial is not None:
            return info.serial
    raise PlanError(f"{key[0]}: the session does not say which attached device this is")
