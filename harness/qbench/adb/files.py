"""Push and pull one file: checked by SHA-256, and there whole or not at all.

A bit that flips on the way is noticed by neither adb nor the sync protocol, so both ends are
hashed. The file gets its name last, by a rename.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from qbench.adb import sync, verifying
from qbench.adb.deadline import Deadline
from qbench.adb.hashing import SourceHash, StreamHash
from qbench.adb.states import explained
from qbench.adb.transport import OnProgress, transfer_timeout_s
from qbench.errors import (
    CommandError,
    CommandTimeoutError,
    DeviceError,
    DisconnectedError,
    InputError,
    TransferError,
)

if TYPE_CHECKING:
    from qbench.adb.device import AdbDevice

_ATTEMPTS = 3  # a damaged transfer is tried again
_CLEAN_UP_TIMEOUT_S = 2.0
_PROGRESS_BYTES = 1 << 20


class _Source(NamedTuple):
    open: Callable[[], IO[bytes]]
    size_bytes: int
    modified_s: int


def push(
    device: AdbDevice,
    source: Path | bytes,
    target: str,
    *,
    mode: int,
    timeout_s: float | None,
    on_progress: OnProgress | None,
    sha256: str | None,
) -> None:
    """See Transport.push."""
    sync.check_path(target)
    origin = _source(device, source)
    deadline = Deadline(timeout_s or transfer_timeout_s(origin.size_bytes))
    part = f"{target.rpartition('/')[0]}/.qbench-{secrets.token_hex(8)}.part"
    what = f"push to {target}"
    try:
        for _ in range(_ATTEMPTS):
            if _deliver(device, origin, part, target, mode, deadline, on_progress, sha256):
                return
        _remove(device, part)
    except DeviceError as error:
        # adbd itself removes what a broken stream had brought.
        if not isinstance(error, CommandTimeoutError | DisconnectedError):
            _remove(device, part)
        raise error if error.serial else explained(error, device.serial, what) from None
    except BaseException:
        _remove(device, part)
        raise
    raise _damaged(device, what)


def _source(device: AdbDevice, source: Path | bytes) -> _Source:
    if isinstance(source, bytes):
        now_s = int(device.clock.utc_now().timestamp())
        return _Source(lambda: io.BytesIO(source), len(source), now_s)
    try:
        found = source.stat()
        with source.open("rb"):
            pass
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None
    return _Source(
        lambda: source.open("rb", buffering=0), found.st_size, max(0, int(found.st_mtime))
    )


def _deliver(
    device: AdbDevice,
    origin: _Source,
    part: str,
    target: str,
    mode: int,
    deadline: Deadline,
    on_progress: OnProgress | None,
    known_sha256: str | None,
) -> bool:
    """Send, check and give the file its name; False: it arrived damaged."""
    with SourceHash(origin.open, known_sha256) as ours:
        if "shell_v2" in device.features:
            with verifying.Landing(device, part, target, deadline) as landing:
                _transfer(device, origin, part, mode, deadline, on_progress, landing.sent)
                landing.arrived()
                found = landing.move(ours.hexdigest())
        else:
            _transfer(device, origin, part, mode, deadline, on_progress)
            found = _move(device, part, target, ours.hexdigest(), deadline)
        if found == "unknown":  # no sha256sum (Android before 8): read it back instead
            if _digest_of(device, part, deadline) != ours.hexdigest():
                return False
            result = device.run(verifying.moving(part, target), timeout_s=deadline.left_s())
            found = verifying.verdict(result.stdout, result.stderr)
    return found == "moved"


def _transfer(
    device: AdbDevice,
    origin: _Source,
    part: str,
    mode: int,
    deadline: Deadline,
    on_progress: OnProgress | None,
    on_sent: Callable[[int], None] | None = None,
) -> None:
    progress = _Progress(origin.size_bytes, on_progress)

    def sent(size_bytes: int) -> None:
        progress.add(size_bytes)
        if on_sent is not None:
            on_sent(size_bytes)

    with origin.open() as stream, device.open("sync:", deadline) as connection:
        sync.send_file(
            connection,
            stream,
            part,
            mode=mode,
            modified_s=origin.modified_s,
            deadline=deadline,
            on_sent=sent,
        )
    progress.finish()


def _move(
    device: AdbDevice, part: str, target: str, digest: str, deadline: Deadline
) -> verifying.Verdict:
    script = (
        f"h=$(sha256sum <{shlex.quote(part)}) || {{ echo unknown; exit 0; }}; "
        f'[ "${{h%% *}}" = {digest} ] || {{ echo damaged; exit 0; }}; '
        f"{verifying.moving(part, target)}"
    )
    result = device.run(script, timeout_s=deadline.left_s())
    return verifying.verdict(result.stdout, result.stderr)


def _digest_of(device: AdbDevice, path: str, deadline: Deadline) -> str:
    digest = hashlib.sha256()
    with device.open("sync:", deadline) as connection:
        sync.receive_file(connection, path, deadline, digest.update)
    return digest.hexdigest()


def pull(
    device: AdbDevice,
    source: str,
    target: Path,
    *,
    timeout_s: float | None,
    on_progress: OnProgress | None,
) -> None:
    """See Transport.pull."""
    sync.check_path(source)
    what = f"pull {source}"
    part = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}.part")
    try:
        for _ in range(_ATTEMPTS):
            if _fetch(device, source, part, timeout_s, on_progress):
                part.replace(target)
                return
        raise _damaged(device, what)
    except DeviceError as error:
        raise error if error.serial else explained(error, device.serial, what) from None
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _fetch(
    device: AdbDevice,
    source: str,
    part: Path,
    timeout_s: float | None,
    on_progress: OnProgress | None,
) -> bool:
    """Into `part`; False: what came is not what the device has."""
    opening = Deadline(timeout_s or transfer_timeout_s(0))
    with device.open("sync:", opening) as connection, StreamHash() as digest:
        is_v2 = "stat_v2" in device.features
        found = sync.stat(connection, source, opening, is_v2=is_v2)
        if found is None:
            raise CommandError("adb: no such file on the device")
        deadline = Deadline(timeout_s or transfer_timeout_s(found.size_bytes))
        progress = _Progress(found.size_bytes, on_progress)
        with part.open("wb", buffering=0) as file:

            def sink(data: memoryview) -> None:
                digest.update(data)
                _write_all(file, data)
                progress.add(len(data))

            sync.receive_file(connection, source, deadline, sink)
            os.fsync(file.fileno())
        progress.finish()
    return digest.hexdigest() == _digest_on_device(device, source, deadline)


def _digest_on_device(device: AdbDevice, path: str, deadline: Deadline) -> str:
    result = device.run(f"sha256sum <{shlex.quote(path)}", timeout_s=deadline.left_s())
    if result.exit_code == 0:
        return result.text.split()[0]
    return _digest_of(device, path, deadline)


def _write_all(file: IO[bytes], data: memoryview) -> None:
    while data:
        data = data[file.write(data) :]


def _remove(device: AdbDevice, part: str) -> None:
    """Best effort: the failure that led here is the one to tell."""
    try:
        device.run(["rm", "-f", part], timeout_s=_CLEAN_UP_TIMEOUT_S)
    except DeviceError:
        return


def _damaged(device: AdbDevice, what: str) -> TransferError:
    return TransferError(
        f"device {device.serial}: {what}: arrived damaged {_ATTEMPTS} times",
        hint="try another cable or USB port",
        serial=device.serial,
        command=what,
    )


class _Progress:
    """Tells how far a transfer is, about once for each MiB, and at its end."""

    def __init__(self, total_bytes: int, on_progress: OnProgress | None) -> None:
        self._total_bytes = total_bytes
        self._on_progress = on_progress
        self._done_bytes = 0
        self._told_bytes = 0

    def add(self, size_bytes: int) -> None:
        self._done_bytes += size_bytes
        if self._done_bytes - self._told_bytes >= _PROGRESS_BYTES:
            self._tell()

    def finish(self) -> None:
        """Raises DisconnectedError when the file changed its size meanwhile."""
        if self._done_bytes != self._total_bytes:
            raise DisconnectedError(
                f"adb: {self._done_bytes} of {self._total_bytes} bytes were transferred"
            )
        self._tell()

    def _tell(self) -> None:
        self._told_bytes = self._done_bytes
        if self._on_progress is not None:
            self._on_progress(self._done_bytes, self._total_bytes)
