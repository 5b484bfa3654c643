"""Programs of another processor on a virtual device, with an Android tree of the user's."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import struct
from pathlib import Path

import pytest

from fakes.desk import Desk
from fakes.virtual_phones import Adb, Phone, adb_of
from qbench.adb.connecting import connect_tcp
from qbench.errors import InputError
from qbench.formats.benchmark_model import split_capture
from qbench.virtual import foreign, instances
from qbench.virtual.start import configure, start

CAPTURES = Path(__file__).parent / "captures/benchmark_model"


def aarch64_program(text: bytes) -> bytes:
    """An ELF file that writes `text` and ends with 7; needs no library."""
    ahead_bytes = 7 * 4  # from the second instruction to the text behind the last
    instructions = (
        0xD2800020,  # mov x0, #1
        0x10000001 | (ahead_bytes >> 2) << 5,  # adr x1, text
        0xD2800002 | len(text) << 5,  # mov x2, #len
        0xD2800808,  # mov x8, #64: write
        0xD4000001,  # svc #0
        0xD28000E0,  # mov x0, #7
        0xD2800BA8,  # mov x8, #93: exit
        0xD4000001,  # svc #0
    )
    code = b"".join(struct.pack("<I", each) for each in instructions) + text
    start, base = 0x78, 0x400000
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = start + len(code)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x10000) + code


def x86_64_program(stdout: bytes, stderr: bytes) -> bytes:
    """An ELF file that writes both texts and ends with 0; needs no library."""
    start, base = 0x78, 0x400000

    def write(stream: int, ahead_bytes: int, size: int) -> bytes:
        return (
            struct.pack("<BIBI", 0xB8, 1, 0xBF, stream)  # mov eax, 1: write; mov edi, stream
            + b"\x48\x8d\x35"
            + struct.pack("<I", ahead_bytes)  # lea rsi, [rip + ahead]
            + struct.pack("<BI", 0xBA, size)  # mov edx, size
            + b"\x0f\x05"  # syscall
        )

    one_bytes, after_lea_bytes = 24, 17  # of one write; from its start to behind its lea
    end = struct.pack("<BIBI", 0xB8, 60, 0xBF, 0) + b"\x0f\x05"  # exit(0)
    text_at = 2 * one_bytes + len(end)
    code = write(1, text_at - after_lea_bytes, len(stdout))
    code += write(2, text_at + len(stdout) - one_bytes - after_lea_bytes, len(stderr))
    code += end + stdout + stderr
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = start + len(code)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000) + code


def sysroot(folder: Path) -> Path:
    (folder / "system/bin").mkdir(parents=True)
    (folder / "system/lib64").mkdir()
    (folder / "system/bin/linker64").write_bytes(b"the phone's linker")
    (folder / "system/lib64/libc.so").write_bytes(b"the phone's C library")
    return folder


def test_an_arm_program_runs_and_the_trees_libraries_are_where_android_has_them(
    tmp_path: Path,
) -> None:
    if shutil.which("qemu-aarch64-static") is None:
        pytest.skip("NOT TESTED: apt-get install qemu-user-static")
    with adb_of("29", tmp_path) as adb:
        config = configure("sd865", "arm", sysroot=sysroot(tmp_path / "tree"), data_bytes=10**7)
        instance = start(config)
        try:
            runs_arm(adb, Phone(instance, adb))
        finally:
            instances.stop("arm")


def runs_arm(adb: Adb, found: Phone) -> None:
    connect_tcp(adb.server, found.serial)
    program = "/data/local/tmp/program"
    found.device.push(aarch64_program(b"hello from arm\n"), program, mode=0o755)
    ran = found.device.run(program, timeout_s=60)
    assert (ran.text, ran.exit_code) == ("hello from arm\n", 7)
    assert found.shell("cat /system/bin/linker64 /system/lib64/libc.so") == (
        "the phone's linkerthe phone's C library"
    )
    assert found.shell("id -u") == "2000"
    assert found.shell("echo $ANDROID_ROOT $ANDROID_DATA; head -c 4 /dev/urandom | wc -c") == (
        "/system /data\n4"
    )


@pytest.mark.skipif(platform.machine() != "x86_64", reason="NOT TESTED: this is no x86-64")
def test_a_program_that_the_user_brings_runs_there_unchanged(tmp_path: Path) -> None:
    said = split_capture(
        (CAPTURES / "litert-2.1.4_linux-x86_64_default_small.txt").read_text(encoding="utf-8")
    )
    program = tmp_path / "linux_x86-64_benchmark_model"
    program.write_bytes(x86_64_program(said.stdout.encode(), said.stderr.encode()))
    with adb_of("36", tmp_path) as adb:
        desk = Desk(adb, tmp_path)
        with desk.phone("brought") as phone:
            ran = desk.qbench(
                *("run", "smallcnn", "--precision", "int8", "--serial", phone.address),
                *("--delegate", "cpu", "--benchmark-binary", str(program)),
                *("--repetitions", "1", "--rest", "0", "--json"),
            )
    assert ran.returncode == 0, ran.stderr
    body = json.loads(ran.stdout)
    (row,) = [r for r in body["results"] if r["origin"] == "emulated"]
    assert (row["p50_us"], row["init_us"], row["first_invoke_us"]) == (35, 685, 52)
    (line,) = [
        found
        for found in (desk.folder / body["session_dir"] / "runs.jsonl").read_text().splitlines()
        if '"emulated"' in found
    ]
    assert hashlib.sha256(program.read_bytes()).hexdigest() in line


def test_a_folder_that_is_no_android_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Android tree"):
        foreign.folders(tmp_path)


def test_without_qemu_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError) as caught:
        foreign.interpreters()
    assert "qemu-user-static" in (caught.value.hint or "")


def test_a_rule_fits_programs_of_its_processor_only() -> None:
    rule = foreign._rule("x", 2, 183, "/q")
    _, name, kind, offset, magic, mask, path, flags = rule.split(":")
    assert (name, kind, offset, path, flags) == ("x", "M", "", "/q", "F")
    wanted, bits = (bytes.fromhex(part.replace("\\x", "")) for part in (magic, mask))

    def fits(head: bytes) -> bool:
        return all(h & b == w & b for h, w, b in zip(head, wanted, bits, strict=False))

    program = aarch64_program(b"x")
    assert fits(program)
    assert not fits(program[:18] + b"\x3e" + program[19:])  # x86-64
    assert not fits(Path("/bin/true").read_bytes()[:20])
