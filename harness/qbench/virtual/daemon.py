"""The process inside that speaks ADB."""

from __future__ import annotations

import asyncio
import json
import socket

import msgspec

from qbench.virtual.config import VirtualConfig
from qbench.virtual.device import VirtualDevice
from qbench.virtual.link import Message, answer_requests


def run(
    config: VirtualConfig, instance: str, listener: socket.socket, supervisor: socket.socket
) -> None:
    """Serve until the supervisor is gone."""
    asyncio.run(_serve(config, instance, listener, supervisor))


async def _serve(
    config: VirtualConfig, instance: str, listener: socket.socket, supervisor: socket.socket
) -> None:
    reader, writer = await asyncio.open_connection(sock=supervisor)

    def tell_reboot() -> None:
        writer.write(json.dumps({"event": "reboot"}).encode() + b"\n")

    device = VirtualDevice(config, instance, listener, on_reboot=tell_reboot)
    await device.appear()
    await answer_requests(reader, writer, _Control(device).handle)


class _Control:
    def __init__(self, device: VirtualDevice) -> None:
        self._device = device

    async def handle(self, op: str, arguments: Message) -> Message:
        device = self._device
        if op == "set_faults":
            device.gate.update(arguments)
        elif op == "clear_faults":
            device.gate.clear()
        elif op == "drop":
            device.drop_connections()
        elif op == "authorize":
            device.authorize()
        elif op == "revoke":
            device.revoke()
        elif op == "vanish":
            device.vanish()
        elif op == "appear":
            await device.appear()
        elif op != "status":
            raise ValueError(f"unknown request {op!r}")
        return {
            "faults": msgspec.to_builtins(device.gate.faults),
            "connections": device.connection_count,
        }
