"""The processes around the daemon: the jailer outside and pid 1 inside.

pid 1 collects orphans, as the kernel hands them to it, and does what only it may: it keeps its
privileges, while the daemon and its shells give theirs up.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket

from qbench.virtual import daemon, linux, namespaces
from qbench.virtual.config import VirtualConfig
from qbench.virtual.link import Message


def run_jailed(
    config: VirtualConfig,
    instance: str,
    listener: socket.socket,
    daemon_link: socket.socket,
    init_link: socket.socket,
) -> int:
    """Be the jailer: make the namespaces, start pid 1 in them, end with it. Returns an exit code.

    Tells the supervisor over `init_link` the daemon's pid, or what could not be done.
    """
    linux.default_signals()
    linux.die_with_parent(signal.SIGKILL)
    try:
        namespaces.unshare_all(config.uid, needs_own_users=bool(config.binfmt_rules))
    except OSError as error:
        _tell(init_link, {"event": "failed", "reason": str(error)})
        return 1
    child = os.fork()
    if child == 0:
        linux.die_with_parent(signal.SIGKILL)
        os._exit(_be_init(config, instance, listener, daemon_link, init_link))
    for end in (listener, daemon_link, init_link):
        end.close()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _be_init(
    config: VirtualConfig,
    instance: str,
    listener: socket.socket,
    daemon_link: socket.socket,
    init_link: socket.socket,
) -> int:
    linux.set_process_name("init")
    host_proc = os.open("/proc", os.O_PATH)
    try:
        namespaces.enter(config)
    except OSError as error:
        _tell(init_link, {"event": "failed", "reason": str(error)})
        return 1
    child = os.fork()
    if child == 0:
        # Seen through the host's /proc, this is the pid that the supervisor can signal.
        _tell(init_link, {"event": "ready", "pid": int(os.readlink("self", dir_fd=host_proc))})
        os.close(host_proc)
        init_link.close()
        linux.set_process_name("adbd")
        namespaces.become(config.uid)
        daemon.run(config, instance, listener, daemon_link)
        os._exit(0)
    os.close(host_proc)
    listener.close()
    daemon_link.close()
    return _Init(child, init_link).run()


class _Init:
    """Waits for children to collect and for requests of the supervisor."""

    def __init__(self, daemon_pid: int, supervisor: socket.socket) -> None:
        self._daemon_pid = daemon_pid
        self._supervisor = supervisor
        self._unread = b""

    def run(self) -> int:
        wake_reading, wake_writing = socket.socketpair()
        for end in (wake_reading, wake_writing):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writing.fileno())
        with selectors.DefaultSelector() as selector:
            selector.register(wake_reading, selectors.EVENT_READ)
            selector.register(self._supervisor, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is wake_reading:
                        wake_reading.recv(4096)
                    elif not self._answer():
                        return 0
                if self._collect():
                    return 1  # the daemon has ended, and so the device does

    def _collect(self) -> bool:
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == self._daemon_pid:
                return True
            if pid == 0:
                return False

    def _answer(self) -> bool:
        data = self._supervisor.recv(65536)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            try:
                self._perform(request.pop("op"), request)
                _tell(self._supervisor, {"ok": True})
            except (OSError, ValueError) as error:
                _tell(self._supervisor, {"ok": False, "error": str(error)})
        return bool(data)

    def _perform(self, op: str, arguments: Message) -> None:
        if op == "kill_others":
            namespaces.kill_others(self._daemon_pid)
        elif op == "set_data_read_only":
            namespaces.set_data_read_only(arguments["is_read_only"])
        elif op == "forget_runtime":
            namespaces.set_data_read_only(False)  # a boot mounts it anew
            namespaces.forget_runtime()
        elif op == "fill_data":
            namespaces.fill_data(arguments["left_bytes"])
        elif op == "empty_data":
            namespaces.empty_data()
        else:
            raise ValueError(f"unknown request {op!r}")


def _tell(link: socket.socket, message: Message) -> None:
    link.sendall(json.dumps(message).encode() + b"\n")
