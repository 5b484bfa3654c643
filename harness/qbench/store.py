"""Session folders: `session.json  plan.json  runs.jsonl  raw/`.

Everything is on disk (fsync) before the next run starts; raw output before it is read. A run's
raw output is complete once `raw/<run>.json` exists: it is written last, by rename. A line of
runs.jsonl that a crash cut short is tolerated at the end of the file and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import TypeVar

import msgspec

from qbench.errors import StoreError
from qbench.records import Plan, RawRun, RunRecord, SessionInfo

# History of the on-disk format:
#   1  first form
SCHEMA_VERSION = 1

_T = TypeVar("_T")
_encoder = msgspec.json.Encoder(order="deterministic")
# Bytes that are no UTF-8, or brackets without end, are not msgspec's errors.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_record_decoder = msgspec.json.Decoder(RunRecord)


class Session:
    """A session folder. Reading needs no lock; writing goes through `writer()`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # --- opening ---------------------------------------------------------------------------------

    @staticmethod
    def create(root: Path, info: SessionInfo, plan: Plan, stamp: str) -> Session:
        """A new folder `<root>/<stamp>-<name>`; plan and provenance are on disk when it returns.

        `stamp` is the UTC minute, `2026-11-24T0251Z`. Raises StoreError.
        """
        base = f"{stamp}-{slug(info.name)}"
        with _storing(root):
            root.mkdir(parents=True, exist_ok=True)
            for attempt in range(1, 1000):
                folder = root / (base if attempt == 1 else f"{base}-{attempt}")
                try:
                    folder.mkdir()
                except FileExistsError:
                    continue
                break
            else:
                raise StoreError(f"{root}: a thousand sessions named {base} exist already")
            (folder / "raw").mkdir()
            _write(folder / "session.json", msgspec.json.format(_encoder.encode(info)))
            # Last, since a folder is a session once it has a plan.
            _write(folder / "plan.json", msgspec.json.format(_encoder.encode(plan)))
            _sync_folder(root)
        return Session(folder)

    @staticmethod
    def find(path: Path) -> Session:
        """The session at `path`, or the newest one in it when `path` is a folder of sessions."""
        if (path / "plan.json").is_file():
            return Session(path)
        with _storing(path):
            inside = (
                sorted(p.parent for p in path.glob("*/plan.json") if p.parent.is_dir())
                if path.is_dir()
                else []
            )
        if inside:
            return Session(inside[-1])
        raise StoreError(
            f"{path}: no session here (no plan.json)",
            hint="give a folder that `qbench run` made, such as results/<date>-<name>",
        )

    # --- reading ---------------------------------------------------------------------------------

    def plan(self) -> Plan:
        return _load(self.folder / "plan.json", Plan)

    def info(self) -> SessionInfo:
        return _load(self.folder / "session.json", SessionInfo)

    def records(self) -> list[RunRecord]:
        """All records, in the order of the file, without a line cut by a crash at its end."""
        records, _ = self._records()
        return records

    def raw_runs(
        self, *, without: Set[int] = frozenset(), with_streams: bool = True
    ) -> Iterator[RawRun]:
        """All complete raw outputs in the order of the plan, but for those sequence numbers; not
        `with_streams`: stdout and stderr are left empty and on disk."""
        folder = self.folder / "raw"
        with _storing(folder):
            metas = sorted(folder.glob("*.json")) if folder.is_dir() else []
        for meta in metas:
            run = _load(meta, RawRun)
            if run.sequence in without:
                continue
            if not with_streams:
                yield run
                continue
            with _storing(meta):
                raw = msgspec.structs.replace(
                    run.raw,
                    stdout=_text(meta.with_suffix(".stdout").read_bytes()),
                    stderr=_text(meta.with_suffix(".stderr").read_bytes()),
                )
            yield msgspec.structs.replace(run, raw=raw)

    def _records(self) -> tuple[list[RunRecord], int]:
        """The records, and the length in bytes of the sound part of the file."""
        path = self.folder / "runs.jsonl"
        records: list[RunRecord] = []
        sound = 0
        with _storing(path):
            if not path.exists():
                return records, 0
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if not line.endswith(b"\n"):
                        break  # cut by a crash: only ever the last line
                    try:
                        records.append(_record_decoder.decode(line))
                    except _UNREADABLE as exc:
                        raise StoreError(
                            f"{path}: line {number} is not a run record: {exc}",
                            hint=f"qbench reread {self.folder} rebuilds the file from raw/",
                        ) from exc
                    sound += len(line)
        return records, sound

    # --- writing ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writer(self) -> Iterator[Writer]:
        """The one writer of this session; a second one gets a StoreError, not a mess."""
        import fcntl  # POSIX only, as is all that writes sessions

        with _storing(self.folder):
            handle = os.open(self.folder / "plan.json", os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise StoreError(
                    f"{self.folder}: another qbench is writing to this session",
                    hint="wait for it to end, or stop it",
                ) from exc
            yield Writer(self)
        finally:
            os.close(handle)

    def rewrite(self, records: Iterable[RunRecord]) -> bool:
        """Replace runs.jsonl by these records, in one step; False if that changes no byte."""
        path = self.folder / "runs.jsonl"
        body = b"".join(_encoder.encode(record) + b"\n" for record in records)
        with _storing(self.folder):
            if path.exists() and path.read_bytes() == body:
                return False
            _write(path, body)
        return True


class Writer:
    """Appends to a session, from several threads if need be; only `Session.writer()` makes one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._drop_cut_line()

    def save_raw(self, run: RawRun) -> None:
        """Put a run's streams on disk, then, as the mark that they are complete, its facts."""
        folder = self._session.folder / "raw"
        stem = f"{run.sequence:04d}-{run.case_id}-r{run.repetition}"
        bare = msgspec.structs.replace(
            run, raw=msgspec.structs.replace(run.raw, stdout="", stderr="")
        )
        with _storing(folder):
            folder.mkdir(exist_ok=True)
            _write(folder / f"{stem}.stdout", _bytes(run.raw.stdout))
            _write(folder / f"{stem}.stderr", _bytes(run.raw.stderr))
            _write(folder / f"{stem}.json", msgspec.json.format(_encoder.encode(bare)))

    def append(self, record: RunRecord) -> None:
        """Add one line to runs.jsonl; when it returns, the line is on disk."""
        line = _encoder.encode(record) + b"\n"
        path = self._session.folder / "runs.jsonl"
        with self._lock, _storing(path):
            is_new = not path.exists()
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                before = os.fstat(handle).st_size
                try:
                    _write_all(handle, line)
                    os.fsync(handle)
                except OSError:
                    with contextlib.suppress(OSError):
                        os.ftruncate(handle, before)  # a full disk leaves no half line behind
                    raise
            finally:
                os.close(handle)
            if is_new:
                _sync_folder(path.parent)

    def _drop_cut_line(self) -> None:
        path = self._session.folder / "runs.jsonl"
        _, sound = self._session._records()
        with _storing(path):
            if path.exists() and path.stat().st_size > sound:
                os.truncate(path, sound)


def slug(text: str) -> str:
    """`text` as a safe, readable part of a file name."""
    return re.sub(r"[^A-Za-z0-9._@+-]+", "-", text).strip("-.")[:80] or "session"


def _load(path: Path, kind: type[_T]) -> _T:
    with _storing(path):
        data = path.read_bytes()
    try:
        return msgspec.json.decode(data, type=kind)
    except _UNREADABLE as exc:
        raise StoreError(f"{path}: not a {kind.__name__} of this version of qbench: {exc}") from exc


def _write(path: Path, data: bytes) -> None:
    """Write a whole file so that it is either there complete or not there."""
    draft = path.with_name(f".{path.name}.part")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            _write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    _sync_folder(path.parent)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _sync_folder(folder: Path) -> None:
    """A new name is only safe once its folder is on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        hint = (
            "free some space, then: qbench resume on the session folder"
            if exc.errno == 28
            else "choose another folder with --out"
        )
        name = exc.filename or path
        raise StoreError(f"{name}: {exc.strerror or exc}", hint=hint) from exc
