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
from collections.abc import Callable
from pathlib import Path

import msgspec

from qbench.errors import DeviceError, QBenchError
from qbench.virtual import namespaces, proot
from qbench.virtual.body import Body
from qbench.virtual.config import Instance, JailKind, VirtualConfig
from qbench.virtual.control import Control
from qbench.virtual.init import run_jailed
from qbench.virtual.instances import CONFIG_FILE, CONTROL_SOCKET, INSTANCE_FILE, start_ticks
from qbench.virtual.link import Link, Message, answer_requests

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
        self._folder = folder
        self._config = config
        self._jailer = jailer
        self._instance = Instance(
            serial=config.serial,
            profile=config.profile,
            pid=os.getpid(),
            start_ticks=start_ticks(os.getpid()),
            port=port,
            jail=kind,
        )

    async def run(
        self, daemon_end: socket.socket, init_end: socket.socket, on_ready: Callable[[], object]
    ) -> int:
        config = self._config
        ready: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        init = await Link.over(init_end, ready.set_result)
        daemon = await Link.over(daemon_end, lambda _: control.start(control.reboot()))
        event = await ready
        if event["event"] != "ready":
            print(f"virtual device {config.serial}: {event['reason']}", file=sys.stderr)
            return 3
        body = Body(Path(config.root), config.max_khz, config.full_load_w, config.time_scale)
        control = Control(config, body, daemon, init, event["pid"])
        await daemon.request("status")
        await self._listen(control)
        body.show()
        on_ready()
        control.start(body.live(self._jailer))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, control.is_shut_down.set)
        loop.add_reader(os.pidfd_open(self._jailer), control.is_shut_down.set)
        try:
            await control.is_shut_down.wait()
        finally:
            os.kill(self._jailer, signal.SIGKILL)
            os.waitpid(self._jailer, 0)
        return 0

    async def _listen(self, control: Control) -> None:
        """The control socket by way of a descriptor, as a path may be longer than sun_path."""
        folder = os.open(self._folder, os.O_PATH)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answer_requests(reader, writer, control.handle)
            writer.close()

        await asyncio.start_unix_server(serve, f"/proc/self/fd/{folder}/{CONTROL_SOCKET}")
        os.close(folder)
        fresh = self._folder / f".{INSTANCE_FILE}"
        fresh.write_bytes(msgspec.json.encode(self._instance))
        fresh.rename(self._folder / INSTANCE_FILE)


if __name__ == "__main__":
    sys.exit(start(Path(sys.argv[1])))
