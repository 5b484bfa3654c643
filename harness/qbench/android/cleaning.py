"""Take away what qbench keeps on a device; its settings are not touched."""

from __future__ import annotations

import re
from typing import Protocol

from qbench.adb.transport import Transport
from qbench.android.runner import BASE, Runner
from qbench.errors import DeviceError

# Of another version of qbench, and sets of a vendor's libraries: each in a folder of its own.
_FOLDERS = re.compile(r"(runner|libraries)-[0-9a-f]{16}")
_ASK_S = 20.0


class Cache(Protocol):
    """qbench.adb.cache.DeviceCache, so far as it is needed here."""

    def clean(self) -> int: ...


def clean(transport: Transport, cache: Cache, *, base: str = BASE) -> int:
    """Remove models, tools, libraries and the runners of other versions; returns the bytes freed.

    The runner of this version stays, since the next contact needs it, and so do results that
    nobody has collected. Raises DeviceError, also while a session runs: it needs its files.
    """
    runner = Runner(transport, base=base)
    busy = runner.contact().busy
    if busy is not None:
        raise DeviceError(
            f"device {transport.serial}: session {busy} runs on it, and needs what is there",
            hint="wait for it, or end it: qbench devices restore",
            serial=transport.serial,
        )
    freed_bytes = cache.clean()
    own = runner.folder.rpartition("/")[2]
    for found in transport.list_folder(base, timeout_s=_ASK_S):
        if _FOLDERS.fullmatch(found.name) and found.name != own:
            folder = f"{base}/{found.name}"
            inside = transport.list_folder(folder, timeout_s=_ASK_S)
            freed_bytes += sum(file.size_bytes for file in inside)
            transport.run(["rm", "-rf", folder], timeout_s=_ASK_S, check=True)
    return freed_bytes
