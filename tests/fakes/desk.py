"""A desk with an adb server, virtual devices and a terminal: `qbench` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from fakes.virtual_phones import Adb
from qbench.adb.connecting import connect_tcp, disconnect_tcp
from qbench.adb.device import AdbDevice
from qbench.virtual import instances
from qbench.virtual.config import Instance
from qbench.virtual.start import describe, start

PREDICTOR = "qbench.cli.virtual_predictor:predict_p50_us"
_HARNESS = Path(__file__).resolve().parents[2] / "harness"
# What a session may change, and everything beside it: Android's settings, clocks, GPU.
_SETTINGS = ("data/system", "sys/devices/system/cpu", "sys/class/kgsl/kgsl-3d0")
_MOVING = ("scaling_cur_freq", "gpubusy", "gpu_busy_percentage", "temp")


class Desk:
    """`folder` has the home, the caches and the locks of everything that runs here."""

    def __init__(self, adb: Adb, folder: Path) -> None:
        self.adb = adb
        self.folder = folder
        self.environment = {
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_HARNESS),
            "TMPDIR": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "QBENCH_VIRTUAL_HOME": str(instances.home()),
            "ANDROID_ADB_SERVER_PORT": str(adb.server.port),
            "ADBUTILS_ADB_PATH": adb.program,
            "LANG": "C.UTF-8",
        }

    def begin(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "qbench", *arguments],
            env=self.environment,
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def qbench(
        self, *arguments: str, cwd: Path | None = None, timeout_s: float = 240.0
    ) -> subprocess.CompletedProcess[str]:
        """To its end; killed after `timeout_s`, which raises TimeoutExpired."""
        process = self.begin(*arguments, cwd=cwd)
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        finally:
            process.kill()
            process.wait()
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    @contextmanager
    def phone(self, serial: str, profile: str = "sd865", **changes: Any) -> Iterator[Instance]:
        """A running device, attached unless it asks for a key."""
        settings = {"predictor": PREDICTOR, "boot_s": 0.2} | changes
        config = msgspec.structs.replace(describe(profile, serial), **settings)
        instance = start(config)
        try:
            connect_tcp(self.adb.server, instance.address)
            yield instance
        finally:
            if serial in {each.serial for each in instances.running()}:
                instances.stop(serial)
            disconnect_tcp(self.adb.server, instance.address)

    def shell(self, instance: Instance, command: str) -> str:
        device = AdbDevice(instance.address, self.adb.server)
        return device.run(command, timeout_s=60, check=True).text


def inside(serial: str) -> Path:
    """The root of a running device's tree, seen from here. Needs the device not to be paused."""
    status = instances.ask(serial, "status")
    if instances.find(serial).jail == "proot":
        return Path(status["root"])
    return Path(f"/proc/{status['daemon_pid']}/root")


def settings_of(serial: str) -> dict[str, bytes]:
    """Every file in which a setting of the device is kept, to the byte."""
    root = inside(serial)
    found: dict[str, bytes] = {}
    for start_at in _SETTINGS:
        for folder, _, files in os.walk(root / start_at):
            for name in files:
                path = Path(folder) / name
                # What the virtual kernel is about to put in a node's place is not yet a file.
                is_passing = name.startswith(".") and name.endswith(".new")
                if name not in _MOVING and not is_passing and path.is_file():
                    found[str(path.relative_to(root))] = path.read_bytes()
    return found


def left_behind(serial: str) -> list[str]:
    """What a session that has ended leaves on a device: nothing but the cache and the runner."""
    base = inside(serial) / "data/local/tmp/qbench"
    names = [*base.glob("active*"), *base.glob("journal*"), *base.glob("sessions/*")]
    return sorted(str(name.relative_to(base)) for name in names)
