"""The device that a calibration is of: which one, what prices are for, where they go."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qbench import profiles, thiscpu
from qbench.backend import Backend
from qbench.cli import backends, hardware
from qbench.clock import Clock, SystemClock
from qbench.errors import PlanError, ProfileError
from qbench.records import Case, DeviceInfo, DeviceProfile, Origin, PlannedRun, SessionInfo
from qbench.simulator.calibration import document
from qbench.store import SCHEMA_VERSION


class Target(msgspec.Struct, frozen=True):
    """The device, what prices are for, and where they go. `serial` None: this machine."""

    profile: DeviceProfile
    fingerprint: str
    path: Path
    serial: str | None
    info: DeviceInfo

    def with_cores_that_ran(self) -> DeviceProfile:
        """The device's profile; of a virtual one with this machine's cores, which do its work:
        their tiles, caches and peaks."""
        if self.info.origin is not Origin.EMULATED:
            return self.profile
        return msgspec.structs.replace(self.profile, cpu=profiles.load(profiles.HOST).cpu)

    def attached(self, cases: Sequence[Case], clock: Clock) -> Backend:
        """The attached device with its whole list of runs."""
        info = SessionInfo(
            schema_version=SCHEMA_VERSION,
            session_id=uuid.uuid4().hex,
            name="calibrate",
            created_at=clock.utc_now().isoformat(timespec="seconds"),
            qbench_version="",
            command=tuple(sys.argv),
            devices=(self.info,),
            device_options={"cool_least_s": 0.0},
        )
        runs = [(PlannedRun(number, case.case_id, 0), case) for number, case in enumerate(cases)]
        return backends.of_device((self.info.name, self.info.origin), info, runs, clock)


def find(device: str, wanted: str | None, out: Path | None) -> Target:
    """Raises ProfileError, PlanError (no such device to measure), DeviceError."""
    if device == hardware.HOST:
        profile = profiles.load(wanted or profiles.HOST)
        if profile.name != profiles.HOST:
            raise PlanError(
                f"{profile.name}: this machine is not such a device",
                hint="leave --profile out, or name an attached device with --device",
            )
        info = backends.of_this_machine((hardware.HOST, Origin.HOST), SystemClock()).describe()
        fingerprint = thiscpu.fingerprint()
        path = out or _default_path(profile, fingerprint)
        return Target(profile, fingerprint, path, None, info)
    place = hardware.find(device, (), required=True)
    if len(place.attached) != 1:
        raise PlanError(f"{device}: {len(place.attached)} devices fit, and one is needed")
    attached = place.attached[0]
    info = attached.identity.info
    profile = profiles.load(wanted) if wanted else attached.identity.profile
    if wanted is None and not attached.identity.is_known:
        raise ProfileError(
            f"{attached.serial}: no profile fits this device",
            hint="write one (device_profiles/README.md) and name it with --profile",
        )
    fingerprint = f"{info.origin.value}; {info.soc}; {info.fingerprint}"
    path = out or _default_path(profile, fingerprint)
    return Target(profile, fingerprint, path, attached.serial, info)


def _default_path(profile: DeviceProfile, fingerprint: str) -> Path:
    return document.user_folder() / document.file_name(profile.name, fingerprint)
