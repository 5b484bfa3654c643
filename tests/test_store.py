"""Session folders: what is on disk, and what survives a crash, a full disk and a second writer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from qbench import plan
from qbench.errors import StoreError
from qbench.records import (
    Delegate,
    Failure,
    InvokeSamples,
    Measurement,
    Origin,
    OutputFormat,
    Precision,
    RawOutput,
    RawRun,
    RunRecord,
    SessionInfo,
)
from qbench.store import SCHEMA_VERSION, Session, slug

INFO = SessionInfo(
    schema_version=SCHEMA_VERSION,
    session_id="1",
    name="a name",
    created_at="2026-01-01T00:00:00+00:00",
    qbench_version="0",
    command=("qbench", "run"),
    devices=(),
)
PLAN = plan.expand(
    (plan.PlanModel("m", "/m", "a" * 64, Precision.INT8),),
    (plan.Target("host", Origin.HOST, (Delegate.CPU,), 1),),
    protocol=plan.protocol("quick"),
    seed=0,
    name="a name",
)


def _create(root: Path) -> Session:
    return Session.create(root, INFO, PLAN, "2026-01-01T0000Z")


def _record(sequence: int, text: str = "x") -> RunRecord:
    outcome: Measurement | Failure = (
        Failure("RunnerCrashedError", text)
        if sequence % 2
        else Measurement(
            init_latency_us=10,
            first_invoke_latency_us=5,
            warmup_invokes=1,
            invokes=InvokeSamples((1, 2, 3)),
            placement=None,
        )
    )
    return RunRecord(
        schema_version=SCHEMA_VERSION,
        sequence=sequence,
        case_id="m-int8-cpu-t1@host",
        repetition=sequence,
        origin=Origin.HOST,
        started_at="2026-01-01T00:00:00.000+00:00",
        before=None,
        after=None,
        tool="t",
        tool_sha256=None,
        outcome=outcome,
    )


def _raw(sequence: int, stdout: str) -> RawRun:
    return RawRun(
        sequence=sequence,
        case_id="m-int8-cpu-t1@host",
        repetition=sequence,
        started_at="2026-01-01T00:00:00.000+00:00",
        before=None,
        after=None,
        raw=RawOutput(OutputFormat.HOST_RUN, Origin.HOST, stdout, "err\r\n", 0, "t"),
    )


def test_a_session_is_named_by_minute_and_name_and_holds_plan_and_provenance(
    tmp_path: Path,
) -> None:
    session = _create(tmp_path)
    assert session.folder == tmp_path / "2026-01-01T0000Z-a-name"
    assert session.plan() == PLAN
    assert session.info() == INFO
    assert session.records() == []
    assert _create(tmp_path).folder.name == "2026-01-01T0000Z-a-name-2"


def test_records_come_back_as_they_were_appended(tmp_path: Path) -> None:
    session = _create(tmp_path)
    records = [_record(i) for i in range(5)]
    with session.writer() as writer:
        for record in records:
            writer.append(record)
    assert session.records() == records


def test_raw_output_comes_back_to_the_byte(tmp_path: Path) -> None:
    session = _create(tmp_path)
    odd = b"a\r\nb\x00\xff\xfe\n".decode("utf-8", "surrogateescape")
    with session.writer() as writer:
        writer.save_raw(_raw(0, odd))
        writer.save_raw(_raw(1, ""))
    assert list(session.raw_runs()) == [_raw(0, odd), _raw(1, "")]
    assert list(session.raw_runs(without={0})) == [_raw(1, "")]
    bare = [replace(run, raw=replace(run.raw, stdout="", stderr="")) for run in session.raw_runs()]
    assert list(session.raw_runs(with_streams=False)) == bare
    stem = "0000-m-int8-cpu-t1@host-r0"
    assert (session.folder / "raw" / f"{stem}.stdout").read_bytes() == b"a\r\nb\x00\xff\xfe\n"


def test_streams_without_their_facts_do_not_count_as_a_run(tmp_path: Path) -> None:
    session = _create(tmp_path)
    with session.writer() as writer:
        writer.save_raw(_raw(0, "out"))
    (session.folder / "raw" / "0000-m-int8-cpu-t1@host-r0.json").unlink()
    assert list(session.raw_runs()) == []


@given(st.integers(1, 400))
def test_a_last_line_cut_anywhere_is_dropped_and_the_rest_is_kept(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    session = _create(tmp_path_factory.mktemp("s"))
    with session.writer() as writer:
        for i in range(3):
            writer.append(_record(i))
    path = session.folder / "runs.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][: min(cut, len(lines[2]) - 1)])
    assert session.records() == [_record(0), _record(1)]
    with session.writer() as writer:
        writer.append(_record(2))
    assert session.records() == [_record(i) for i in range(3)]


def test_a_damaged_line_in_the_middle_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    session = _create(tmp_path)
    with session.writer() as writer:
        for i in range(3):
            writer.append(_record(i))
    path = session.folder / "runs.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"{]\n" + lines[2])
    with pytest.raises(StoreError, match="line 2"):
        session.records()


def test_a_second_writer_is_refused_while_the_first_one_writes(tmp_path: Path) -> None:
    session = _create(tmp_path)
    with (
        session.writer(),
        pytest.raises(StoreError, match="another qbench"),
        Session(session.folder).writer(),
    ):
        pass
    with session.writer():
        pass


def test_a_full_disk_is_one_clear_error_and_leaves_the_records_before_it(tmp_path: Path) -> None:
    session = _create(tmp_path)
    with session.writer() as writer:
        writer.append(_record(0))
        kept = session.folder / "kept.jsonl"
        (session.folder / "runs.jsonl").rename(kept)
        (session.folder / "runs.jsonl").symlink_to("/dev/full")
        with pytest.raises(StoreError, match="No space left") as caught:
            writer.append(_record(1))
        assert "free some space" in str(caught.value.hint)
        (session.folder / "runs.jsonl").unlink()
        kept.rename(session.folder / "runs.jsonl")
        writer.append(_record(1))
    assert session.records() == [_record(0), _record(1)]


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        _create(tmp_path / "file")


def test_the_newest_session_is_found_in_a_folder_of_sessions(tmp_path: Path) -> None:
    first = _create(tmp_path)
    newest = Session.create(tmp_path, INFO, PLAN, "2026-01-02T0000Z")
    assert Session.find(tmp_path).folder == newest.folder
    assert Session.find(first.folder).folder == first.folder
    with pytest.raises(StoreError, match="no session"):
        Session.find(newest.folder / "raw")


def test_rewriting_says_whether_a_byte_changed(tmp_path: Path) -> None:
    session = _create(tmp_path)
    with session.writer() as writer:
        writer.append(_record(0))
    before = (session.folder / "runs.jsonl").read_bytes()
    assert session.rewrite([_record(0)]) is False
    assert (session.folder / "runs.jsonl").read_bytes() == before
    assert session.rewrite([_record(0), _record(1)]) is True


@given(st.text())
def test_a_slug_is_always_a_safe_file_name(text: str) -> None:
    made = slug(text)
    assert made
    assert len(os.fsencode(made)) <= 80
    assert made[0] not in ".-"
    assert "/" not in made
