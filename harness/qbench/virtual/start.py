"""From a profile to a running virtual device."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import msgspec

from qbench import profiles
from qbench.errors import DeviceError, InputError
from qbench.virtual import foreign, host_python, inside, instances, kernel, tree
from qbench.virtual.config import ROOT_UID, SHELL_UID, Instance, VirtualConfig


def describe(profile_name: str, serial: str) -> VirtualConfig:
    """A device of the profile, as sold; change it with `msgspec.structs.replace`.

    Raises ProfileError, InputError for a serial that cannot be one.
    """
    profile = profiles.load(profile_name)
    power_mw = profile.thermal.sustained_power_mw if profile.thermal else None
    return VirtualConfig(
        serial=serial,
        profile=profile_name,
        root=str(instances.folder_of(serial) / "root"),
        props=kernel.props(profile, serial),
        max_khz=kernel.max_khz(profile),
        host_folders=host_python.folders(),
        full_load_w=power_mw / 1000 if power_mw is not None else None,
    )


def configure(
    profile_name: str,
    serial: str,
    *,
    features: str | None = None,
    rooted: bool = False,
    sysroot: Path | None = None,
    **settings: object,
) -> VirtualConfig:
    """A device as asked for on a command line: `features` with commas; `settings` of
    VirtualConfig, None for its default. Raises as `describe` and `with_sysroot`."""
    changes = {name: value for name, value in settings.items() if value is not None}
    changes["uid"] = ROOT_UID if rooted else SHELL_UID
    if features is not None:
        changes["features"] = tuple(filter(None, features.split(",")))
    config = msgspec.structs.replace(describe(profile_name, serial), **changes)
    return config if sysroot is None else with_sysroot(config, sysroot)


def with_sysroot(config: VirtualConfig, sysroot: Path) -> VirtualConfig:
    """The same, with an Android tree whose ARM programs run through qemu. Raises InputError."""
    return msgspec.structs.replace(
        config,
        host_folders=config.host_folders | foreign.folders(sysroot.resolve()),
        binfmt_rules=foreign.interpreters(),
        jail="namespaces",
    )


def start(config: VirtualConfig) -> Instance:
    """Build the tree, start the processes and wait until adb servers can connect.

    Raises DeviceError (it runs already, no jail can be made here), InputError (a program that the
    tree needs is not installed, not on Linux), CommandTimeoutError.
    """
    if sys.platform != "linux":
        raise InputError(
            f"virtual device {config.serial}: needs Linux, this is {sys.platform}",
            hint="attach a phone, or start an emulator of Android Studio",
        )
    folder = instances.folder_of(config.serial)
    if instances.load(folder) is not None:
        raise DeviceError(
            f"virtual device {config.serial}: runs already",
            serial=config.serial,
            hint=f"another --serial, or: qbench virtual stop {config.serial}",
        )
    _make_home(folder.parent)
    if folder.exists():  # left by one that was killed
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    try:
        profile = profiles.load(config.profile)
        nodes = kernel.nodes(profile)
        nodes[inside.CONFIG] = msgspec.json.encode(config).decode()
        if config.predictor is not None:
            nodes[kernel.PREDICTOR] = f"{config.predictor}\n"
        tree.build(config, nodes, kernel.links())
        return instances.launch(config)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _make_home(home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise InputError(
            f"{home}: belongs to another user", hint="set QBENCH_VIRTUAL_HOME to a folder of yours"
        )
