"""Real adb servers for tests: each on a private port, with a home of its own, ended afterwards.

Two versions, since they differ where it hurts: Debian's `adb` (29.0.6) and the one that adbutils
brings (36.0.0).
"""

from __future__ import annotations

import importlib.resources
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qbench.adb.server import AdbServer, server_version
from qbench.clock import SystemClock

SYSTEM_PACKAGES = ("adb", "mksh", "toybox")  # apt-get install ...
_READY_S = 60.0


def programs() -> dict[str, str]:
    """Major version -> path of the adb programs on this machine."""
    bundled = Path(str(importlib.resources.files("adbutils").joinpath("binaries", "adb")))
    candidates = [shutil.which("adb", path=f"/usr/bin:{os.environ['PATH']}"), str(bundled)]
    found: dict[str, str] = {}
    for path in candidates:
        if path is None or not Path(path).is_file():
            continue
        said = subprocess.run([path, "version"], capture_output=True, text=True, check=True).stdout
        match = re.search(r"^Version (\d+)\.", said, re.MULTILINE)
        if match:
            found.setdefault(match[1], path)
    return found


def skip_without_userland() -> None:
    """Skip, loudly, where the virtual device cannot be built."""
    missing = [name for name in ("mksh", "toybox") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"NOT TESTED: apt-get install {' '.join(missing)}")


@contextmanager
def adb_server(program: str, home: Path) -> Iterator[AdbServer]:
    """A server in the foreground of its own process, killed at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        # No USB (adb 36.0.0 waits 3 s for it), no emulators or phones of this machine.
        "ADB_USB": "0",
        "ADB_MDNS_AUTO_CONNECT": "0",
        "ADB_LOCAL_TRANSPORT_MAX_PORT": "5554",
        "TMPDIR": str(home),
    }
    with (home / "adb.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-L", f"tcp:{port}", "server", "nodaemon"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_ready(port, process, home / "adb.log")
        yield AdbServer(host="127.0.0.1", port=port)
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    clock = SystemClock()
    end_s = clock.monotonic_s() + _READY_S
    while server_version(port=port, timeout_s=_READY_S) is None:
        if process.poll() is not None or clock.monotonic_s() > end_s:
            raise RuntimeError(f"adb server did not start: {log.read_text(errors='replace')}")
        clock.sleep_s(0.01)
