"""The process outside: starts the jail, holds the control socket, changes what the kernel shows.

    python -m qbench.virtual.supervisor FOLDER

FOLDER holds config.json; `instance.json` appears there once the device accepts connections.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from qbench.errors import DeviceError, QBenchError
from qbench.virtual import kernel, namespaces, proot
from qbench.virtual.config import Instance, JailKind, VirtualConfig
from qbench.virtual.init import run_jailed
from qbench.virtual.instances import CONFIG_FILE, CONTROL_SOCKET, INSTANCE_FILE, start_ticks
from qbench.virtual.link import Link, LinkError, Message, answer_requests
from qbench.virtual.tree import write_node

_log = logging.getLogger(__name__)
# Below the ephemeral ports, so that no outgoing connection takes one while the device reboots, and
# far from 5555 - 5585, which every adb server on the machine adopts as emulators.
_PORTS = range(20_000, 32_000)


def start(folder: Path) -> int:
    """Run the device of `folder` in a process of its own; returns 0 as soon as it can be used."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        os.setsid()
        os._exit(run(folder, lambda: os.write(writing, b"1")))
    os.close(writing)
    is_ready = os.read(reading, 1) != b""  # empty: every process of the device has ended
    return 0 if is_ready else 3


def run(folder: Path, on_ready: Callable[[], object]) -> int:
    """Run one device until it is told to stop. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    config = msgspec.json.decode((folder / CONFIG_FILE).read_bytes(), type=VirtualConfig)
    try:
        kind = choose_jail(config)
    except QBenchError as error:
        print(f"{error}; {error.hint}", file=sys.stderr, flush=True)
        return 3
    listener = _bind()
    daemon_end, daemon_link = socket.socketpair()
    init_end, init_link = socket.socketpair()
    jailer = os.fork()
    if jailer == 0:
        daemon_end.close()
        init_end.close()
        instance = folder.name
        if kind == "proot":
            code = proot.run(config, instance, listener, daemon_link, init_link)
        else:
            code = run_jailed(config, instance, listener, daemon_link, init_link)
        os._exit(code)
    port = listener.getsockname()[1]
    for end in (listener, daemon_link, init_link):
        end.close()
    device = _Supervisor(folder, config, kind, jailer, port)
    return asyncio.run(device.run(daemon_end, init_end, on_ready))


def choose_jail(config: VirtualConfig) -> JailKind:
    """`namespaces` or `proot`, by what this machine allows. Raises DeviceError for neither."""
    reason = namespaces.why_forbidden() if config.jail != "proot" else "not asked for"
    if reason is None:
        return "namespaces"
    if config.jail in ("auto", "proot") and proot.find() is not None:
        return "proot"
    raise DeviceError(
        f"virtual device {config.serial}: no jail can be made here: namespaces: {reason}; "
        f"proot: {'not installed' if config.jail != 'namespaces' else 'not asked for'}",
        hint="run as root, allow unprivileged user namespaces, or apt-get install proot",
    )


def _bind() -> socket.socket:
    while True:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", random.choice(_PORTS)))
        except OSError:
            listener.close()
            continue
        return listener


class _Supervisor:
    def __init__(
        self, folder: Path, config: VirtualConfig, kind: JailKind, jailer: int, port: int
    ) -> None:
        self._kind = kind
        self._folder = folder
        self._config = config
        self._root = Path(config.root)
        self._jailer = jailer
        self._port = port
        self._daemon_pid = 0
        self._boots = 1
        self._is_stopped = False
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests: dict[str, Callable[[Message], Awaitable[Message]]] = {
            "status": self._status,
            "reboot": self._ask_reboot,
            "pause": self._pause,
            "continue": self._continue,
            "write": self._write,
            "set_data_read_only": self._set_data_read_only,
            "shutdown": self._shutdown,
        }

    async def run(
        self, daemon_end: socket.socket, init_end: socket.socket, on_ready: Callable[[], object]
    ) -> int:
        ready: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._init = await Link.over(init_end, ready.set_result)
        self._daemon = await Link.over(daemon_end, lambda _: self._start(self._reboot({})))
        event = await ready
        if event["event"] != "ready":
            print(f"virtual device {self._config.serial}: {event['reason']}", file=sys.stderr)
            return 3
        self._daemon_pid = event["pid"]
        await self._daemon.request("status")
        await self._listen()
        on_ready()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        fd = os.pidfd_open(self._jailer)
        loop.add_reader(fd, self._ended.set)
        try:
            await self._ended.wait()
        finally:
            os.kill(self._jailer, signal.SIGKILL)
            os.waitpid(self._jailer, 0)
        return 0

    async def _listen(self) -> None:
        """The control socket by way of a descriptor, as a path may be longer than sun_path."""
        folder = os.open(self._folder, os.O_PATH)
        place = f"/proc/self/fd/{folder}/{CONTROL_SOCKET}"

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answer_requests(reader, writer, self._handle)
            writer.close()

        await asyncio.start_unix_server(serve, place)
        os.close(folder)
        instance = Instance(
            serial=self._config.serial,
            profile=self._config.profile,
            pid=os.getpid(),
            start_ticks=start_ticks(os.getpid()),
            port=self._port,
            jail=self._kind,
        )
        fresh = self._folder / f".{INSTANCE_FILE}"
        fresh.write_bytes(msgspec.json.encode(instance))
        fresh.rename(self._folder / INSTANCE_FILE)

    async def _handle(self, op: str, arguments: Message) -> Message:
        handler = self._requests.get(op)
        if handler is not None:
            return await handler(arguments)
        if self._is_stopped:
            raise LinkError("the device is paused: continue it first")
        return await self._daemon.request(op, **arguments)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Requests.

    async def _status(self, _: Message) -> Message:
        known = {
            "serial": self._config.serial,
            "boots": self._boots,
            "is_paused": self._is_stopped,
            "daemon_pid": self._daemon_pid,
            "root": self._config.root,
        }
        return known if self._is_stopped else known | await self._daemon.request("status")

    async def _ask_reboot(self, arguments: Message) -> Message:
        self._start(self._reboot(arguments))
        return {}

    async def _reboot(self, arguments: Message) -> None:
        """Everything inside dies at once; the device is back after `boot_s`, and tells that it has
        booted `boot_completed_s` later."""
        _log.info("rebooting")
        await self._daemon.request("vanish")
        await self._init.request("kill_others")
        await self._init.request("forget_runtime")
        write_node(self._root, kernel.PROPS, kernel.boot_props(is_complete=False))
        write_node(self._root, kernel.BOOT_ID, kernel.fresh_boot_id())
        await asyncio.sleep(arguments.get("boot_s", self._config.boot_s))
        self._boots += 1
        await self._daemon.request("appear")
        await asyncio.sleep(arguments.get("boot_completed_s", 0.0))
        write_node(self._root, kernel.PROPS, kernel.boot_props(is_complete=True))

    async def _pause(self, _: Message) -> Message:
        self._is_stopped = True
        os.kill(self._daemon_pid, signal.SIGSTOP)
        return {}

    async def _continue(self, _: Message) -> Message:
        os.kill(self._daemon_pid, signal.SIGCONT)
        self._is_stopped = False
        return {}

    async def _write(self, arguments: Message) -> Message:
        """Change a node of the kernel: `path` as the device names it."""
        root = self._root.resolve()
        path = root / arguments["path"].lstrip("/")
        target = path.parent.resolve() / path.name
        if not target.is_relative_to(root):
            raise ValueError(f"{arguments['path']} leads out of the device")
        write_node(root, str(target.relative_to(root)), arguments["text"])
        return {}

    async def _set_data_read_only(self, arguments: Message) -> Message:
        return await self._init.request("set_data_read_only", **arguments)

    async def _shutdown(self, _: Message) -> Message:
        asyncio.get_running_loop().call_soon(self._ended.set)
        return {}


if __name__ == "__main__":
    sys.exit(start(Path(sys.argv[1])))
