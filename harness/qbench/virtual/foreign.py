"""Programs of another processor in the device: an Android tree of the user's, run through qemu.

The kernel hands such programs to qemu-user by binfmt_misc, which since Linux 6.7 each user
namespace may have for itself; the interpreter is opened at registration (flag F), so it need not
be in the device. `-cpu max` gives wrong int8 results with qemu 7.2, hence the model of the core.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from qbench.errors import InputError
from qbench.virtual import linux

# e_machine of the ELF header -> qemu's program; ELF class 2 is 64-bit, 1 is 32-bit.
_PROGRAMS = {(2, 183): "qemu-aarch64-static", (1, 40): "qemu-arm-static"}
ENVIRONMENT = {"QEMU_CPU": "cortex-a76"}
# What a tree from a phone brings that our own tree leaves empty or has not.
_SHOWN = (
    "system/lib",
    "system/lib64",
    "system/bin/linker",
    "system/bin/linker64",
    "system/etc/ld.config.txt",
    "apex",
    "linkerconfig",
    "vendor/lib",
    "vendor/lib64",
)


def folders(sysroot: Path) -> dict[str, str]:
    """Place in the device -> file or folder of the tree to show there. Raises InputError."""
    found = {f"/{name}": str(sysroot / name) for name in _SHOWN if (sysroot / name).exists()}
    if not found:
        raise InputError(
            f"{sysroot}: no Android tree: it has none of {', '.join(_SHOWN)}",
            hint="give the folder that has system/bin/linker64 and system/lib64",
        )
    return found


def interpreters() -> dict[str, str]:
    """Name of the rule -> rule for binfmt_misc. Raises InputError when qemu is not installed."""
    rules = {}
    for (elf_class, machine), program in _PROGRAMS.items():
        path = shutil.which(program)
        if path is not None:
            rules[program] = _rule(program, elf_class, machine, path)
    if not rules:
        raise InputError(
            "virtual device: qemu is not installed", hint="apt-get install qemu-user-static"
        )
    return rules


def _rule(name: str, elf_class: int, machine: int, path: str) -> str:
    """`:name:M::magic:mask:interpreter:flags` (Linux admin-guide/binfmt-misc.rst)."""
    magic = b"\x7fELF" + bytes([elf_class, 1, 1]) + bytes(9) + b"\x02\x00" + bytes([machine, 0])
    # Any OS ABI; executables (2) and position-independent ones (3).
    mask = b"\xff" * 7 + b"\x00" + b"\xff" * 8 + b"\xfe\xff\xff\xff"
    return f":{name}:M::{_escaped(magic)}:{_escaped(mask)}:{path}:F"


def _escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def register(proc: str, rules: dict[str, str]) -> None:
    """Mount this namespace's binfmt_misc and write the rules. Raises OSError (before Linux 6.7)."""
    folder = f"{proc}/sys/fs/binfmt_misc"
    linux.mount("binfmt_misc", folder, "binfmt_misc")
    for rule in rules.values():
        Path(folder, "register").write_text(rule)
