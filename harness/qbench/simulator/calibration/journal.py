"""Every answer on disk the moment it is there, so that a killed calibration goes on."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from qbench.errors import InputError, StoreError
from qbench.simulator.calibration.document import Answer

_VERSION = 1


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the answers belong to: nothing else may be mixed with them."""

    journal_version: int
    fingerprint: str


class Journal:
    """One line for each answer behind a header; a line that a crash has cut is dropped."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self._header = Header(journal_version=_VERSION, fingerprint=fingerprint)

    def begin(self, *, resume: bool) -> list[Answer]:
        """The answers that are there already.

        Raises InputError when there is a journal and nobody asked to go on with it, or when it
        is of another device or runtime; StoreError when it cannot be read or written.
        """
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
            if content and not resume:
                raise InputError(
                    f"{self.path}: a calibration was interrupted here",
                    hint="go on with --resume, or remove the file to begin anew",
                )
            lines = content.split(b"\n")[:-1]
            if lines and msgspec.json.decode(lines[0], type=Header) != self._header:
                raise InputError(
                    f"{self.path}: its answers are of another device or runtime",
                    hint="remove the file to begin anew",
                )
            answers = [msgspec.json.decode(line, type=Answer) for line in lines[1:]]
            whole = b"".join(line + b"\n" for line in lines)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(whole or msgspec.json.encode(self._header) + b"\n")
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeError) as error:
            raise InputError(
                f"{self.path}: not a calibration's journal: {error}", hint="remove it"
            ) from error
        return answers

    def append(self, answer: Answer) -> None:
        try:
            with self.path.open("ab") as stream:
                stream.write(msgspec.json.encode(answer) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error

    def end(self) -> None:
        """The calibration is written: the journal has served."""
        self.path.unlink(missing_ok=True)
