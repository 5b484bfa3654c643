"""Virtual devices of this user: start, find, ask, stop. One folder each, beside one another."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from qbench.errors import CommandTimeoutError, DeviceError, InputError, NoDeviceError
from qbench.virtual.config import Instance, VirtualConfig

CONFIG_FILE = "config.json"
INSTANCE_FILE = "instance.json"
CONTROL_SOCKET = "control"
LOG_FILE = "log.txt"
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STOP_S = 5.0
_REQUEST_S = 10.0


def home() -> Path:
    """Where the folders of this user's virtual devices are; QBENCH_VIRTUAL_HOME changes it."""
    chosen = os.environ.get("QBENCH_VIRTUAL_HOME")
    if chosen:
        return Path(chosen)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) if runtime else Path(tempfile.gettempdir())
    return base / f"qbench-virtual-{os.getuid()}"


def folder_of(serial: str) -> Path:
    """Raises InputError for a serial that cannot name a folder and a host."""
    if not _SERIAL.fullmatch(serial):
        raise InputError(
            f"virtual device: {serial!r} cannot be a serial",
            hint="letters, digits, dot, underscore and dash, at most 64, a letter or digit first",
        )
    return home() / serial


def launch(
    config: VirtualConfig, *, timeout_s: float = 20.0, command: Sequence[str] | None = None
) -> Instance:
    """Start the processes of a device whose tree is built, and wait until it listens.

    `command` starts the supervisor and ends when that is ready. Raises DeviceError with what the
    supervisor said, CommandTimeoutError.
    """
    folder = folder_of(config.serial)
    (folder / CONFIG_FILE).write_bytes(msgspec.json.encode(config))
    if command is None:
        command = [sys.executable, "-m", "qbench.virtual.supervisor"]
    try:
        with (folder / LOG_FILE).open("ab") as log:
            ran = subprocess.run(
                [*command, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                timeout=timeout_s,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise CommandTimeoutError(
            f"virtual device {config.serial}: not ready in {timeout_s:g} s", serial=config.serial
        ) from None
    instance = load(folder)
    if ran.returncode == 0 and instance is not None:
        return instance
    said = (folder / LOG_FILE).read_text(errors="replace").strip().splitlines()
    raise DeviceError(
        said[-1]
        if said
        else f"virtual device {config.serial}: ended at once, with no reason given",
        serial=config.serial,
        exit_code=ran.returncode,
    )


def load(folder: Path) -> Instance | None:
    """The instance of a folder; None when there is none or its process is gone.

    Raises InputError for a file that this version of qbench did not write.
    """
    try:
        raw = (folder / INSTANCE_FILE).read_bytes()
    except OSError:
        return None
    try:
        instance = msgspec.json.decode(raw, type=Instance)
    except msgspec.DecodeError as error:
        raise InputError(
            f"{folder / INSTANCE_FILE}: of another version of qbench: {error}",
            hint=f"end the process whose pid it tells, then remove {folder}",
        ) from None
    return instance if start_ticks(instance.pid) == instance.start_ticks else None


def running() -> tuple[Instance, ...]:
    """All that run, by serial; those of another version of qbench are left out."""
    found = []
    for folder in sorted(home().iterdir()) if home().is_dir() else []:
        try:
            instance = load(folder)
        except InputError:
            continue
        if instance is not None:
            found.append(instance)
    return tuple(found)


def find(serial: str) -> Instance:
    """Raises NoDeviceError when it does not run."""
    instance = load(folder_of(serial))
    if instance is None:
        names = ", ".join(each.serial for each in running()) or "none"
        raise NoDeviceError(
            f"virtual device {serial}: not running; running: {names}",
            serial=serial,
            hint=f"start it: qbench virtual start --profile PROFILE --serial {serial}",
        )
    return instance


def ask(serial: str, op: str, **arguments: object) -> dict[str, Any]:
    """One request to a device's supervisor. Raises NoDeviceError, DeviceError."""
    find(serial)
    folder = os.open(folder_of(serial), os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(_REQUEST_S)
            control.connect(f"/proc/self/fd/{folder}/{CONTROL_SOCKET}")
            control.sendall(json.dumps({"op": op, **arguments}).encode() + b"\n")
            with control.makefile("rb") as stream:
                line = stream.readline()
    except OSError as error:
        raise DeviceError(f"virtual device {serial}: {op}: {error}", serial=serial) from None
    finally:
        os.close(folder)
    answer: dict[str, Any] = json.loads(line or b'{"ok": false, "error": "no answer"}')
    if not answer["ok"]:
        raise DeviceError(f"virtual device {serial}: {op}: {answer['error']}", serial=serial)
    return answer


def stop(serial: str) -> None:
    """End a device and remove its folder. Raises DeviceError when it will not end."""
    folder = folder_of(serial)
    instance = find(serial)
    process = os.pidfd_open(instance.pid)
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        if not _has_ended(process):
            signal.pidfd_send_signal(process, signal.SIGKILL)
            if not _has_ended(process):
                raise DeviceError(f"virtual device {serial}: process {instance.pid} will not end")
    finally:
        os.close(process)
    shutil.rmtree(folder)


def kill(serial: str) -> None:
    """SIGKILL to a device, as when its power is lost; its folder stays. Raises NoDeviceError."""
    process = os.pidfd_open(find(serial).pid)
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
        _has_ended(process)
    finally:
        os.close(process)


def _has_ended(process: int) -> bool:
    import select

    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(_STOP_S * 1000))


def start_ticks(pid: int) -> int | None:
    """When a process started (clock ticks since boot), to know it from a later one of that pid."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] == b"Z" else int(fields[19])
