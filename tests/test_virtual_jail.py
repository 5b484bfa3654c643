"""The ways into a device: namespaces as root and as anybody, proot, or a loud refusal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fakes.virtual_phones import Adb, adb_of, phone
from qbench import profiles
from qbench.adb.connecting import connect_tcp, wait_until_usable
from qbench.adb.device import AdbDevice
from qbench.errors import DeviceError
from qbench.virtual import instances, kernel, namespaces, tree
from qbench.virtual.config import VirtualConfig
from qbench.virtual.start import describe
from qbench.virtual.supervisor import choose_jail

NOBODY = 65534
# The interpreter of a virtual environment may be out of nobody's reach, so it becomes nobody after
# its imports; being able to read one's own /proc files has to be asked for again then.
AS_NOBODY = f"""
import ctypes, os, sys
from pathlib import Path
from qbench.virtual import supervisor
import qbench.virtual.shell, encodings.idna
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
sys.exit(supervisor.start(Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def adb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    with adb_of("29", tmp_path_factory.mktemp("adb")) as found:
        yield found


def works_as_a_device(device: AdbDevice) -> None:
    """What every jail must offer."""
    ran = device.run("id -u; getprop ro.soc.model; pwd; exit 7", timeout_s=60)
    assert (ran.text, ran.exit_code) == ("2000\nSM8250\n/\n", 7)
    assert device.run("cat /proc/version", timeout_s=60).text.startswith("Linux version 5.10.0")
    assert device.run("ls -d /root /usr", timeout_s=60).text == ""
    device.push(b"content", "/sdcard/two words")
    assert device.run(["cat", "/sdcard/two words"], timeout_s=60).text == "content"
    assert device.run("cat /proc/sys/kernel/random/boot_id", timeout_s=60).text.count("-") == 4


@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user takes root")
def test_anybody_can_have_a_device_where_user_namespaces_are_allowed(
    adb: Adb, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest closes its own folder to everybody else, anew with every pytest that starts.
    with tempfile.TemporaryDirectory(prefix="qbench-nobody-") as home:
        Path(home).chmod(0o755)
        monkeypatch.setenv("QBENCH_VIRTUAL_HOME", home)
        works_for_nobody(adb)


def works_for_nobody(adb: Adb) -> None:
    config = msgspec.structs.replace(
        describe("sd865", "nobody"), jail="namespaces", data_bytes=1_000_000, host_folders={}
    )
    folder = instances.folder_of("nobody")
    folder.mkdir(parents=True)
    profile = profiles.load("sd865")
    tree.build(config, kernel.nodes(profile), kernel.links())
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    instance = instances.launch(config, command=[sys.executable, "-c", AS_NOBODY])
    try:
        connect_tcp(adb.server, instance.address)
        device = AdbDevice(instance.address, adb.server)
        works_as_a_device(device)
        capabilities = device.run("grep CapEff /proc/self/status", timeout_s=60).text
        assert capabilities.split()[1] == "0" * 16
        with pytest.raises(DeviceError, match="No space left"):
            device.push(bytes(2_000_000), "/data/local/tmp/big")
        ran = device.run(
            "echo x >/sys/devices/system/cpu/cpu7/cpufreq/scaling_governor", timeout_s=60
        )
        assert b"Permission denied" in ran.stderr
    finally:
        instances.stop("nobody")


def test_where_namespaces_are_forbidden_proot_does(adb: Adb) -> None:
    if shutil.which("proot") is None:
        pytest.skip("NOT TESTED: apt-get install proot")
    with phone(adb, "traced", jail="proot") as traced:
        assert traced.instance.jail == "proot"
        works_as_a_device(traced.device)
        before = traced.shell("cat /proc/sys/kernel/random/boot_id")
        traced.shell("setsid sleep 604 >/dev/null 2>&1 </dev/null &")
        assert processes_with("sleep 604")
        traced.ask("reboot", boot_s=0.0)
        while traced.ask("status")["boots"] != 2:
            pass
        wait_until_usable(traced.device, timeout_s=60)
        assert traced.shell("cat /proc/sys/kernel/random/boot_id") != before
        assert not processes_with("sleep 604")
        with pytest.raises(DeviceError, match="not possible under proot"):
            traced.ask("set_data_read_only", is_read_only=True)
        traced.shell("setsid sleep 605 >/dev/null 2>&1 </dev/null &")
    assert not processes_with("sleep 605")


def processes_with(text: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if line in (text, f"setsid {text}")]


def test_without_any_jail_it_is_refused_with_the_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    config = VirtualConfig(serial="s", profile="sd865", root="/r", props={}, jail="proot")
    with pytest.raises(DeviceError, match="proot: not installed") as caught:
        choose_jail(config)
    assert "apt-get install proot" in (caught.value.hint or "")


def test_what_forbids_namespaces_is_told_and_this_process_stays_outside() -> None:
    before = Path("/proc/self/ns/mnt").readlink()
    reason = namespaces.why_forbidden()
    assert reason is None or reason
    assert Path("/proc/self/ns/mnt").readlink() == before


def test_only_pid_1_of_a_device_may_end_everything() -> None:
    with pytest.raises(RuntimeError, match="only pid 1"):
        namespaces.kill_others(0)


def test_a_start_that_fails_leaves_nothing(adb: Adb, tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught, phone(adb, "broken", data_bytes=-1):
        pass
    assert "broken" in str(caught.value)
    assert "broken" not in {path.name for path in instances.home().iterdir()}
