"""A capture: one run of the tool in one text file, with its command line and exit code.

    $ benchmark_model --graph=...
    --- exit code: 0
    --- stdout:
    ...
    --- stderr:
    ...

Where both streams were caught as one (`2>&1`), the output follows the command at once and the
exit code stands at the end.
"""

from __future__ import annotations

import re

import msgspec

from qbench.errors import InputError

_EXIT = re.compile(r"^--- exit code: (-?\d{1,9})[ \t\r]*$", re.MULTILINE)
_STDOUT, _STDERR = "--- stdout:\n", "--- stderr:\n"


class Capture(msgspec.Struct, frozen=True):
    """`merged`: both streams are in `stdout`, as they interleaved."""

    command: str
    exit_code: int
    stdout: str
    stderr: str
    merged: bool


def decode_log(data: bytes) -> str:
    """The text of a saved log: UTF-8, or what a Windows shell made of it; never an error."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\x00" in data[:64]:
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def split_capture(text: str) -> Capture:
    """Raises InputError if the text is not of this form."""
    text = text.replace("\r\n", "\n")
    exits = list(_EXIT.finditer(text))
    if not text.startswith("$ ") or not exits:
        raise InputError(
            "capture: not of the form `$ command`, `--- exit code: N`, `--- stdout:`, ...",
            hint="give the streams as files with --stdout and --stderr",
        )
    command, _, body = text.partition("\n")
    before, found, after = text[len(command) + 1 : exits[0].start()], exits[0], ""
    if before.strip():  # both streams as one: the last marker is the capture's own
        found = exits[-1]
        body = text[len(command) + 1 : found.start()]
        return Capture(command[2:], int(found[1]), body, "", merged=True)
    after = text[found.end() + 1 :]
    if not after.startswith(_STDOUT):
        return Capture(command[2:], int(found[1]), after, "", merged=True)
    stdout, _, stderr = after[len(_STDOUT) :].rpartition(_STDERR)
    if not _:
        stdout, stderr = stderr, ""
    return Capture(command[2:], int(found[1]), stdout, stderr, merged=False)
