"""The device where namespaces are forbidden: the daemon outside, each command under proot.

There is no pid 1 here; this process answers the supervisor in its place, as far as that goes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from pathlib import Path

from qbench.virtual import daemon, linux
from qbench.virtual.config import VirtualConfig
from qbench.virtual.jail import INSTANCE_VARIABLE, ProotJail
from qbench.virtual.tree import RUNTIME_FOLDERS


def find() -> str | None:
    return shutil.which("proot")


def run(
    config: VirtualConfig,
    instance: str,
    listener: socket.socket,
    daemon_link: socket.socket,
    init_link: socket.socket,
) -> int:
    """As `qbench.virtual.init.run_jailed`."""
    linux.die_with_parent(signal.SIGKILL)
    program = find()
    if program is None:
        return 1
    for name, mode in RUNTIME_FOLDERS.items():
        Path(config.root + name).mkdir(mode=mode, parents=True, exist_ok=True)
    child = os.fork()
    if child == 0:
        linux.die_with_parent(signal.SIGKILL)
        init_link.close()
        jail = ProotJail(program, config, instance)
        daemon.run(config, jail, listener, daemon_link)
        os._exit(0)
    listener.close()
    daemon_link.close()
    init_link.sendall(json.dumps({"event": "ready", "pid": child}).encode() + b"\n")
    with init_link.makefile("rw") as link:
        for line in link:
            answer = _answer(json.loads(line)["op"], config, instance, child)
            link.write(json.dumps(answer) + "\n")
            link.flush()
    kill_instance(instance, spared_pid=child)
    return 0


def _answer(op: str, config: VirtualConfig, instance: str, daemon_pid: int) -> dict[str, object]:
    if op == "kill_others":
        kill_instance(instance, spared_pid=daemon_pid)
    elif op == "forget_runtime":
        for file in Path(config.root, "dev/__properties__").iterdir():
            file.unlink()
    else:
        return {"ok": False, "error": f"{op}: not possible under proot"}
    return {"ok": True}


def kill_instance(instance: str, *, spared_pid: int) -> None:
    """SIGKILL to each process that carries the mark of this device in its environment."""
    mark = f"{INSTANCE_VARIABLE}={instance}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in (spared_pid, os.getpid()):
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue
