"""What an adb server says about its devices, read from texts of adb 29.0.6 and 36.0.0."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from qbench.adb.listing import get_props, list_devices, read_devices, read_props
from qbench.adb.server import find_server, server_version
from qbench.errors import (
    CommandTimeoutError,
    DisconnectedError,
    InputError,
    NoDeviceError,
    QBenchError,
    UnauthorizedError,
)

DEVICES_29 = """\
R58M123ABCD            device usb:1-2 product:beyond1 model:SM_G973F device:beyond1 transport_id:4
127.0.0.1:41235        offline product:vphone model:Virtual_865 device:vphone transport_id:1
0123456789ABCDEF       no permissions (missing udev rules? user is in the plugdev group); see \
[http://developer.android.com/tools/device.html] usb:3-1 transport_id:2
adb-1A2B3C (2)._adb-tls-connect._tcp device product:oriole model:Pixel_6
emulator-5554          unauthorized transport_id:3
"""


def framed(text: str) -> bytes:
    return b"%04x" % len(text.encode()) + text.encode()


@contextmanager
def server_that_says(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A listener that gives each request of each connection the next answer, then closes."""
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for answer in answers:
                size = int(connection.recv(4) or b"0", 16)
                asked.append(connection.recv(size))
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        thread.join(5)
        listener.close()


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_every_line_of_devices_l_is_read() -> None:
    assert [(d.serial, d.state) for d in read_devices(DEVICES_29)] == [
        ("R58M123ABCD", "device"),
        ("127.0.0.1:41235", "offline"),
        ("0123456789ABCDEF", "no permissions"),
        ("adb-1A2B3C (2)._adb-tls-connect._tcp", "device"),
        ("emulator-5554", "unauthorized"),
    ]


def test_the_properties_that_adb_adds_are_kept() -> None:
    galaxy, _, no_udev, *_ = read_devices(DEVICES_29)
    assert galaxy.props == {
        "usb": "1-2",
        "product": "beyond1",
        "model": "SM_G973F",
        "device": "beyond1",
        "transport_id": "4",
    }
    assert no_udev.props == {"usb": "3-1", "transport_id": "2"}


def test_only_a_usable_device_comes_without_a_hint() -> None:
    for device in read_devices(DEVICES_29):
        assert device.is_usable == (device.hint is None)
    hints = {d.state: d.hint or "" for d in read_devices(DEVICES_29)}
    assert "udev" in hints["no permissions"]
    assert "accept" in hints["unauthorized"]


def test_noise_in_the_listing_is_no_device() -> None:
    assert read_devices("\n* daemon started successfully *\n\n") == ()


def test_the_server_is_asked_once() -> None:
    with server_that_says(b"OKAY" + framed(DEVICES_29)) as (port, asked):
        devices = list_devices(port=port)
    assert len(devices) == 5
    assert asked == [b"host:devices-l"]


def test_no_server_is_no_device_and_is_not_started(free_port: int) -> None:
    assert list_devices(port=free_port) == ()
    assert server_version(port=free_port) is None


def test_a_running_server_tells_its_version() -> None:
    with server_that_says(b"OKAY" + framed("0029")) as (port, _):
        assert server_version(port=port) == 41


def test_a_server_that_never_answers_is_given_up_at_the_deadline() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(CommandTimeoutError, match=r"0\.05 s"),
    ):
        list_devices(port=listener.getsockname()[1], timeout_s=0.05)


@pytest.mark.parametrize(
    "answer", [b"", b"OK", b"HTTP/1.1 400", b"OKAY00", b"OKAYzzzz", b"OKAY00ffab"]
)
def test_a_peer_that_is_no_adb_server_is_told(answer: bytes) -> None:
    with server_that_says(answer) as (port, _), pytest.raises(DisconnectedError):
        list_devices(port=port)


def test_getprop_output_with_hostile_values_is_read() -> None:
    text = "[a.b]: [1]\r\n[c]: [two\nlines [x]: y]\n[d]: []\n[e]: [$(reboot); ' \"]\n"
    assert read_props(text) == {
        "a.b": "1",
        "c": "two\nlines [x]: y",
        "d": "",
        "e": "$(reboot); ' \"",
    }


def test_properties_are_asked_for_in_one_connection() -> None:
    dump = b"OKAY[ro.board.platform]: [kona]\n[ro.soc.model]: [SM8250]\n[other]: [x]\n"
    with server_that_says(b"OKAY", dump) as (port, asked):
        props = get_props("S1", ["ro.board.platform", "ro.none"], port=port)
    assert props == {"ro.board.platform": "kona"}
    assert asked == [b"host:transport:S1", b"shell:getprop"]


@pytest.mark.parametrize(
    ("reason", "error", "hint"),
    [
        ("device 'S1' not found", NoDeviceError, "adb connect"),
        ("device offline", DisconnectedError, "replug"),
        (
            "device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set",
            UnauthorizedError,
            "accept",
        ),
        ("device still authorizing", DisconnectedError, "again"),
        (
            "insufficient permissions for device: user is in the plugdev group",
            UnauthorizedError,
            "udev",
        ),
        ("more than one device/emulator", NoDeviceError, "--serial"),
    ],
)
def test_a_refusal_becomes_the_error_that_names_its_cure(
    reason: str, error: type[QBenchError], hint: str
) -> None:
    with server_that_says(b"FAIL" + framed(reason)) as (port, _), pytest.raises(error) as caught:
        get_props("S1", ["a"], port=port)
    assert "S1" in str(caught.value)
    assert hint in (caught.value.hint or "")


def with_environment(
    monkeypatch: pytest.MonkeyPatch, **values: str
) -> Callable[..., tuple[str, int]]:
    for name in (
        "ADB_SERVER_SOCKET",
        "ANDROID_ADB_SERVER_ADDRESS",
        "ANDROID_ADB_SERVER_HOST",
        "ANDROID_ADB_SERVER_PORT",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return lambda **given: (lambda s: (s.host, s.port))(find_server(**given))


def test_the_server_is_where_adb_would_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_environment(monkeypatch)() == ("127.0.0.1", 5037)
    assert with_environment(monkeypatch, ANDROID_ADB_SERVER_PORT="6000")() == ("127.0.0.1", 6000)
    assert with_environment(monkeypatch, ADB_SERVER_SOCKET="tcp:lab:7000")() == ("lab", 7000)
    assert with_environment(monkeypatch, ADB_SERVER_SOCKET="tcp:7000")() == ("127.0.0.1", 7000)
    assert with_environment(monkeypatch, ADB_SERVER_SOCKET="tcp:lab:7000")(
        host="other", port=1
    ) == ("other", 1)


@pytest.mark.parametrize("port", ["x", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    with pytest.raises(InputError, match="is not a port"):
        with_environment(monkeypatch, ANDROID_ADB_SERVER_PORT=port)()


def test_a_server_socket_that_is_not_tcp_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="ADB_SERVER_SOCKET"):
        with_environment(monkeypatch, ADB_SERVER_SOCKET="localfilesystem:/x")()
