"""The device's tree of files: an Android-like userland of mksh, toybox and small programs of ours.

Debian's toybox has no dd, tr, expr, awk or bc, as programs for the device must not need them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from qbench.errors import InputError
from qbench.virtual.config import VirtualConfig

FAKE_PROC = ".device/proc"  # files shown over /proc; `!` in a name stands for `/`
STATE = ".device"  # what the supervisor changes: props, thermal_status, boot_id

# Made at boot in what is mounted then; they belong to the shell user.
RUNTIME_FOLDERS = {
    "/data/local": 0o771,
    "/data/local/tmp": 0o771,
    "/data/media": 0o771,
    "/data/media/0": 0o771,
    "/data/app": 0o771,
    "/data/misc": 0o771,
    "/data/misc/apps": 0o771,  # pids of those that run
    "/data/misc/logd": 0o771,
    "/data/system": 0o771,
    "/data/system/settings": 0o771,
    **{f"/data/system/settings/{name}": 0o771 for name in ("global", "secure", "system")},
    "/dev/__properties__": 0o771,
}
_FOLDERS = (
    "system/bin",
    "system/etc",
    "system/lib64",
    "vendor/bin",
    "vendor/lib64",
    "product/bin",
    "data",
    "dev",
    "proc",
    "sys",
    "storage",
    FAKE_PROC,
)
_LINKS = {
    "bin": "/system/bin",
    "etc": "/system/etc",
    "sdcard": "/data/media/0",
    "d": "/sys/kernel/debug",
}
_NOT_ON_ANDROID = {"login", "mksh", "reboot", "su", "toybox"}
_SHELLS = ("/usr/lib/x86_64-linux-musl/bin/mksh", "/usr/lib/aarch64-linux-musl/bin/mksh")
# What programs that people bring for this machine need beside the C library.
_COMMON_LIBRARIES = (
    "libstdc++.so.6",
    "libgcc_s.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
)
_LIBRARY = re.compile(r"(/\S+) \(0x")


def build(config: VirtualConfig, nodes: dict[str, str], links: dict[str, str]) -> None:
    """Write the tree under `config.root`; `nodes` and `links` are those of /sys and /.device.

    Raises InputError when mksh or toybox is not installed, OSError.
    """
    mask = os.umask(0o022)  # the shell user reads all of it, whatever the caller's mask
    try:
        _write(config, nodes, links)
    finally:
        os.umask(mask)


def _write(config: VirtualConfig, nodes: dict[str, str], links: dict[str, str]) -> None:
    root = Path(config.root)
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, target in (_LINKS | links).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    _install_programs(root)
    for place in config.host_folders:
        point = root / place.lstrip("/")
        if Path(config.host_folders[place]).is_dir():
            point.mkdir(parents=True, exist_ok=True)
        else:
            point.parent.mkdir(parents=True, exist_ok=True)
            point.touch()
    props = "".join(f"{name}={value}\n" for name, value in config.props.items())
    (root / "system/build.prop").write_text(props)
    (root / "system/etc/passwd").write_text(
        "root:x:0:0::/:/system/bin/sh\nshell:x:2000:2000::/:/system/bin/sh\n"
    )
    (root / "system/etc/group").write_text("root:x:0:\nshell:x:2000:\n")
    for path, text in nodes.items():
        write_node(root, path, text)


def write_node(root: Path, path: str, text: str) -> None:
    """Change one kernel node from outside; a reader inside sees the old text or the new.

    `path` is relative to the tree. Files shown over /proc keep their inode, since they are mounted.
    """
    node = root / path
    if node.is_relative_to(root / FAKE_PROC) and node.exists():
        with node.open("r+") as file:
            file.write(text)
            file.truncate()
        return
    node.parent.mkdir(parents=True, exist_ok=True)
    fresh = node.with_name(f".{node.name}.new")
    fresh.write_text(text)
    fresh.chmod(0o444)
    fresh.rename(node)


def _install_programs(root: Path) -> None:
    programs = root / "system/bin"
    _install(root, _find_shell(), programs / "mksh")
    (programs / "sh").symlink_to("mksh")
    toybox = shutil.which("toybox")
    if toybox is None:
        raise InputError(
            "virtual device: toybox is not installed", hint="apt-get install mksh toybox"
        )
    _install(root, Path(toybox), programs / "toybox")
    applets = subprocess.run([toybox], capture_output=True, text=True, check=True).stdout.split()
    ours = {source.name: source for source in (Path(__file__).parent / "userland").iterdir()}
    openssl = shutil.which("openssl")
    if openssl is None:
        del ours["sha256sum"]  # toybox has one, only slower than a phone's
    else:
        _install(root, Path(openssl), root / ".device/openssl")
    for applet in set(applets) - _NOT_ON_ANDROID - set(ours):
        if not (programs / applet).is_symlink():
            (programs / applet).symlink_to("toybox")
    for name, source in ours.items():
        shutil.copyfile(source, programs / name)
        (programs / name).chmod(0o755)
    for name in ("benchmark_model", "benchmark_app"):  # what runs in the place of the app
        shutil.copyfile(Path(__file__).with_name(name), root / ".device" / name)
        (root / ".device" / name).chmod(0o755)


def _find_shell() -> Path:
    """mksh; a static build where there is one, since it starts faster."""
    for path in _SHELLS:
        if Path(path).is_file():
            return Path(path)
    found = shutil.which("mksh")
    if found is None:
        raise InputError(
            "virtual device: mksh is not installed", hint="apt-get install mksh toybox"
        )
    return Path(found)


def _install(root: Path, source: Path, target: Path) -> None:
    """Copy a program and the libraries that its loader will look for, at the same paths."""
    shutil.copyfile(source, target)
    target.chmod(0o755)
    listed = subprocess.run(["ldd", source], capture_output=True, text=True, check=False).stdout
    for library in _LIBRARY.findall(listed):
        for found in [Path(library), *(Path(library).parent / name for name in _COMMON_LIBRARIES)]:
            place = root / str(found).lstrip("/")
            if found.is_file() and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found, place)
                place.chmod(0o755)
