"""The virtual device, seen by real adb programs of both versions."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.adb_servers import adb_server
from fakes.virtual_phones import (
    Adb,
    Phone,
    adb_of,
    descendants,
    phone,
    wait_until_accepted,
)
from qbench.adb.connecting import connect_tcp, disconnect_tcp, wait_until_usable
from qbench.adb.deadline import Deadline
from qbench.adb.listing import list_devices
from qbench.clock import SystemClock
from qbench.errors import DeviceError, InputError, UnauthorizedError
from qbench.virtual import instances, packets
from qbench.virtual.start import describe


@pytest.fixture(scope="module", params=["29", "36"])
def adb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    with adb_of(request.param, tmp_path_factory.mktemp("adb")) as found:
        yield found


@pytest.fixture(scope="module")
def shared(adb: Adb) -> Iterator[Phone]:
    with phone(adb, "shared") as found:
        yield found


def test_the_device_is_listed_with_what_its_profile_says(adb: Adb, shared: Phone) -> None:
    listed = shared.adb("devices", "-l").stdout.decode()
    assert shared.serial in listed
    assert "product:qbench_sd865 model:Virtual_Snapdragon_865 device:qbench_sd865" in listed
    assert [d.state for d in list_devices(port=adb.server.port) if d.serial == shared.serial] == [
        "device"
    ]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("true", 0),
        ("exit 7", 7),
        ("no-such-program", 127),
        ("/system/build.prop", 126),
        ("kill -9 $$", 137),
        ("kill -SEGV $$", 139),
        ("kill -ABRT $$", 134),
    ],
)
def test_adb_shell_ends_with_the_exit_code_of_the_command(
    shared: Phone, command: str, code: int
) -> None:
    assert shared.adb("shell", command).returncode == code


def test_stdout_and_stderr_stay_apart(shared: Phone) -> None:
    ran = shared.adb("shell", "echo out; echo err >&2")
    assert (ran.stdout, ran.stderr) == (b"out\n", b"err\n")


def test_standard_input_goes_in_and_ends(shared: Phone) -> None:
    data = os.urandom(300_000)
    assert shared.adb("shell", "cat", stdin=data).stdout == data
    assert shared.adb("exec-out", "cat /proc/version").stdout.startswith(b"Linux version")
    shared.adb("exec-in", "cat >/data/local/tmp/in; touch /data/local/tmp/done", stdin=data)
    # adb does not wait for the end of what reads.
    shared.shell("until [ -f /data/local/tmp/done ]; do sleep 0.01; done")
    assert shared.adb("exec-out", "cat /data/local/tmp/in").stdout == data


def test_a_terminal_is_one(shared: Phone) -> None:
    assert b"yes" in shared.adb("shell", "-t", "-t", "test -t 0 && echo yes").stdout
    assert shared.adb("shell", "-T", "test -t 0 && echo yes").stdout == b""


@pytest.mark.parametrize("name", ["plain", "two words", "q'uo\"te", "$(reboot)", "ünï", "-dash"])
def test_files_go_there_and_back_whatever_their_name(
    shared: Phone, tmp_path: Path, name: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(200_000))
    assert shared.adb("push", str(source), f"/data/local/tmp/{name}").returncode == 0
    assert shared.adb("pull", f"/data/local/tmp/{name}", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_folders_are_pushed_and_pulled(shared: Phone, tmp_path: Path) -> None:
    (tmp_path / "tree/a/b").mkdir(parents=True)
    (tmp_path / "tree/a/one").write_text("1")
    (tmp_path / "tree/a/b/two").write_text("2")
    assert shared.adb("push", str(tmp_path / "tree"), "/sdcard/tree").returncode == 0
    assert shared.adb("pull", "/sdcard/tree", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back/a/b/two").read_text() == "2"


def test_the_tree_is_that_of_a_phone_and_nothing_of_the_host_shows(shared: Phone) -> None:
    assert shared.shell("id").startswith("uid=2000(shell) gid=2000(shell)")
    assert shared.shell("getprop ro.board.platform") == "kona"
    assert shared.shell("uname -m") == "aarch64"
    assert shared.shell("nproc") == "8"
    assert shared.shell("grep -c 'CPU part.*0xd0d' /proc/cpuinfo") == "4"
    assert shared.shell("cat /sys/devices/system/cpu/cpu7/cpufreq/cpuinfo_max_freq") == "2840000"
    assert shared.shell("ls -d /root /home /usr 2>/dev/null; true") == ""
    assert shared.shell("hostname") == "shared"
    processes = shared.shell("ps -A -o PID,ARGS").splitlines()
    assert len(processes) < 8
    assert shared.shell("which dd tr expr awk bc; true") == ""


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("touch /system/x", "Read-only file system"),
        ("echo performance >/sys/devices/system/cpu/cpu7/cpufreq/scaling_governor", "denied"),
        ("setprop ro.soc.model x", "Failed to set property"),
        ("kill -9 1", "permitted"),
    ],
)
def test_the_shell_user_may_not_do_what_it_may_not_on_a_phone(
    shared: Phone, command: str, reason: str
) -> None:
    ran = shared.device.run(command, timeout_s=60)
    assert ran.exit_code != 0
    assert reason in ran.stderr.decode()


def test_a_rooted_device_writes_its_kernels_knobs(adb: Adb) -> None:
    governor = "/sys/devices/system/cpu/cpu7/cpufreq/scaling_governor"
    with phone(adb, "rooted", uid=0) as rooted:
        assert rooted.shell("id -u") == "0"
        assert rooted.shell(f"echo performance >{governor}; cat {governor}") == "performance"


def test_settings_and_properties_are_kept(shared: Phone) -> None:
    assert shared.shell("settings get global stay_on_while_plugged_in") == "null"
    shared.shell("settings put global stay_on_while_plugged_in 7")
    assert shared.shell("settings get global stay_on_while_plugged_in") == "7"
    shared.shell("settings delete global stay_on_while_plugged_in")
    assert shared.shell("settings get global stay_on_while_plugged_in") == "null"
    shared.shell("setprop debug.x 'a b'")
    assert shared.shell("getprop debug.x") == "a b"
    assert "[debug.x]: [a b]" in shared.shell("getprop")


def test_battery_and_heat_are_told_as_android_tells_them(shared: Phone) -> None:
    zone = "/sys/class/thermal/thermal_zone0/temp"
    usual = shared.ask("status")
    # by the device's physics, which writes these nodes four times a second
    shared.ask("set_heat", temperature_c=83.0)
    shared.ask("set_battery", level_ratio=0.09)
    try:
        # the chip's heat goes on changing meanwhile, and the kernel's node with it
        lines = shared.shell(f"cat {zone}; dumpsys thermalservice; cat {zone}").split("\n")
        before, *told, after = lines
        assert 60_000 < int(before) < 100_000
        told_c = re.findall(r"mValue=([\d.]+), mType=0, mName=cpu-0-0-usr", "\n".join(told))
        assert told_c, told
        least, most = sorted((int(before), int(after)))
        assert all(least <= round(float(c) * 1000) <= most for c in told_c), (told_c, least, most)
        assert "  level: 9" in shared.shell("dumpsys battery").splitlines()
    finally:
        shared.ask("set_heat", temperature_c=usual["chip_c"])
        shared.ask("set_battery", level_ratio=usual["battery_ratio"])
    assert "Adreno 650" in shared.shell("dumpsys SurfaceFlinger")


def test_a_program_of_this_machine_runs_in_the_device_unchanged(
    shared: Phone, tmp_path: Path
) -> None:
    program = Path("/bin/echo")
    assert shared.adb("push", str(program), "/data/local/tmp/own").returncode == 0
    ran = shared.adb("shell", "chmod 755 /data/local/tmp/own; /data/local/tmp/own 'it runs'")
    assert ran.stdout == b"it runs\n"


def test_garbage_on_the_port_ends_its_connection_and_nothing_else(shared: Phone) -> None:
    generator = random.Random(4)
    greeting = packets.encode_header(packets.CNXN, 0x01000001, 1 << 20, b"host::", checksum=True)
    for turn in range(60):
        with (
            contextlib.suppress(ConnectionError),
            socket.create_connection(("127.0.0.1", shared.instance.port)) as peer,
        ):
            peer.sendall(greeting + b"host::" if turn % 2 else b"")
            for _ in range(generator.randint(1, 4)):
                data = generator.randbytes(generator.randint(0, 300))
                command = generator.choice(
                    [
                        packets.OPEN,
                        packets.WRTE,
                        packets.OKAY,
                        packets.CLSE,
                        packets.AUTH,
                        generator.getrandbits(32),
                    ]
                )
                numbers = generator.choice([0, 1, 2]), generator.choice([0, 1, 2])
                service = generator.choice(
                    [b"sync:", b"shell:", b"shell,v2,pty:", b"reverse:x", b""]
                )
                payload = service + data if command == packets.OPEN else data
                head = packets.encode_header(command, *numbers, payload, checksum=False)
                peer.sendall(generator.choice([head, head[:-4] + b"oops"]) + payload)
    assert shared.shell("echo alive") == "alive"
    assert "Traceback" not in (instances.folder_of("shared") / "log.txt").read_text()


def test_garbage_in_the_sync_service_is_refused_and_the_device_lives(shared: Phone) -> None:
    generator = random.Random(5)
    for _ in range(60):
        with contextlib.suppress(ConnectionError, DeviceError):
            connection = shared.device.open("sync:", Deadline(5))
            with connection:
                for _ in range(3):
                    name = generator.choice(
                        [
                            b"STAT",
                            b"LIST",
                            b"SEND",
                            b"RECV",
                            b"LST2",
                            b"DATA",
                            b"SND2",
                            b"RCV2",
                            generator.randbytes(4),
                        ]
                    )
                    path = b"/data/local/tmp/x" + generator.randbytes(generator.randint(0, 9))
                    size = generator.choice([len(path), 0, 5, 2000])
                    connection.sendall(name + size.to_bytes(4, "little") + path)
    assert shared.shell("echo alive") == "alive"
    assert "Traceback" not in (instances.folder_of("shared") / "log.txt").read_text()


def test_a_node_outside_the_device_is_not_written(shared: Phone, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="leads out of the device"):
        shared.ask("write", path=f"/../../../../../../..{tmp_path}/x", text="x")
    assert list(tmp_path.iterdir()) == []


def test_a_full_device_says_so(adb: Adb, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    with phone(adb, "small", data_bytes=1_000_000) as small:
        ran = small.adb("push", str(tmp_path / "big"), "/data/local/tmp/big")
        assert ran.returncode == 1
        assert b"No space left on device" in ran.stdout + ran.stderr
        assert small.shell("ls /data/local/tmp") == ""


def test_data_can_turn_read_only_and_back_while_files_are_open(adb: Adb, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 1000)
    with phone(adb, "frozen") as frozen:
        frozen.shell("setsid sh -c 'while sleep 0.1; do echo x; done' >/data/local/tmp/open 2>&1 &")
        for _ in range(2):  # again is no harm
            frozen.ask("set_data_read_only", is_read_only=True)
        for command in ("touch /data/local/tmp/x", "echo >>/data/local/tmp/open"):
            ran = frozen.device.run(command, timeout_s=60)
            assert b"Read-only file system" in ran.stderr
        pushed = frozen.adb("push", str(tmp_path / "f"), "/data/local/tmp/f")
        assert b"Read-only file system" in pushed.stdout + pushed.stderr
        frozen.ask("set_data_read_only", is_read_only=False)
        frozen.shell("touch /data/local/tmp/x; echo more >>/data/local/tmp/open")
        frozen.ask("set_data_read_only", is_read_only=True)
        before = frozen.shell("cat /proc/sys/kernel/random/boot_id")
        frozen.ask("reboot")
        wait_for_boot(frozen, before)
        frozen.shell("touch /data/local/tmp/y")


def test_settings_that_are_put_back_leave_the_tree_as_it_was(adb: Adb) -> None:
    mode = "cmd power set-fixed-performance-mode-enabled"
    tree = "find /data/system /data/local /data/media -exec stat -c '%n %a %u %s' {} +"
    with phone(adb, "tidy") as tidy:
        before = tidy.shell(tree)
        tidy.shell(f"settings get global stay_on_while_plugged_in; {mode} true; {mode} false")
        tidy.shell("settings put global x 1; settings delete global x; settings list system")
        assert tidy.shell(tree) == before
        tidy.shell(f"{mode} true")
        assert tidy.shell(tree) != before
        boot_id = tidy.shell("cat /proc/sys/kernel/random/boot_id")
        tidy.ask("reboot")
        wait_for_boot(tidy, boot_id)
        assert tidy.shell(tree) == before  # Android forgets the mode


def test_a_device_without_features_is_an_old_android(adb: Adb, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 100_000)
    with phone(adb, "old", features=()) as old:
        ran = old.adb("shell", "echo out; echo err >&2; exit 3")
        assert (ran.returncode, ran.stdout) == (0, b"out\r\nerr\r\n")
        assert old.adb("push", str(tmp_path / "f"), "/data/local/tmp/f").returncode == 0
        assert old.adb("pull", "/data/local/tmp/f", str(tmp_path / "g")).returncode == 0
        assert (tmp_path / "g").read_bytes() == b"x" * 100_000


def test_forward_and_reverse_carry_bytes(shared: Phone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        host_port = host.getsockname()[1]
        device_port = int(shared.adb("reverse", "tcp:0", f"tcp:{host_port}").stdout)
        assert (
            f"tcp:{device_port} tcp:{host_port}" in shared.adb("reverse", "--list").stdout.decode()
        )
        local_port = int(shared.adb("forward", "tcp:0", f"tcp:{device_port}").stdout)
        with socket.create_connection(("127.0.0.1", local_port)) as near:
            far, _ = host.accept()
            with far:
                near.sendall(b"ping")
                assert far.recv(4) == b"ping"
                far.sendall(b"pong")
                assert near.recv(4) == b"pong"
    assert shared.adb("reverse", "--remove", f"tcp:{device_port}").returncode == 0
    assert b"not found" in shared.adb("reverse", "--remove", f"tcp:{device_port}").stderr


def test_an_unknown_key_waits_until_somebody_agrees(adb: Adb) -> None:
    with phone(adb, "locked", is_connected=False, authorization="ask") as locked:
        with pytest.raises(UnauthorizedError):
            connect_tcp(adb.server, locked.serial)
        with pytest.raises(UnauthorizedError) as caught:
            locked.device.run("true", timeout_s=60)
        assert "accept this computer's key" in (caught.value.hint or "")
        locked.ask("authorize")
        wait_until_accepted(locked.device)
        disconnect_tcp(adb.server, locked.serial)
        connect_tcp(adb.server, locked.serial)  # the key is remembered
        assert locked.shell("echo in") == "in"


def test_adb_reboot_ends_everything_and_the_device_comes_back_as_new(adb: Adb) -> None:
    with phone(adb, "booting") as booting:
        before = booting.shell("cat /proc/sys/kernel/random/boot_id")
        booting.shell("setsid sleep 500 >/dev/null 2>&1 </dev/null &")
        booting.shell("setprop debug.x 1; echo kept >/data/local/tmp/kept")
        assert "sleep 500" in booting.shell("ps -A -o ARGS")
        assert booting.adb("reboot").returncode == 0
        wait_for_boot(booting, before)
        assert "sleep 500" not in booting.shell("ps -A -o ARGS")
        assert booting.shell("getprop debug.x") == ""
        assert booting.shell("cat /data/local/tmp/kept") == "kept"
        assert booting.ask("status")["boots"] == 2


def wait_for_boot(booting: Phone, old_boot_id: str) -> None:
    clock = SystemClock()
    end_s = clock.monotonic_s() + 60
    while clock.monotonic_s() < end_s:
        wait_until_usable(booting.device, timeout_s=60)
        try:
            if booting.shell("cat /proc/sys/kernel/random/boot_id") != old_boot_id:
                assert booting.shell("getprop sys.boot_completed") == "1"
                return
        except DeviceError:
            continue
    raise AssertionError("not back in 60 s")


def test_a_hang_up_ends_the_shell_but_not_what_it_detached(adb: Adb) -> None:
    with phone(adb, "dropped") as dropped:
        dropped.shell("setsid sleep 601 >/dev/null 2>&1 </dev/null &")
        with pytest.raises(DeviceError):
            dropped.device.run("exec sleep 602", timeout_s=0.2)
        dropped.shell("while ps -A -o ARGS | grep -q '^sleep 602'; do sleep 0.01; done")
        assert "sleep 601" in dropped.shell("ps -A -o ARGS")


def test_a_paused_device_goes_on_where_it_was(adb: Adb) -> None:
    with phone(adb, "paused") as paused:
        paused.ask("pause")
        with pytest.raises(DeviceError, match=r"0\.2 s"):
            paused.device.run("true", timeout_s=0.2)
        assert paused.ask("status")["is_paused"]
        paused.ask("continue")
        assert paused.shell("echo on") == "on"


def test_killing_the_supervisor_ends_every_process_of_the_device(adb: Adb) -> None:
    with phone(adb, "killed") as killed:
        killed.shell("setsid sleep 603 >/dev/null 2>&1 </dev/null &")
        processes = descendants(killed.instance.pid)
        assert len(processes) >= 4
        os.kill(killed.instance.pid, signal.SIGKILL)
        clock = SystemClock()
        end_s = clock.monotonic_s() + 60
        while any(instances.start_ticks(pid) is not None for pid in processes):
            assert clock.monotonic_s() < end_s
            clock.sleep_s(0.01)
        assert "killed" not in {instance.serial for instance in instances.running()}


def test_a_device_that_runs_is_not_started_twice(adb: Adb, shared: Phone) -> None:
    with pytest.raises(DeviceError, match="runs already"), phone(adb, "shared"):
        pass
    assert shared.shell("echo still here") == "still here"


@pytest.mark.parametrize("serial", ["", "../x", "a b", "-x", "a/b", "x" * 65, "$(id)"])
def test_a_serial_that_cannot_name_a_folder_is_refused(serial: str) -> None:
    with pytest.raises(InputError, match="cannot be a serial"):
        describe("sd865", serial)


def test_two_servers_share_a_device(adb: Adb, shared: Phone, tmp_path: Path) -> None:
    with adb_server(adb.program, tmp_path) as other:
        connect_tcp(other, shared.serial)
        there = Phone(shared.instance, Adb(adb.program, other))
        assert there.shell("echo both") == shared.shell("echo both") == "both"
