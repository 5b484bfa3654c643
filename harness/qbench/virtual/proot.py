"""The device where namespaces are forbidden: the daemon and all below it run under proot (ptrace).

Less than the real jail: /data has no size of its own, processes of the host show, and there is no
pid 1; this process answers the supervisor in its place, as far as that goes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from qbench.virtual import host_python, linux, namespaces
from qbench.virtual.config import DEVICE_NODES, VirtualConfig
from qbench.virtual.inside import kill_instance
from qbench.virtual.tree import FAKE_PROC, RUNTIME_FOLDERS


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
    linux.default_signals()
    linux.die_with_parent(signal.SIGKILL)
    os.umask(0)
    for name, mode in RUNTIME_FOLDERS.items():
        Path(config.root + name).mkdir(mode=mode, parents=True, exist_ok=True)
    ends = (listener.fileno(), daemon_link.fileno())
    inside = ["-m", "qbench.virtual.inside", instance, *map(str, ends)]
    process = subprocess.Popen(
        [*_argv(config), host_python.PROGRAM, *inside],
        env=host_python.ENVIRONMENT,
        pass_fds=ends,
        preexec_fn=lambda: linux.die_with_parent(signal.SIGKILL),
    )
    listener.close()
    daemon_link.close()
    init_link.sendall(json.dumps({"event": "ready", "pid": process.pid}).encode() + b"\n")
    with init_link.makefile("rw") as link:
        for line in link:
            link.write(json.dumps(_answer(json.loads(line)["op"], config, instance)) + "\n")
            link.flush()
    return 0


def _argv(config: VirtualConfig) -> list[str]:
    program = find() or "proot"
    identity = f"{config.uid}:{config.uid}"
    binds = {f"/dev/{node}": f"/dev/{node}" for node in DEVICE_NODES} | {"/proc": "/proc"}
    for fake in sorted(Path(config.root, FAKE_PROC).iterdir()):
        binds[f"/proc/{fake.name.replace('!', '/')}"] = str(fake)
    binds |= config.host_folders
    pairs = [item for place, source in binds.items() for item in ("-b", f"{source}:{place}")]
    return [program, "-r", config.root, *pairs, "-i", identity, "-w", "/"]


def _answer(op: str, config: VirtualConfig, instance: str) -> dict[str, object]:
    if op == "kill_others":
        kill_instance(instance)
    elif op == "forget_runtime":
        namespaces.forget_runtime(config.root)
    else:
        return {"ok": False, "error": f"{op}: not possible under proot"}
    return {"ok": True}
