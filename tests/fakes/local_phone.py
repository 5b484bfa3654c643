"""A phone made of files: mksh and toybox run on a tree like Android's, in the place of a device.

The programs of Android itself (settings, dumpsys, cmd, getprop ...) are the virtual device's, with
their paths moved into the tree. `local_transport.LocalTransport` reaches it as adb would.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from qbench import assets, profiles, virtual
from qbench.records import DeviceProfile
from qbench.virtual import kernel

_USERLAND = Path(virtual.__file__).parent / "userland"
_MOVED = (
    *("/sys/", "/data/system", "/data/misc", "/data/app", "/.device", "/dev/__properties__"),
    "/system/build.prop",
)
_OURS = {"sha256sum"}  # toybox's own does
BOOT_ID = "proc/sys/kernel/random/boot_id"


def skip_without_userland() -> None:
    missing = [name for name in ("mksh", "toybox") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"NOT TESTED: apt-get install {' '.join(missing)}")


class LocalPhone:
    """The tree under `folder`, and how to run commands in it.

    `root` stands for `/` (with /sys, /proc, what `settings` keeps), `base` for
    /data/local/tmp/qbench.
    """

    def __init__(self, folder: Path, profile: str = "sd865") -> None:
        skip_without_userland()
        self.root = folder / "root"
        self.base = folder / "data/local/tmp/qbench"
        self.bin = folder / "bin"
        self.base.mkdir(parents=True)
        self.bin.mkdir()
        self._build_tree(profiles.load(profile))
        self._install_programs()
        self.environment = {
            "PATH": str(self.bin),
            "QBENCH_RUNNER_ROOT": str(self.root),
            "LC_ALL": "C",
        }

    def _build_tree(self, profile: DeviceProfile) -> None:
        for path, text in kernel.nodes(profile).items():
            place, name = path, path.rpartition("/")[2]
            if "/proc/" in path:  # `!` in a name stands for `/`
                place = f"proc/{name.replace('!', '/')}"
            node = self.root / place
            node.parent.mkdir(parents=True, exist_ok=True)
            node.write_text(text)
        for path, target in kernel.links().items():
            link = self.root / path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
        for name in ("uptime", "loadavg"):
            (self.root / "proc" / name).symlink_to(f"/proc/{name}")
        settings = (f"data/system/settings/{name}" for name in ("global", "secure", "system"))
        for name in (*settings, "data/misc/logd", "dev/__properties__", "system"):
            (self.root / name).mkdir(parents=True)
        props = kernel.props(profile, "local") | {"sys.boot_completed": "1"}
        (self.root / "system/build.prop").write_text(
            "".join(f"{name}={value}\n" for name, value in props.items())
        )

    def _install_programs(self) -> None:
        mksh, toybox = (shutil.which(name) for name in ("mksh", "toybox"))
        assert mksh is not None
        assert toybox is not None
        (self.bin / "sh").symlink_to(mksh)
        applets = subprocess.run([toybox], capture_output=True, text=True, check=True).stdout
        ours = {source.name for source in _USERLAND.iterdir()} - _OURS
        for applet in set(applets.split()) - ours - {"[", "su", "login", "reboot"}:
            (self.bin / applet).symlink_to(toybox)
        for name in ours:
            text = (_USERLAND / name).read_text().replace("/system/bin/sh", mksh)
            for path in _MOVED:
                text = text.replace(path, f"{self.root}{path}")
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

    def install_runner(self) -> str:
        """What the host pushes; returns the folder."""
        folder = self.base / "runner-test"
        folder.mkdir(exist_ok=True)
        for source in sorted(assets.folder("android_runner").glob("*.sh")):
            shutil.copyfile(source, folder / source.name)
        return str(folder)

    def spawn(self, *argv: str, **options: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            argv, env=self.environment, cwd=self.base, stdin=subprocess.DEVNULL, **options
        )

    def run(self, *argv: str, timeout_s: float = 20.0) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            argv,
            env=self.environment,
            cwd=self.base,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )

    def write(self, node: str, text: str) -> None:
        (self.root / node).write_text(text)

    def settings_of_device(self) -> dict[str, bytes]:
        """Every byte that a session could have changed: what has to be as before at its end."""
        found = {}
        for top in ("sys", "data/system"):
            for folder, _, files in os.walk(self.root / top):
                for name in files:
                    path = Path(folder) / name
                    found[str(path.relative_to(self.root))] = path.read_bytes()
        return found


def is_alive(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] != "Z"


def processes_of(phone: LocalPhone) -> list[int]:
    """All that run from this phone's tree: the runner, its watcher, the tool, their children."""
    mark = f"QBENCH_RUNNER_ROOT={phone.root}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def tools_that_run(phone: LocalPhone) -> list[int]:
    """Those of them that were started as `tool`."""
    found = []
    for pid in processes_of(phone):
        with contextlib.suppress(OSError):
            if is_alive(pid) and b"/tool\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found
