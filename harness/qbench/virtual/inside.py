"""The daemon where it is started by a program: `python -m qbench.virtual.inside NAME FD FD`."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import msgspec

from qbench.virtual import daemon
from qbench.virtual.config import VirtualConfig
from qbench.virtual.jail import INSTANCE_VARIABLE

CONFIG = ".device/config.json"


def main(instance: str, listener_fd: int, link_fd: int) -> None:
    config = msgspec.json.decode(Path("/", CONFIG).read_bytes(), type=VirtualConfig)
    for fd in (listener_fd, link_fd):
        os.set_inheritable(fd, False)
    listener, link = socket.socket(fileno=listener_fd), socket.socket(fileno=link_fd)
    daemon.run(config, instance, listener, link)
    kill_instance(instance)


def kill_instance(instance: str) -> None:
    """SIGKILL to each process that carries the mark of this device's shells in its environment."""
    mark = f"{INSTANCE_VARIABLE}={instance}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
