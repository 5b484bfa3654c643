"""Where the adb server listens, and one request to it; standard library only.

Protocol: AOSP packages/modules/adb/OVERVIEW.TXT and SERVICES.TXT. A request is four hexadecimal
digits of length and the text; the answer is OKAY or FAIL and a text framed in the same way.
"""

from __future__ import annotations

import os
import socket

import msgspec

from qbench.adb.deadline import Deadline
from qbench.errors import CommandTimeoutError, DeviceError, DisconnectedError, InputError

_DEFAULT_PORT = 5037


class AdbServer(msgspec.Struct, frozen=True):
    """Address of an adb server (`adb -H host -P port`)."""

    host: str
    port: int

    @property
    def is_local(self) -> bool:
        return self.host in ("127.0.0.1", "localhost", "::1")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class NoServerError(DeviceError):
    """No adb server answers at the address."""


class RefusedError(DeviceError):
    """The server answered FAIL; `reason` is its text."""

    def __init__(self, reason: str, *, serial: str | None = None) -> None:
        super().__init__(f"adb: {reason}", serial=serial)
        self.reason = reason


def find_server(*, host: str | None = None, port: int | None = None) -> AdbServer:
    """The server that adb itself would use: the arguments, else the environment, else the default.

    Reads ADB_SERVER_SOCKET (`tcp:host:port`), ANDROID_ADB_SERVER_ADDRESS and
    ANDROID_ADB_SERVER_PORT as adb's client/commandline.cpp does, and adbutils'
    ANDROID_ADB_SERVER_HOST. Raises InputError for a port that is none.
    """
    env = os.environ
    spec = env.get("ADB_SERVER_SOCKET", "")
    spec_host, _, spec_port = spec.removeprefix("tcp:").rpartition(":")
    if spec and not spec.startswith("tcp:"):
        raise InputError(
            f"ADB_SERVER_SOCKET: only tcp:HOST:PORT can be used, not {spec!r}",
            hint="unset it, or give --adb-host and --adb-port",
        )
    found_host = (
        host
        or spec_host
        or env.get("ANDROID_ADB_SERVER_ADDRESS")
        or env.get("ANDROID_ADB_SERVER_HOST")
        or "127.0.0.1"
    )
    text = str(port or spec_port or env.get("ANDROID_ADB_SERVER_PORT") or _DEFAULT_PORT)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise InputError(
            f"adb server: {text!r} is not a port",
            hint="ANDROID_ADB_SERVER_PORT must be a number from 1 to 65535",
        )
    return AdbServer(host=found_host, port=int(text))


def connect(server: AdbServer, deadline: Deadline) -> socket.socket:
    """A connection to a running server; never starts one.

    Raises NoServerError when nobody listens, CommandTimeoutError at the deadline.
    """
    try:
        connection = socket.create_connection((server.host, server.port), deadline.left_s())
    except TimeoutError:
        raise CommandTimeoutError(
            f"adb server {server}: no answer to the connection in {deadline.total_s:g} s",
            hint="is the address right? a firewall may drop the packets",
        ) from None
    except OSError as error:
        raise NoServerError(
            f"adb server {server}: {error.strerror or error}",
            hint="start it: adb start-server" if server.is_local else "start it on that machine",
        ) from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def receive(connection: socket.socket, size: int, deadline: Deadline) -> bytes:
    """Up to `size` bytes; b"" when the peer has closed. Raises CommandTimeoutError."""
    connection.settimeout(deadline.left_s())
    try:
        return connection.recv(size)
    except TimeoutError:
        raise CommandTimeoutError(f"adb: no answer in {deadline.total_s:g} s") from None
    except ConnectionError as error:
        raise DisconnectedError(f"adb: the connection was lost: {error.strerror}") from None


def receive_exactly(connection: socket.socket, size: int, deadline: Deadline) -> bytes:
    """Exactly `size` bytes. Raises DisconnectedError when the peer closes first."""
    parts = bytearray()
    while len(parts) < size:
        data = receive(connection, size - len(parts), deadline)
        if not data:
            raise DisconnectedError(
                f"adb: the connection closed after {len(parts)} of {size} expected bytes"
            )
        parts += data
    return bytes(parts)


def receive_into(connection: socket.socket, buffer: memoryview, deadline: Deadline) -> None:
    """Fill `buffer`. Raises as `receive_exactly`."""
    filled = 0
    while filled < len(buffer):
        connection.settimeout(deadline.left_s())
        try:
            size = connection.recv_into(buffer[filled:])
        except TimeoutError:
            raise CommandTimeoutError(f"adb: no answer in {deadline.total_s:g} s") from None
        except ConnectionError as error:
            raise DisconnectedError(f"adb: the connection was lost: {error.strerror}") from None
        if size == 0:
            raise DisconnectedError(
                f"adb: the connection closed after {filled} of {len(buffer)} expected bytes"
            )
        filled += size


def send(connection: socket.socket, data: bytes | memoryview, deadline: Deadline) -> None:
    """All of `data`. Raises CommandTimeoutError, DisconnectedError."""
    connection.settimeout(deadline.left_s())
    try:
        connection.sendall(data)
    except TimeoutError:
        raise CommandTimeoutError(f"adb: nothing taken in {deadline.total_s:g} s") from None
    except ConnectionError as error:
        raise DisconnectedError(f"adb: the connection was lost: {error.strerror}") from None


def request(connection: socket.socket, text: str, deadline: Deadline) -> None:
    """Send one request and wait for its OKAY.

    Raises RefusedError with the server's reason, DisconnectedError, CommandTimeoutError.
    """
    payload = text.encode("utf-8", "surrogateescape")
    send(connection, b"%04x" % len(payload) + payload, deadline)
    status = receive_exactly(connection, 4, deadline)
    if status == b"FAIL":
        raise RefusedError(receive_block(connection, deadline))
    if status != b"OKAY":
        raise DisconnectedError(f"adb: {status!r} instead of OKAY or FAIL")


def receive_block(connection: socket.socket, deadline: Deadline) -> str:
    """A text framed by four hexadecimal digits."""
    head = receive_exactly(connection, 4, deadline)
    try:
        size = int(head, 16)
    except ValueError:
        raise DisconnectedError(f"adb: {head!r} instead of a length") from None
    return receive_exactly(connection, size, deadline).decode("utf-8", "replace")


def query(server: AdbServer, text: str, deadline: Deadline) -> str:
    """One request to the server itself (`host:...`) and its framed answer."""
    with connect(server, deadline) as connection:
        request(connection, text, deadline)
        return receive_block(connection, deadline)


def server_version(
    *, host: str | None = None, port: int | None = None, timeout_s: float = 2.0
) -> int | None:
    """The running server's protocol version (41 for adb 1.0.41); None: no server is running."""
    deadline = Deadline(timeout_s)
    try:
        return int(query(find_server(host=host, port=port), "host:version", deadline), 16)
    except NoServerError:
        return None
