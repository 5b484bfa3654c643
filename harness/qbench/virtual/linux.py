"""The few system calls that Python 3.11 does not offer: unshare, mount, capset, prctl."""

from __future__ import annotations

import ctypes
import os
import signal
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000

MNT_DETACH = 2
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_RELATIME = 1 << 21
# Flags that keep their value from statvfs to mount; a bind in a user namespace must not lose them.
_SAME_FLAGS = 2 | 4 | 8 | 1024 | 2048  # nosuid, nodev, noexec, noatime, nodiratime
_ST_RELATIME = 4096

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    _checked("unshare", flags)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2). Raises OSError whose text names the target."""
    try:
        _checked(
            "mount",
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            options.encode() or None,
        )
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: {target}") from None


def bind(source: str, target: str, *, read_only: bool = False) -> None:
    """Show `source` (a folder or a file) at `target`."""
    mount(source, target, flags=MS_BIND | MS_REC)
    if read_only:
        remount_read_only(target)


def remount_read_only(target: str) -> None:
    """Make one bind mount read-only, whatever its file system is."""
    kept = os.statvfs(target).f_flag
    flags = MS_REMOUNT | MS_BIND | (kept & _SAME_FLAGS)
    if kept & _ST_RELATIME:
        flags |= MS_RELATIME
    mount("none", target, flags=flags | MS_RDONLY)


def detach(target: str) -> None:
    """Take away the uppermost mount there, whoever still uses it."""
    _checked("umount2", os.fsencode(target), MNT_DETACH)


def default_signals() -> None:
    """What the device's programs inherit. A host started by nohup ignores SIGHUP, and a shell
    that finds a signal ignored can neither get it nor trap it."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def die_with_parent(signal_number: int) -> None:
    _checked("prctl", _PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def set_process_name(name: str) -> None:
    _checked("prctl", _PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def drop_capabilities() -> None:
    """Give up every capability of this process."""
    header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_VERSION_3, 0))
    _checked("capset", header, ctypes.create_string_buffer(24))
