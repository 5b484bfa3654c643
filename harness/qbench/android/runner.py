"""android_runner/ on one device: put there, asked, and read. One round trip for each question."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from qbench import assets
from qbench.adb.transport import Completed, Transport
from qbench.android.joblist import JobList, render
from qbench.android.note import Note
from qbench.android.note import read as read_note
from qbench.android.note import render as render_note
from qbench.errors import (
    CommandError,
    DeviceStorageError,
    RunnerOutputError,
    RunnerVersionError,
    TransferError,
)
from qbench.formats import runner as reader

T = TypeVar("T")

BASE = "/data/local/tmp/qbench"  # beside the cache of qbench.adb.cache
# A link that is half open is noticed that long after an answer was due.
_ASK_S = 10.0
_WAIT_SLACK_S = 6.0
_CONTACT_S = 30.0  # `settings put` takes a second on a phone
_FILE_S = 20.0  # the largest result, over the slowest link worth using
# The runner ends after its current look at the device, kills the tool and puts settings back.
_STOP_S = 60.0
_OTHER_VERSION, _NO_SESSION, _NOT_THERE = 64, 65, 66
_OWN_CODES = (0, 1, _OTHER_VERSION, _NO_SESSION)
_MISUNDERSTOOD = (_OTHER_VERSION, _NO_SESSION)
_ATTEMPTS = 3  # of a question whose answer comes damaged


class Runner:
    """`base`: the folder on the device that holds everything of qbench."""

    def __init__(self, transport: Transport, *, base: str = BASE) -> None:
        self._transport = transport
        self._base = base
        self._files = _files()
        digest = hashlib.sha256(b"".join(self._files.values())).hexdigest()
        self._folder = f"{base}/runner-{digest[:16]}"

    @property
    def folder(self) -> str:
        """Where its files are on the device."""
        return self._folder

    def contact(self) -> reader.Contact:
        """Look what is there, and put back what a runner left that died; installs the runner.

        Raises DeviceError, RunnerOutputError, RunnerVersionError.
        """
        answer = self._ask("contact", timeout_s=_CONTACT_S)
        if answer.exit_code == _NOT_THERE:
            self._install()
            answer = self._ask("contact", timeout_s=_CONTACT_S)
        return reader.read_contact(self._checked(answer).text)

    def stop(self) -> reader.Contact:
        """End whatever session runs, and put the device back. The runner must be installed."""
        return reader.read_contact(self._checked(self._ask("stop", timeout_s=_STOP_S)).text)

    def state(self) -> reader.Snapshot:
        """The device at this moment."""
        return reader.read_state(self._checked(self._ask("state")).text)

    def give(self, session: str, jobs: JobList, note: Note) -> None:
        """Put a session's note and list on the device; it must not run now."""
        folder = f"{self._base}/sessions/{session}"
        self._push(render_note(note), f"{folder}/note")
        self._push(render(jobs), f"{folder}/list")

    def start(self, session: str) -> None:
        """Begin, or go on with, a session that has its list. Again is no harm: what has a result
        is not run again. Raises CommandError when the device is another's."""
        answer = self._ask("start", session, timeout_s=_CONTACT_S)
        if answer.exit_code != 0:
            raise CommandError(
                f"device {self._transport.serial}: the runner did not start: {_said(answer)}",
                serial=self._transport.serial,
                command=answer.command,
                stdout=answer.stdout,
                stderr=answer.stderr,
                exit_code=answer.exit_code,
            )

    def wait(self, session: str, job: str, duration_s: int) -> reader.Waited:
        """Until the job's result is there, nobody works on it, or the time is over."""
        answer = self._ask(
            "wait", session, job, str(duration_s), timeout_s=duration_s + _WAIT_SLACK_S
        )
        if answer.exit_code == _NO_SESSION:
            return reader.Waited(outcome="gone")
        return reader.read_waited(self._checked(answer).text)

    def result(self, session: str, job: str) -> reader.ResultFile:
        """A finished job's file, verified."""
        return reader.split_result(self._pull(f"sessions/{session}/results/{job}"))

    def note(self, session: str) -> Note | None:
        """What the host that began it left; None: it got no further, or it cannot be read."""
        folder = f"{self._base}/sessions/{session}"
        names = {file.name for file in self._transport.list_folder(folder, timeout_s=_ASK_S)}
        if "note" not in names:
            return None
        with contextlib.suppress(RunnerOutputError):
            return read_note(self._pull(f"sessions/{session}/note"))
        return None

    def done(self, session: str) -> frozenset[str]:
        """The jobs that have a result."""
        folder = f"{self._base}/sessions/{session}/results"
        files = self._transport.list_folder(folder, timeout_s=_ASK_S)
        return frozenset(file.name for file in files)

    def prepared(self, session: str) -> reader.Prepared:
        text = self._pull(f"sessions/{session}/prepared").decode("utf-8", "replace")
        return reader.read_prepared(text)

    def end_early(self, session: str) -> None:
        """Let it stop after the job that runs now."""
        self._checked(self._ask("yield", session))

    def forget(self, session: str) -> None:
        """Remove a session that has ended, with its results."""
        answer = self._ask("forget", session)
        if answer.exit_code != _NO_SESSION:
            self._checked(answer)

    def _ask(self, *words: str, timeout_s: float = _ASK_S) -> Completed:
        """One question; its answer without the sum that proves it whole."""
        script = f"{self._folder}/runner.sh"
        line = f"[ -f {script} ] || exit {_NOT_THERE}; exec sh {script} {reader.PROTOCOL_VERSION} "
        line += " ".join(words)
        for attempt in range(_ATTEMPTS):
            answer = self._transport.run(line, timeout_s=timeout_s)
            text, _, sum_line = answer.stdout.rpartition(b"sum ")
            is_whole = answer.exit_code == _NOT_THERE or _is_whole(text, sum_line)
            is_last = attempt == _ATTEMPTS - 1
            # A bit can flip on the way there too, and make another question of this one.
            if is_whole and (is_last or answer.exit_code not in _MISUNDERSTOOD):
                return msgspec.structs.replace(answer, stdout=text)
            if is_last and answer.exit_code not in _OWN_CODES:
                return answer  # the shell's own failure
        raise TransferError(
            f"device {self._transport.serial}: android_runner: answers arrive damaged",
            hint="try another cable or USB port",
            serial=self._transport.serial,
            command=line,
            stdout=answer.stdout,
        )

    def _checked(self, answer: Completed) -> Completed:
        if answer.exit_code == 0:
            return answer
        said = _said(answer)
        message = f"device {self._transport.serial}: android_runner: exit code {answer.exit_code}"
        if answer.exit_code == _OTHER_VERSION:
            raise RunnerVersionError(f"{message}: {said}")
        kind = DeviceStorageError if "No space left" in said else CommandError
        raise kind(
            f"{message}: {said.splitlines()[-1] if said else 'nothing printed'}",
            serial=self._transport.serial,
            command=answer.command,
            stdout=answer.stdout,
            stderr=answer.stderr,
            exit_code=answer.exit_code,
        )

    def _install(self) -> None:
        # Last comes the one whose presence means that all are there.
        for name, body in self._files.items():
            self._push(body, f"{self._folder}/{name}")

    def _push(self, body: bytes, target: str) -> None:
        insist(lambda: self._transport.push(body, target, mode=0o755, timeout_s=_FILE_S))

    def _pull(self, name: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="qbench-") as folder:
            target = Path(folder) / "pulled"
            source = f"{self._base}/{name}"
            insist(lambda: self._transport.pull(source, target, timeout_s=_FILE_S))
            return target.read_bytes()


def insist(action: Callable[[], T]) -> T:
    """Try again what failed: a bit that flips in a path makes a file that is not there of one
    that is. For what may be done twice."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(CommandError):
            return action()
    return action()


def _files() -> dict[str, bytes]:
    sources = sorted(assets.folder("android_runner").glob("*.sh"))
    ordered = sorted(sources, key=lambda source: source.name == "runner.sh")
    return {source.name: source.read_bytes() for source in ordered}


def _is_whole(text: bytes, sum_line: bytes) -> bool:
    told = sum_line.split()
    return bool(told) and told[0].decode("ascii", "replace") in (
        "none",
        hashlib.sha256(text).hexdigest(),
    )


def _said(answer: Completed) -> str:
    return answer.text.strip() or answer.stderr.decode("utf-8", "replace").strip()
