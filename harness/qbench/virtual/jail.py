"""How the daemon reaches the inside of its device: paths, commands, environment."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from qbench.virtual.config import DEVICE_NODES, VirtualConfig

_SHELL = "/system/bin/sh"
# Android 13's default PATH (system/core/rootdir/init.environ.rc.in).
_PATH = ":".join(
    (
        "/product/bin",
        "/apex/com.android.runtime/bin",
        "/apex/com.android.art/bin",
        "/system_ext/bin",
        "/system/bin",
        "/system/xbin",
        "/odm/bin",
        "/vendor/bin",
        "/vendor/xbin",
    )
)
INSTANCE_VARIABLE = "QBENCH_VIRTUAL_INSTANCE"


class Jail(Protocol):
    """`working_folder` and what `host_path` returns are as this process sees the file system."""

    @property
    def working_folder(self) -> str: ...

    def host_path(self, path: str, *, follow: bool = False) -> str:
        """Where the device's `path` lies; `follow`: the target of a link in the last part."""
        ...

    def shell_argv(self, command: str) -> list[str]:
        """The program that runs `command` on the device; an interactive shell when empty."""
        ...

    def environment(self, terminal: str | None) -> dict[str, str]: ...


def _environment(serial: str, instance: str, terminal: str | None) -> dict[str, str]:
    values = {
        "PATH": _PATH,
        "ANDROID_ROOT": "/system",
        "ANDROID_DATA": "/data",
        "ANDROID_STORAGE": "/storage",
        "EXTERNAL_STORAGE": "/sdcard",
        "HOME": "/",
        "USER": "shell",
        "LOGNAME": "shell",
        "SHELL": _SHELL,
        "TMPDIR": "/data/local/tmp",
        "HOSTNAME": serial,
        INSTANCE_VARIABLE: instance,
    }
    return values | ({"TERM": terminal} if terminal else {})


class NamespaceJail:
    """The process itself is inside: the kernel resolves every path in the device's tree."""

    working_folder = "/"

    def __init__(self, serial: str, instance: str) -> None:
        self._serial = serial
        self._instance = instance

    def host_path(self, path: str, *, follow: bool = False) -> str:
        return path

    def shell_argv(self, command: str) -> list[str]:
        return [_SHELL, "-c", command] if command else [_SHELL, "-"]

    def environment(self, terminal: str | None) -> dict[str, str]:
        return _environment(self._serial, self._instance, terminal)


class ProotJail:
    """Each command runs under proot (ptrace), where namespaces are forbidden.

    Less than the real jail: /data has no size of its own and /proc is the host's.
    """

    def __init__(self, proot: str, config: VirtualConfig, instance: str) -> None:
        self.working_folder = config.root
        self._proot = proot
        self._root = Path(config.root)
        self._config = config
        self._instance = instance

    def host_path(self, path: str, *, follow: bool = False) -> str:
        """Links are resolved within the tree, so that none leads out of it."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        at: list[str] = []
        links_left = 40  # as the kernel's limit
        while parts:
            part = parts.pop(0)
            if part == "..":
                at = at[:-1]
                continue
            here = self._root.joinpath(*at, part)
            if here.is_symlink() and (parts or follow) and links_left:
                links_left -= 1
                target = str(here.readlink())
                parts = [p for p in target.split("/") if p not in ("", ".")] + parts
                at = [] if target.startswith("/") else at
            else:
                at.append(part)
        return str(self._root.joinpath(*at))

    def shell_argv(self, command: str) -> list[str]:
        binds = ["-b", "/proc"]
        for node in DEVICE_NODES:
            binds += ["-b", f"/dev/{node}"]
        for fake in sorted((self._root / ".device" / "proc").iterdir()):
            binds += ["-b", f"{fake}:/proc/{fake.name.replace('!', '/')}"]
        for place, source in self._config.host_folders.items():
            binds += ["-b", f"{source}:{place}"]
        inner = [_SHELL, "-c", command] if command else [_SHELL, "-"]
        identity = f"{self._config.uid}:{self._config.uid}"
        return [self._proot, "-r", str(self._root), *binds, "-i", identity, "-w", "/", *inner]

    def environment(self, terminal: str | None) -> dict[str, str]:
        # Seccomp acceleration breaks proot 5.1 on recent kernels; plain ptrace always works.
        serial = self._config.serial
        return _environment(serial, self._instance, terminal) | {"PROOT_NO_SECCOMP": "1"}
