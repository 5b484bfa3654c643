"""Enter the device: namespaces, mounts and chroot into its tree; and what only pid 1 may do there.

Works as root and, where the kernel lets users make namespaces, as anybody: the caller's uid is
then the device's. Not as root, `/data` is a tmpfs all the same, so its ENOSPC is a real one.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
from pathlib import Path

from qbench.virtual import foreign, linux
from qbench.virtual.config import DEVICE_NODES, SHELL_UID, VirtualConfig
from qbench.virtual.tree import FAKE_PROC, RUNTIME_FOLDERS

_EVERYBODY = "0 0 65536"


def unshare_all(uid: int, *, needs_own_users: bool = False) -> None:
    """New mount, pid, uts and ipc namespaces for the children of this process.

    `uid` is what an unprivileged caller becomes inside; root keeps all users, in a namespace of
    their own only if `needs_own_users`. Raises OSError where it is forbidden.
    """
    outside_uid, outside_gid = os.getuid(), os.getgid()
    flags = linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC | linux.CLONE_NEWPID
    if outside_uid == 0 and not needs_own_users:
        linux.unshare(flags)
        return
    if outside_uid == 0:
        _unshare_with_all_users(flags)
        return
    linux.unshare(flags | linux.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{uid} {outside_gid} 1")


def _unshare_with_all_users(flags: int) -> None:
    """A map of many users can only be written from outside: by a child that stays there."""
    reading, writing = os.pipe()
    pid = os.getpid()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.read(reading, 1)
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{pid}/{name}").write_text(_EVERYBODY)
            code = 0
        finally:
            os._exit(code)
    linux.unshare(flags | linux.CLONE_NEWUSER)
    os.write(writing, b"1")
    for end in (reading, writing):
        os.close(end)
    if os.waitpid(child, 0)[1] != 0:
        raise PermissionError("the users of the new namespace could not be set")


def enter(config: VirtualConfig) -> None:
    """Build the mounts and chroot; for pid 1 of the new namespaces. Raises OSError."""
    root = config.root
    is_root_outside = os.getuid() == 0
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.bind(root, root)
    # The knobs of the kernel: their own mode decides who may write, as on a phone.
    linux.bind(f"{root}/sys", f"{root}/sys")
    linux.remount_read_only(root)
    size = f"size={config.data_bytes},mode=771"
    linux.mount("tmpfs", f"{root}/data", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, size)
    linux.mount("proc", f"{root}/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV)
    for fake in sorted(Path(root, FAKE_PROC).iterdir()):
        linux.bind(str(fake), f"{root}/proc/{fake.name.replace('!', '/')}")
    for place, source in config.host_folders.items():
        linux.bind(source, root + place, read_only=True)
    if config.binfmt_rules:
        foreign.register(f"{root}/proc", config.binfmt_rules)
    _make_devices(f"{root}/dev")
    socket.sethostname(config.serial)
    os.chroot(root)
    os.chdir("/")
    os.umask(0)  # as adbd: what a shell makes is rw-rw-rw-
    for name, mode in RUNTIME_FOLDERS.items():
        Path(name).mkdir(mode=mode)
        if is_root_outside:
            os.chown(name, config.uid, config.uid)


def _make_devices(folder: str) -> None:
    linux.mount("tmpfs", folder, "tmpfs", linux.MS_NOSUID, "size=64k,mode=755")
    for name in DEVICE_NODES:
        Path(folder, name).touch()
        linux.bind(f"/dev/{name}", f"{folder}/{name}")
    Path(folder, "pts").mkdir()
    linux.mount("devpts", f"{folder}/pts", "devpts", options="newinstance,ptmxmode=0666,mode=620")
    Path(folder, "ptmx").symlink_to("pts/ptmx")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        Path(folder, name).symlink_to(f"/proc/self/fd/{number}")
    Path(folder, "fd").symlink_to("/proc/self/fd")


def why_forbidden() -> str | None:
    """What keeps this process from making a jail; None: nothing does. Tried in a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        reason = ""
        try:
            unshare_all(SHELL_UID)
            if (inner := os.fork()) == 0:
                os._exit(_try_mounts(writing))
            os.waitpid(inner, 0)
        except OSError as error:
            reason = error.strerror or str(error)
        os.write(writing, reason.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        reason = pipe.read().decode()
    os.waitpid(child, 0)
    return reason or None


def _try_mounts(writing: int) -> int:
    try:
        linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
        linux.mount("tmpfs", "/mnt", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "size=4k")
        linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV)
    except OSError as error:
        os.write(writing, (error.strerror or str(error)).encode())
    return 0


def become(uid: int) -> None:
    """Turn into the user that adbd runs as: `shell` on a device as sold, else root."""
    if uid != SHELL_UID:
        return
    if os.getuid() == 0:
        os.setgroups([uid])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    linux.drop_capabilities()


def kill_others(spared_pid: int) -> None:
    """SIGKILL to every process of the device but this one (its pid 1) and `spared_pid`."""
    if os.getpid() != 1:
        raise RuntimeError("only pid 1 of a device may end everything in it")
    for _ in range(100):
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        others = [pid for pid in pids if pid not in (1, spared_pid) and not _is_zombie(pid)]
        if not others:
            return
        for pid in others:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True


def set_data_read_only(is_read_only: bool) -> None:
    """By a second mount over /data: the first cannot be made read-only while a file in it is open
    for writing, and then it goes on being written; whoever opens one now gets EROFS."""
    if bool(os.statvfs("/data").f_flag & os.ST_RDONLY) == is_read_only:
        return
    if is_read_only:
        linux.bind("/data", "/data", read_only=True)
    else:
        linux.detach("/data")


def forget_runtime(root: str = "") -> None:
    """What a reboot clears: properties that were set, the log, modes that are kept in memory."""
    for folder in ("dev/__properties__", "data/misc/apps", "data/misc/logd"):
        for file in Path(f"{root}/{folder}").iterdir():
            file.unlink()
    Path(f"{root}/data/system/fixed_performance_mode").unlink(missing_ok=True)


_FILLER = Path("/data/.filler")


def fill_data(left_bytes: int) -> None:
    """Leave only so much room on /data, for everybody."""
    empty_data()
    while (taken_bytes := _room_bytes() - left_bytes) > 0:
        try:
            with _FILLER.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, taken_bytes)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            empty_data()  # somebody wrote since the look, so there is less to take
        else:
            return


def _room_bytes() -> int:
    found = os.statvfs("/data")
    return found.f_bavail * found.f_frsize


def empty_data() -> None:
    _FILLER.unlink(missing_ok=True)
