"""One device through real adb servers of both versions: commands, errors, deadlines."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fakes.virtual_phones import Adb, Phone, adb_of, phone
from qbench.adb.connecting import connect_tcp, disconnect_tcp, wait_until_usable
from qbench.adb.device import AdbDevice
from qbench.adb.listing import get_props
from qbench.adb.server import AdbServer
from qbench.clock import SystemClock
from qbench.errors import (
    CommandError,
    CommandTimeoutError,
    DisconnectedError,
    NoDeviceError,
    QBenchError,
)
from qbench.virtual.config import DEFAULT_FEATURES

HOSTILE = [
    "two words",
    "'single' \"double\"",
    "$(touch /data/local/tmp/owned)",
    "`touch /data/local/tmp/owned`",
    "; touch /data/local/tmp/owned;",
    "new\nline",
    "-n",
    "ünïcödé 日本",
    "trailing\\",
    "a&b|c>d<e*f?g[h]~#i!j%k{l}",
]


@pytest.fixture(scope="module", params=["29", "36"])
def adb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    with adb_of(request.param, tmp_path_factory.mktemp("adb")) as found:
        yield found


@pytest.fixture(scope="module", params=["shell_v2", "old"])
def shared(adb: Adb, request: pytest.FixtureRequest) -> Iterator[Phone]:
    """A device of today, and one without shell_v2 (Android before 7)."""
    features = () if request.param == "old" else DEFAULT_FEATURES
    with phone(adb, request.param.replace("_", "-"), features=features) as found:
        yield found


def test_streams_come_apart_with_the_exit_code(shared: Phone) -> None:
    done = shared.device.run("echo out; echo err >&2; exit 3", timeout_s=60)
    assert (done.stdout, done.stderr, done.exit_code) == (b"out\n", b"err\n", 3)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("true", 0),
        ("exit 255", 255),
        ("no-such-program", 127),
        ("/system/build.prop", 126),
        ("kill -9 $$", 137),
        ("kill -SEGV $$", 139),
        ("exit 5 # a comment", 5),
        ("echo 'unclosed", 1),
        ("cat", 0),
        ("printf 'no end of line'", 0),
    ],
)
def test_the_exit_code_is_the_commands_own(shared: Phone, command: str, code: int) -> None:
    assert shared.device.run(command, timeout_s=60).exit_code == code


@pytest.mark.parametrize("argument", HOSTILE)
def test_an_argument_arrives_as_it_is_and_runs_nothing(shared: Phone, argument: str) -> None:
    done = shared.device.run(["printf", "%s", argument], timeout_s=60)
    assert done.stdout.decode() == argument
    assert shared.shell("ls -a /data/local/tmp | grep -c owned; true") == "0"


def test_output_is_kept_to_the_byte(shared: Phone) -> None:
    done = shared.device.run(r"printf '\0\1\377\r\n\n\n'", timeout_s=60)
    assert done.stdout == b"\0\1\xff\r\n\n\n"
    done = shared.device.run("head -c 3000000 /dev/zero; head -c 99 /dev/zero >&2", timeout_s=60)
    assert (len(done.stdout), len(done.stderr)) == (3_000_000, 99)


def test_output_is_seen_while_the_command_runs(shared: Phone) -> None:
    seen: list[tuple[str, bytes]] = []
    ready = threading.Event()

    def watch(stream: str, data: bytes) -> None:
        seen.append((stream, data))
        if b"first" in b"".join(data for _, data in seen):
            ready.set()

    def release() -> None:
        ready.wait(5)
        shared.shell("touch /data/local/tmp/go")

    helper = threading.Thread(target=release)
    helper.start()
    # Enough output that what an end marker may hide is not all of it.
    waiting = "head -c 200 /dev/zero; until [ -f /data/local/tmp/go ]; do sleep 0.02; done"
    done = shared.device.run(f"echo first; {waiting}; echo last", timeout_s=60, on_output=watch)
    helper.join()
    shared.shell("rm /data/local/tmp/go")
    assert ready.is_set()
    assert b"".join(data for _, data in seen) == done.stdout
    assert done.stdout.endswith(b"last\n")


def test_a_failed_command_that_is_checked_carries_all_that_is_known(shared: Phone) -> None:
    with pytest.raises(CommandError, match="exit code 4: the reason") as caught:
        shared.device.run("echo out; echo the reason >&2; exit 4", timeout_s=60, check=True)
    error = caught.value
    assert error.serial == shared.serial
    assert error.command == "echo out; echo the reason >&2; exit 4"
    assert (error.stdout, error.stderr, error.exit_code) == (b"out\n", b"the reason\n", 4)


def test_the_deadline_counts_in_all_and_keeps_what_was_printed(shared: Phone) -> None:
    clock = SystemClock()
    start_s = clock.monotonic_s()
    with pytest.raises(CommandTimeoutError, match=r"0\.5 s") as caught:
        shared.device.run("while true; do head -c 100 /dev/zero; sleep 0.05; done", timeout_s=0.5)
    assert 0.4 < clock.monotonic_s() - start_s < 20  # where each read counts, for ever
    assert caught.value.stdout
    assert caught.value.serial == shared.serial
    left = "ps -A -o ARGS | grep -v grep | grep -q 'head -c 100'"
    shared.shell(f"n=0; while {left}; do sleep 0.02; done")


def test_nothing_is_left_behind_by_a_command(shared: Phone) -> None:
    shared.device.run("echo x >&2; exit 1", timeout_s=60)
    own = "0" if "shell_v2" in shared.device.features else "1"  # of the command that looks
    assert shared.shell("ls -a /data/local/tmp | grep -c qbench; true") == own


def test_properties_come_in_one_call(adb: Adb, shared: Phone) -> None:
    names = ["ro.soc.model", "ro.board.platform", "ro.none", "ro.serialno"]
    assert get_props(shared.serial, names, port=adb.server.port) == {
        "ro.soc.model": "SM8250",
        "ro.board.platform": "kona",
        "ro.serialno": shared.instance.serial,
    }


def test_sixteen_threads_share_a_device(shared: Phone) -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(5):
            word = f"{number}-{turn}"
            done = shared.device.run(f"echo {word}; exit {number}", timeout_s=60)
            if (done.stdout, done.exit_code) != (f"{word}\n".encode(), number):
                wrong.append(done)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Faults of the link. The device is a fresh one each time, as a fault may end the connection.


@pytest.mark.parametrize("features", [DEFAULT_FEATURES, ()], ids=["shell_v2", "old"])
def test_a_link_that_drops_in_mid_command_is_never_a_success(
    adb: Adb, features: tuple[str, ...]
) -> None:
    with phone(adb, "dropping", features=features) as found:
        assert found.device.features is not None
        found.ask("set_faults", drop_after_sent_bytes=50_000)
        with pytest.raises((DisconnectedError, NoDeviceError)) as caught:
            found.device.run("head -c 300000 /dev/zero", timeout_s=60)
        assert len(caught.value.stdout) <= 50_000
        assert caught.value.serial == found.serial
        wait_until_usable(found.device, timeout_s=60)
        assert found.shell("echo back") == "back"


@pytest.mark.parametrize("fault", ["is_mute", "is_hung"])
def test_a_device_that_stops_answering_is_given_up_at_the_deadline(adb: Adb, fault: str) -> None:
    with phone(adb, "silent") as found:
        found.shell("true")
        found.ask("set_faults", **{fault: True})
        clock = SystemClock()
        start_s = clock.monotonic_s()
        with pytest.raises(CommandTimeoutError):
            found.device.run("true", timeout_s=0.3)  # the open phase is never answered
        assert clock.monotonic_s() - start_s < 20  # adbutils waits 600 s here
        found.ask("clear_faults")
        wait_until_usable(found.device, timeout_s=60)
        assert found.shell("echo back") == "back"


def test_a_device_that_vanishes_is_found_again(adb: Adb) -> None:
    with phone(adb, "leaving") as found:
        found.shell("true")
        found.ask("vanish")
        with pytest.raises(QBenchError):
            found.device.run("true", timeout_s=1)
        with pytest.raises(CommandTimeoutError, match="not back in"):
            wait_until_usable(found.device, timeout_s=0.3)
        found.ask("appear")
        wait_until_usable(found.device, timeout_s=60)
        assert found.shell("echo back") == "back"


def test_latency_and_bandwidth_of_the_link_can_be_those_of_a_cable(adb: Adb) -> None:
    with phone(adb, "slow") as found:
        clock = SystemClock()
        found.shell("true")
        found.ask("set_faults", delay_s=0.1)
        start_s = clock.monotonic_s()
        found.shell("true")
        assert clock.monotonic_s() - start_s > 0.1
        found.ask("set_faults", delay_s=0.0, rate_bytes_per_s=1_000_000)
        start_s = clock.monotonic_s()
        found.device.push(bytes(300_000), "/data/local/tmp/x")
        assert clock.monotonic_s() - start_s > 0.29


def test_a_service_that_is_refused_is_an_error_with_the_command(adb: Adb) -> None:
    with phone(adb, "refusing") as found:
        found.shell("true")
        found.ask("set_faults", refuse_services="^shell")
        with pytest.raises(DisconnectedError) as caught:
            found.device.run("true", timeout_s=60)
        assert caught.value.command == "true"


def test_a_device_that_is_not_there_says_how_to_attach_it(adb: Adb) -> None:
    with pytest.raises(NoDeviceError, match="no-such-serial") as caught:
        AdbDevice("no-such-serial", adb.server).run("true", timeout_s=60)
    assert "qbench devices" in (caught.value.hint or "")


def test_a_server_that_is_not_there_is_told_by_its_address() -> None:
    with pytest.raises(QBenchError, match=r"127\.0\.0\.1:1"):
        AdbDevice("S", AdbServer(host="127.0.0.1", port=1)).run("true", timeout_s=1)


def test_nobody_at_the_address_is_an_error_although_adb_returns_0(adb: Adb) -> None:
    with pytest.raises(DisconnectedError, match="refused"):
        connect_tcp(adb.server, "127.0.0.1:1")
    disconnect_tcp(adb.server, "127.0.0.1:1")
