"""Who a device says it is, and which profile it fits. A device that nobody has described is not
refused: it gets a profile made of what it tells."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec

from qbench import profiles
from qbench.adb.listing import read_props
from qbench.adb.transport import Transport
from qbench.errors import DeviceError
from qbench.formats.runner import Core, Snapshot
from qbench.records import (
    Android,
    Cluster,
    CoreType,
    Cpu,
    DeviceInfo,
    DeviceProfile,
    Match,
    Memory,
    Npu,
    NpuRoute,
    Origin,
)

_PROPS_S = 15.0
_ATTEMPTS = 3
# adb notices no flipped bit, and one of them would make another device of this.
_GETPROP = (
    'p=$(getprop); print -r -- "$p"; s=$(print -r -- "$p" | sha256sum); print "sum ${s:-none}"'
)
_FIRST_NNAPI_API = 27  # Android 8.1
# What the least of the 64-bit ARM cores has: one 128-bit multiply-add a cycle, four floats.
_LEAST_MACS_PER_CYCLE = 4
# One channel of LPDDR3-1600 with 32 bits, as the smallest phones have.
_LEAST_BANDWIDTH_BYTES_PER_S = 6_400_000_000


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A device and the profile that it is taken for. `is_known`: a profile describes it."""

    info: DeviceInfo
    profile: DeviceProfile
    is_known: bool
    props: dict[str, str]

    @property
    def is_virtual(self) -> bool:
        return self.info.origin is Origin.EMULATED

    @property
    def is_emulator(self) -> bool:
        """One of qbench's virtual devices, or an emulator such as Android Studio's."""
        told = self.props.get
        hardware = told("ro.hardware", "") + " " + told("ro.boot.hardware", "")
        return (
            self.is_virtual
            or told("ro.kernel.qemu") == "1"
            or told("ro.boot.qemu") == "1"
            or any(name in hardware for name in ("goldfish", "ranchu", "vbox", "cutf"))
        )

    @property
    def lock_name(self) -> str:
        """What is the same whether it hangs on USB or on the network."""
        return self.props.get("ro.serialno") or self.info.serial or self.info.name


def read_identity(transport: Transport) -> Identity:
    """Ask the device; one round trip. Raises DeviceError."""
    for _ in range(_ATTEMPTS):
        answer = transport.run(_GETPROP, timeout_s=_PROPS_S)
        text, _, told = answer.stdout.rpartition(b"sum ")
        digest = told.split()[0].decode("ascii", "replace") if told.split() else ""
        if answer.exit_code == 0 and digest in ("none", hashlib.sha256(text).hexdigest()):
            props = read_props(text.decode("utf-8", "replace"))
            if props:
                return identify(props, transport.serial)
    raise DeviceError(
        f"device {transport.serial}: getprop tells nothing that can be read",
        serial=transport.serial,
        command="getprop",
        stdout=answer.stdout,
        stderr=answer.stderr,
        exit_code=answer.exit_code,
    )


def identify(props: Mapping[str, str], serial: str) -> Identity:
    """Who these system properties are of. A device that no profile fits, or several, gets one of
    its own and a warning."""
    fitting = [p for p in map(profiles.load, profiles.names()) if _fits(p, props)]
    model = props.get("ro.product.model") or "device of no name"
    soc = _soc(props)
    warnings: tuple[str, ...] = ()
    if len(fitting) == 1:
        profile = fitting[0]
    else:
        profile = generic_profile(props)
        names = ", ".join(p.name for p in fitting)
        why = f"several profiles fit: {names}" if fitting else "no device profile describes it"
        warnings = (
            f"{model} ({soc or 'a chip of no name'}): {why}; what is expected of it is not known",
        )
    api_level = _api_level(props)
    release = props.get("ro.build.version.release")
    info = DeviceInfo(
        name=profile.name,
        title=f"{props.get('ro.product.manufacturer', '')} {model}".strip(),
        origin=Origin.EMULATED if props.get("ro.qbench.virtual") == "1" else Origin.DEVICE,
        os=f"Android {release} (API {api_level})" if release and api_level else None,
        profile=profile.name if len(fitting) == 1 else None,
        serial=serial,
        soc=soc,
        board=props.get("ro.board.platform") or props.get("ro.product.board") or None,
        abi=props.get("ro.product.cpu.abi") or None,
        api_level=api_level,
        fingerprint=props.get("ro.build.fingerprint") or None,
        warnings=warnings,
    )
    return Identity(info=info, profile=profile, is_known=len(fitting) == 1, props=dict(props))


def _fits(profile: DeviceProfile, props: Mapping[str, str]) -> bool:
    return profiles.matches(profile, props)


def generic_profile(props: Mapping[str, str], cores: tuple[Core, ...] = ()) -> DeviceProfile:
    """A profile of what any Android device has, its clusters from what it tells of its cores.

    Its rates are the least that a device can have: good for running, not for simulating.
    """
    name = _slug(props.get("ro.product.model", "")) or "android"
    clusters = _clusters(cores) or (
        Cluster(name="all", core_type="unknown", cores=(0,), max_khz=None),
    )
    api_level = _api_level(props)
    routes = {}
    if api_level is not None and api_level >= _FIRST_NNAPI_API:
        routes["nnapi"] = NpuRoute(dtypes=("int8", "uint8", "float16", "float32"))
    return DeviceProfile(
        schema_version=profiles.SCHEMA_VERSION,
        name=name,
        title=props.get("ro.product.model") or "Android device",
        soc=_soc(props) or "unknown",
        match=Match(props={}),
        cpu=Cpu(
            clusters=clusters,
            core_types={"unknown": CoreType(fp32_macs_per_cycle=_LEAST_MACS_PER_CYCLE)},
            default_threads=min(4, sum(len(cluster.cores) for cluster in clusters)),
        ),
        memory=Memory(bandwidth_bytes_per_s=_LEAST_BANDWIDTH_BYTES_PER_S),
        npu=Npu(name="unknown", routes=routes) if routes else None,
        android=(
            Android(release=props.get("ro.build.version.release", ""), api_level=api_level)
            if api_level
            else None
        ),
    )


def with_cores(identity: Identity, snapshot: Snapshot) -> Identity:
    """The same, its profile's clusters from the device's own cores if nobody has described it."""
    if identity.is_known:
        return identity
    profile = generic_profile(identity.props, snapshot.cores)
    return msgspec.structs.replace(identity, profile=profile)


def _clusters(cores: tuple[Core, ...]) -> tuple[Cluster, ...]:
    by_clock: dict[int, list[int]] = {}
    for core in cores:
        if core.hardware_max_khz:
            by_clock.setdefault(core.hardware_max_khz, []).append(core.number)
    return tuple(
        Cluster(name=f"cores{numbers[0]}", core_type="unknown", cores=tuple(numbers), max_khz=khz)
        for khz, numbers in sorted(by_clock.items(), reverse=True)
    )


def _soc(props: Mapping[str, str]) -> str | None:
    """ro.soc.model is there since Android 12; before, makers use names of their own."""
    for name in ("ro.soc.model", "ro.board.platform", "ro.hardware.chipname", "ro.hardware"):
        if props.get(name):
            return props[name]
    return None


def _api_level(props: Mapping[str, str]) -> int | None:
    text = props.get("ro.build.version.sdk", "")
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,2}", text) else None


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40]
