"""The device as its daemon sees it: identity, keys, connections, the listening port."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from qbench.virtual.auth import BadKeyError, PublicKey, read_public_key
from qbench.virtual.config import Authorization, VirtualConfig
from qbench.virtual.connection import Connection
from qbench.virtual.faults import LinkFaults, LinkGate
from qbench.virtual.packets import MAX_PAYLOAD_BYTES

_log = logging.getLogger(__name__)
_BANNER_PROPS = ("ro.product.name", "ro.product.model", "ro.product.device")


class VirtualDevice:
    """Serves adb servers on a TCP port of this machine's loopback."""

    def __init__(
        self,
        config: VirtualConfig,
        instance: str,
        listener: socket.socket,
        on_reboot: Callable[[], None],
    ) -> None:
        self.features = config.features
        self.authorization: Authorization = config.authorization
        self.keys: list[PublicKey] = [read_public_key(key.encode()) for key in config.keys]
        self.config = config
        self.instance = instance
        self.gate = LinkGate(LinkFaults())
        self.ask_for_reboot = on_reboot
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._waiting: list[Connection] = []
        self._offered: list[PublicKey] = []
        self._agrees_to_next = False

    def banner(self) -> bytes:
        props = "".join(f"{name}={self.config.props[name]};" for name in _BANNER_PROPS)
        return f"device::{props}features={','.join(self.features)}".encode()

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    # Listening.

    async def appear(self) -> None:
        """Accept connections (again)."""
        if self._server is None:
            self._listener.listen()
            self._server = await asyncio.start_server(
                self._accept, sock=self._listener.dup(), limit=4 * MAX_PAYLOAD_BYTES
            )

    def vanish(self) -> None:
        """Drop every connection and accept no more.

        The port stays bound but refuses, so that nobody else can take it meanwhile.
        """
        if self._server is not None:
            self._server.close()
            self._server = None
            self._listener.shutdown(socket.SHUT_RDWR)  # no longer listens, still bound
        self.drop_connections()

    def drop_connections(self) -> None:
        for connection in list(self._connections):
            connection.drop()

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if connection in self._waiting:
            self._waiting.remove(connection)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        writer.transport.set_write_buffer_limits(high=4 * MAX_PAYLOAD_BYTES)
        connection = Connection(self, reader, writer, _log)
        self._connections.add(connection)
        await connection.serve()

    # Authorization.

    def offer_key(self, text: bytes, connection: Connection) -> None:
        """A host asks to be accepted: as on a phone, somebody has to agree (`authorize`)."""
        try:
            self._offered.append(read_public_key(text))
        except BadKeyError as error:
            _log.warning("key refused: %s", error)
            return
        if self._agrees_to_next:
            self._waiting.append(connection)
            self.authorize()
        elif self.authorization == "ask":
            self._waiting.append(connection)

    def revoke(self) -> None:
        """Forget every key, as `Revoke USB debugging authorizations` does."""
        self.authorization = "ask"
        self.keys.clear()
        self._offered.clear()
        self._agrees_to_next = False
        self.drop_connections()

    def authorize(self) -> None:
        """Agree: remember the offered keys and let the waiting hosts in; where none is offered
        yet, agree to the next, as a server takes seconds to come back."""
        self._agrees_to_next = not self._offered
        self.keys += self._offered
        self._offered.clear()
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            connection.go_online()
