"""What can be asked of a running device from outside: the supervisor's side of every fault."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from qbench.virtual import kernel
from qbench.virtual.body import Body
from qbench.virtual.config import VirtualConfig
from qbench.virtual.link import Link, LinkError, Message
from qbench.virtual.tree import write_node

_log = logging.getLogger(__name__)
_FOR_INIT = ("set_data_read_only", "fill_data", "empty_data")


class Control:
    """Requests are answered here, or passed on to the daemon or to pid 1."""

    def __init__(
        self, config: VirtualConfig, body: Body, daemon: Link, init: Link, daemon_pid: int
    ) -> None:
        self.is_shut_down = asyncio.Event()
        self._config = config
        self._root = Path(config.root).resolve()
        self._body = body
        self._daemon = daemon
        self._init = init
        self._daemon_pid = daemon_pid
        self._boots = 1
        self._is_paused = False
        self._clock_offset_s = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests: dict[str, Callable[[Message], Awaitable[Message]]] = {
            "status": self._status,
            "reboot": self._ask_reboot,
            "pause": self._pause,
            "continue": self._continue,
            "write": self._write,
            "set_battery": self._set_battery,
            "set_heat": self._set_heat,
            "throttle": self._throttle,
            "jump_clock": self._jump_clock,
            "schedule": self._schedule,
            "shutdown": self._shutdown,
            "kill": self._kill,
        }

    async def handle(self, op: str, arguments: Message) -> Message:
        """Raises LinkError, ValueError, OSError for what cannot be done."""
        handler = self._requests.get(op)
        if handler is not None:
            return await handler(arguments)
        if op in _FOR_INIT:
            return await self._init.request(op, **arguments)
        if self._is_paused:
            raise LinkError("the device is paused: continue it first")
        return await self._daemon.request(op, **arguments)

    def start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reboot(self, boot_s: float | None = None, boot_completed_s: float = 0.0) -> None:
        """Everything inside dies at once; the device is back after `boot_s`, and tells that it has
        booted `boot_completed_s` later."""
        _log.info("rebooting")
        await self._daemon.request("vanish")
        await self._init.request("kill_others")
        await self._init.request("forget_runtime")
        write_node(self._root, kernel.PROPS, kernel.boot_props(is_complete=False))
        write_node(self._root, kernel.BOOT_ID, kernel.fresh_boot_id())
        await asyncio.sleep(self._config.boot_s if boot_s is None else boot_s)
        self._boots += 1
        await self._daemon.request("appear")
        await asyncio.sleep(boot_completed_s)
        write_node(self._root, kernel.PROPS, kernel.boot_props(is_complete=True))

    async def _status(self, _: Message) -> Message:
        state = self._body.state
        known = {
            "serial": self._config.serial,
            "boots": self._boots,
            "is_paused": self._is_paused,
            "daemon_pid": self._daemon_pid,
            "root": self._config.root,
            "chip_c": state.chip_c,
            "battery_ratio": state.battery_ratio,
            "clock_ratio": state.clock_ratio,
        }
        return known if self._is_paused else known | await self._daemon.request("status")

    async def _ask_reboot(self, arguments: Message) -> Message:
        self.start(self.reboot(**arguments))
        return {}

    async def _pause(self, _: Message) -> Message:
        self._is_paused = True
        os.kill(self._daemon_pid, signal.SIGSTOP)
        return {}

    async def _continue(self, _: Message) -> Message:
        os.kill(self._daemon_pid, signal.SIGCONT)
        self._is_paused = False
        return {}

    async def _write(self, arguments: Message) -> Message:
        """Change a node of the kernel: `path` as the device names it."""
        path = self._root / arguments["path"].lstrip("/")
        target = path.parent.resolve() / path.name
        if not target.is_relative_to(self._root):
            raise ValueError(f"{arguments['path']} leads out of the device")
        write_node(self._root, str(target.relative_to(self._root)), arguments["text"])
        return {}

    async def _set_battery(self, arguments: Message) -> Message:
        self._body.change(battery_ratio=arguments["level_ratio"])
        return {}

    async def _set_heat(self, arguments: Message) -> Message:
        """Chip and body at once; they cool down from there."""
        self._body.change(chip_c=arguments["temperature_c"], body_c=arguments["temperature_c"])
        return {}

    async def _throttle(self, arguments: Message) -> Message:
        self._body.change(forced_clock_ratio=arguments["ratio"])
        return {}

    async def _jump_clock(self, arguments: Message) -> Message:
        self._clock_offset_s += arguments["by_s"]
        write_node(self._root, kernel.CLOCK_OFFSET, f"{self._clock_offset_s}\n")
        return {}

    async def _schedule(self, arguments: Message) -> Message:
        """Requests for later: `entries` of [seconds from now, op, arguments]."""
        for at_s, op, wanted in arguments["entries"]:
            self.start(self._later(at_s, op, wanted))
        return {}

    async def _later(self, at_s: float, op: str, arguments: Message) -> None:
        await asyncio.sleep(at_s)
        try:
            await self.handle(op, arguments)
        except (LinkError, ValueError, OSError) as error:
            _log.warning("scheduled %s: %s", op, error)

    async def _kill(self, _: Message) -> Message:
        """For schedules: the power is lost. Every other process dies with this one."""
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    async def _shutdown(self, _: Message) -> Message:
        asyncio.get_running_loop().call_soon(self.is_shut_down.set)
        return {}
