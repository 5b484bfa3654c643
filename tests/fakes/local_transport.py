"""A Transport to a LocalPhone, without adb. Writes down what it is asked, and can lose the device.

It passes `test_android_transport_contract.py` as the one over adb does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

from fakes.local_phone import LocalPhone
from qbench.adb.transport import Command, Completed, OnOutput, OnProgress, RemoteFile
from qbench.errors import (
    CommandError,
    CommandTimeoutError,
    DisconnectedError,
    InputError,
)

_HASHES = re.compile(r"[0-9a-f]{16,64}")


class LocalTransport:
    """`log` has one line for each operation, paths and hashes shortened.

    `losses` says before which operations (counted from 0) the link breaks; `reconnect` mends it,
    unless `is_back_after` is off.
    """

    def __init__(self, phone: LocalPhone, serial: str = "local") -> None:
        self._phone = phone
        self._serial = serial
        self.log: list[str] = []
        self.losses: set[int] = set()
        self.is_lost = False
        self.is_back_after = True
        self.count = 0  # of operations so far

    @property
    def serial(self) -> str:
        return self._serial

    def reconnect(self, timeout_s: float) -> None:
        self.log.append("reconnect")
        if not self.is_back_after:
            raise DisconnectedError(f"device {self.serial}: not there", serial=self.serial)
        self.is_lost = False

    def run(
        self,
        command: Command,
        *,
        timeout_s: float,
        check: bool = False,
        on_output: OnOutput | None = None,
    ) -> Completed:
        line = command if isinstance(command, str) else shlex.join(command)
        self._begin(f"run {line}", line)
        process = self._phone.spawn(
            "sh", "-c", line, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGHUP)
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
            raise CommandTimeoutError(
                f"adb: not done in {timeout_s:g} s", serial=self.serial, command=line
            ) from None
        if on_output is not None:
            for name, data in (("stdout", stdout), ("stderr", stderr)):
                if data:
                    on_output(name, data)  # type: ignore[arg-type]
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        completed = Completed(self.serial, line, stdout, stderr, code)
        if check and code != 0:
            raise CommandError(
                f"device {self.serial}: {line}: exit code {code}",
                serial=self.serial,
                command=line,
                stdout=stdout,
                stderr=stderr,
                exit_code=code,
            )
        return completed

    def push(
        self,
        source: Path | bytes,
        target: str,
        *,
        mode: int = 0o644,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._begin(f"push {target}", f"push to {target}")
        data = source if isinstance(source, bytes) else _read(source)
        path = Path(target)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(data)
            part.chmod(mode)
            if path.is_dir():
                part.unlink()
                raise CommandError(f"device {self.serial}: {target}: it is a folder")
            part.replace(path)
        except OSError as error:
            raise CommandError(
                f"device {self.serial}: push to {target}: {error.strerror}", serial=self.serial
            ) from None
        if on_progress is not None:
            on_progress(len(data), len(data))

    def pull(
        self,
        source: str,
        target: Path,
        *,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._begin(f"pull {source}", f"pull {source}")
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise CommandError(
                f"device {self.serial}: pull {source}: {error.strerror}",
                serial=self.serial,
                command=f"pull {source}",
            ) from None
        target.write_bytes(data)
        if on_progress is not None:
            on_progress(len(data), len(data))

    def list_folder(self, path: str, *, timeout_s: float) -> tuple[RemoteFile, ...]:
        self._begin(f"list {path}", f"list {path}")
        with contextlib.suppress(OSError):
            return tuple(
                RemoteFile(entry.name, found.st_mode, found.st_size, int(found.st_mtime))
                for entry in sorted(os.scandir(path), key=lambda entry: entry.name)
                for found in (entry.stat(follow_symlinks=False),)
            )
        return ()

    def _begin(self, what: str, command: str) -> None:
        self.log.append(self._short(what))
        number = self.count
        self.count += 1
        if number in self.losses:
            self.is_lost = True
        if self.is_lost:
            raise DisconnectedError(
                f"device {self.serial}: the link is broken", serial=self.serial, command=command
            )

    def _short(self, text: str) -> str:
        if text.startswith("run p=$(getprop)"):
            return "getprop"
        text = re.sub(
            r"^run \[ -f \S+ \] \|\| exit 66; exec sh \S+/runner\.sh \d+ ", "runner ", text
        )
        return _HASHES.sub("#", text.replace(str(self._phone.base), "B"))


class LocalCached(NamedTuple):
    path: str


class LocalCache:
    """Stands in for qbench.adb.cache.DeviceCache on a LocalTransport."""

    def __init__(self, phone: LocalPhone, transport: LocalTransport) -> None:
        self._folder = phone.base
        self._transport = transport

    def ensure(self, source: Path, sha256: str, *, is_program: bool = False) -> LocalCached:
        data = _read(source)
        assert hashlib.sha256(data).hexdigest() == sha256
        path = self._folder / sha256
        if not path.exists():
            self._transport.push(data, str(path), mode=0o755 if is_program else 0o644)
        return LocalCached(str(path))


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None
