"""What the daemon knows of the inside of its device: it is in there itself."""

from __future__ import annotations

from qbench.virtual import foreign
from qbench.virtual.config import VirtualConfig

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


def shell_argv(command: str) -> list[str]:
    """The program that runs `command` on the device; an interactive shell when empty."""
    return [_SHELL, "-c", command] if command else [_SHELL, "-"]


def shell_environment(config: VirtualConfig, instance: str, terminal: str | None) -> dict[str, str]:
    """The environment of adbd's shells. `instance` marks the processes of one device."""
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
        "HOSTNAME": config.serial,
        INSTANCE_VARIABLE: instance,
    }
    if config.binfmt_rules:
        values |= foreign.ENVIRONMENT
    return values | ({"TERM": terminal} if terminal else {})
