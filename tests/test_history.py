"""qbench history, from folders of sessions to words and exit codes."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes import command_line
from fakes.histories import a_day, days, levels
from fakes.latency_samples import ON_NPU, a_measurement, records_of
from fakes.manual_clock import ManualClock
from fakes.sessions import FAILED, PHONE, a_named_case, a_session
from qbench import modelfile
from qbench.cli import main
from qbench.cli.histories import since_time
from qbench.errors import InputError, StoreError
from qbench.history import compact, database
from qbench.history.rows import rows_of, tool_name
from qbench.history.series import examined, load
from qbench.history.text import TREND, trend
from qbench.records import Delegate, DeviceInfo, Origin
from qbench.store import Session

CASE = a_named_case()
FLAT = a_named_case(threads=1)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `qbench history`; returns exit code, stdout and stderr."""
    return partial(command_line.told, capsys, "history")


@pytest.fixture
def series(told: Any) -> Any:
    """The series of `qbench history --json`, by case id."""

    def run(root: Path, *args: object) -> dict[str, dict[str, Any]]:
        code, out, err = told("--results", root, "--json", *args)
        assert code == 0, err
        return {each["case_id"]: each for each in json.loads(out)["series"]}

    return run


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """26 days; from day 20 on one case is 10 % slower, and the tool is another one."""
    root = tmp_path_factory.mktemp("stepped") / "results"
    late = [value * (1.1 if day >= 20 else 1) for day, value in enumerate(levels(26))]
    flat = levels(26, base_us=4_000, seed=1)
    for day in range(26):
        a_day(
            root,
            day,
            [(CASE, late[day]), (FLAT, flat[day])],
            tool_sha256=("t" if day < 20 else "u") * 64,
        )
    return root


# --- what is found ------------------------------------------------------------------------------


def test_a_step_of_10_percent_is_found_with_its_session_and_a_flat_series_is_silent(
    series: Any, stepped: Path
) -> None:
    found = series(stepped)
    (step,) = found[CASE.case_id]["steps"]
    assert abs(step["point"] - 20) <= 1
    assert step["ratio"] == pytest.approx(1.1, abs=0.02)
    assert step["session"] == f"2026-01-{21 + step['point'] - 20:02d}T0000Z-nightly"
    assert step["differs"] == ["tool"]
    assert found[FLAT.case_id]["steps"] == []
    assert 1.02 <= found[FLAT.case_id]["detectable_ratio"] < 1.1


def test_the_terminal_says_the_same_in_100_columns(told: Any, stepped: Path) -> None:
    code, out, _ = told("--results", stepped)
    assert code == 0, "a step that nobody has confirmed is no regression yet"
    assert max(map(len, out.splitlines())) <= 100
    assert f"step: {CASE.case_id}: slower by 10" in out
    assert "at the same time: another tool" in " ".join(out.split())
    assert "--confirm" in out
    assert f"step: {FLAT.case_id}" not in out
    row = next(line for line in out.splitlines() if line.startswith(FLAT.case_id))
    assert "|" in row, "the other tool is marked in the trend"


def test_numbers_are_those_of_qbench_show(
    series: Any, stepped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = Session.find(stepped)
    with pytest.raises(SystemExit):
        main(["show", str(newest.folder), "--json"])
    shown = {r["case_id"]: r for r in json.loads(capsys.readouterr().out)["results"]}
    for case_id, found in series(stepped).items():
        for name in ("p50_us", "low_us", "high_us"):
            assert round(found[name]) == round(shown[case_id][name])
        assert found["points"][-1]["session"] == newest.folder.name


def test_the_change_is_against_the_session_before(series: Any, tmp_path: Path) -> None:
    days(tmp_path, CASE, [10_000, 10_000, 12_000])
    found = series(tmp_path)[CASE.case_id]
    assert found["change_ratio"] == pytest.approx(1.2, abs=0.02)
    assert found["detectable_ratio"] is None, "three sessions tell nothing about steps"


def test_a_short_series_says_so(told: Any, tmp_path: Path) -> None:
    days(tmp_path, CASE, [10_000, 20_000])
    code, out, _ = told("--results", tmp_path)
    assert code == 0
    assert "1 of 1 series have fewer than 10 sessions" in out


def test_one_name_on_two_machines_is_two_series(told: Any, tmp_path: Path) -> None:
    other = msgspec.structs.replace(PHONE, serial="S2")
    for day in range(4):
        a_day(tmp_path, day, [(CASE, 9_000 + 9_000 * (day % 2))], device=(PHONE, other)[day % 2])
    code, out, _ = told("--results", tmp_path, "--json")
    assert code == 0
    found = json.loads(out)["series"]
    assert [(each["machine"], len(each["points"])) for each in found] == [("S1", 2), ("S2", 2)]
    _, out, _ = told("--results", tmp_path)
    assert f"{CASE.case_id} on S2" in " ".join(out.split())


def test_virtual_devices_of_one_host_are_one_series(series: Any, tmp_path: Path) -> None:
    case = a_named_case(origin=Origin.EMULATED)
    for day, serial in enumerate(("127.0.0.1:5001", "127.0.0.1:5002")):
        device = DeviceInfo("d", "virtual", Origin.EMULATED, serial=serial)
        a_day(tmp_path, day, [(case, 9_000)], device=device)
    assert len(series(tmp_path)[case.case_id]["points"]) == 2


def test_a_last_session_that_failed_is_told_and_is_no_number(told: Any, tmp_path: Path) -> None:
    days(tmp_path, CASE, [10_000] * 3)
    broken = a_session(tmp_path, "broken", {CASE: FAILED})
    _rewrite_time(broken, "2026-02-01T00:00:00+00:00")
    code, out, _ = told("--results", tmp_path)
    assert code == 0
    row = next(line for line in out.splitlines() if line.startswith(CASE.case_id))
    assert "failed" in row
    assert row.rstrip().endswith("x")
    assert "failed: all 5 runs of the last session" in out
    _, out, _ = told("--results", tmp_path, "--json")
    assert json.loads(out)["series"][0]["p50_us"] is None


def test_what_executes_the_model_is_a_part_of_a_step(series: Any, tmp_path: Path) -> None:
    case = a_named_case(delegate=Delegate.NNAPI)
    for day in range(12):
        session = a_day(tmp_path, day, [(case, 2_000)])
        if day < 6:
            fast = [a_measurement([990, 1_000, 1_010] * 8, placement=ON_NPU)] * 5
            session.rewrite(records_of(case, fast))
            _rewrite_time(session, f"2026-01-{day + 1:02d}T00:00:00+00:00")
    (step,) = series(tmp_path)[case.case_id]["steps"]
    assert "units" in step["differs"]
    assert step["ratio"] == pytest.approx(2, rel=0.05)


def test_halves_of_an_aa_plan_are_no_series(told: Any, tmp_path: Path) -> None:
    arm = msgspec.structs.replace(CASE, arm="A", case_id="m-int8-cpu-t4-A@d")
    days(tmp_path, arm, [10_000])
    code, _, err = told("--results", tmp_path)
    assert code == 2
    assert "no run fits any case" in err


def _rewrite_time(session: Session, at: str) -> None:
    """Sessions of other builders have all the same time."""
    session.rewrite([msgspec.structs.replace(r, started_at=at) for r in session.records()])


# --- filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "cases", "points"),
    [
        (("--case", CASE.case_id), {CASE.case_id}, 26),
        (("--case", "*-t1@*"), {FLAT.case_id}, 26),
        (("--device", "S1"), {CASE.case_id, FLAT.case_id}, 26),
        (("--device", "d"), {CASE.case_id, FLAT.case_id}, 26),
        (("--since", "2026-01-24"), {CASE.case_id, FLAT.case_id}, 3),
        (("--since", "2026-01-24T01:00+01:00", "--case", "m-*"), {CASE.case_id, FLAT.case_id}, 3),
    ],
)
def test_filters(
    series: Any, stepped: Path, words: tuple[str, ...], cases: set[str], points: int
) -> None:
    found = series(stepped, *words)
    assert set(found) == cases
    assert {len(each["points"]) for each in found.values()} == {points}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--case", "nobody"), "no run fits case 'nobody'"),
        (("--case", "no*"), "no run fits case 'no*'"),
        (("--device", "S9"), "no run fits device 'S9'"),
        (("--since", "2027-01-01"), "no run fits since 2027-01-01"),
        (("--since", "yesterday"), "'yesterday' is no time"),
    ],
)
def test_what_fits_nothing_is_one_line_a_hint_and_exit_2(
    told: Any, stepped: Path, words: tuple[str, ...], said: str
) -> None:
    code, out, err = told("--results", stepped, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "hint"]


def test_a_folder_without_sessions_says_so(told: Any, tmp_path: Path) -> None:
    assert told("--results", tmp_path)[0] == 2
    code, _, err = told("--results", tmp_path / "nowhere")
    assert code == 2
    assert "nowhere" in err


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("30d", "2025-12-02T00:00:00"),
        ("12h", "2025-12-31T12:00:00"),
        ("2w", "2025-12-18T00:00:00"),
        ("2026-01-01T02:00+02:00", "2026-01-01T00:00:00"),
    ],
)
def test_since_is_a_time_or_an_age(asked: str, expected: str) -> None:
    at = since_time(asked, ManualClock())
    assert at == datetime.fromisoformat(expected)


@given(st.text(max_size=30))
def test_any_other_since_is_an_input_error(text: str) -> None:
    try:
        at = since_time(text, ManualClock())
    except InputError as error:
        assert error.hint  # noqa: PT017 - either outcome is right
    else:
        assert at is not None
        assert at.tzinfo is None


# --- compacted sessions -------------------------------------------------------------------------


def test_compacting_changes_no_answer_and_no_record(told: Any, tmp_path: Path) -> None:
    root = tmp_path / "results"
    for day in range(4):
        a_day(root, day, [(CASE, 9_000), (FLAT, 4_000)])
    a_session(root, "failed", {CASE: FAILED})
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    _, loose, _ = told("--results", root, "--json")
    code, out, _ = told("compact", "--results", root)
    assert (code, out) == (0, f"{root}: 5 sessions: 5 written\n")
    assert told("--results", root, "--json")[1] == loose
    assert told("compact", "--results", root)[1].endswith(": 5 fresh\n")
    after = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert {p: after[p] for p in before} == before
    assert {p.suffix for p in after.keys() - before.keys()} == {".parquet"}
    assert len(after) == len(before) + 5


def test_options_before_compact_are_refused_since_they_would_be_lost(
    told: Any, tmp_path: Path
) -> None:
    days(tmp_path, CASE, [10_000])
    code, _, err = told("--results", tmp_path, "compact")
    assert code == 2
    assert "options of compact stand after it" in err
    assert not [*tmp_path.rglob("*.parquet")]


def test_a_session_that_goes_on_is_read_anew_and_compacted_anew(
    series: Any, told: Any, tmp_path: Path
) -> None:
    (session,) = days(tmp_path, CASE, [10_000])
    told("compact", "--results", tmp_path)
    (old,) = session.folder.glob("*.parquet")
    records = session.records()
    session.rewrite(records[:2])
    assert series(tmp_path)[CASE.case_id]["points"][0]["runs"] == 2
    told("compact", "--results", tmp_path)
    (new,) = session.folder.glob("*.parquet")
    assert new.name != old.name
    assert series(tmp_path)[CASE.case_id]["points"][0]["runs"] == 2


def test_a_draft_that_a_kill_left_is_never_read(series: Any, told: Any, tmp_path: Path) -> None:
    (session,) = days(tmp_path, CASE, [10_000])
    stamp = compact.stamp(session)
    (session.folder / f".runs-{stamp}.parquet.part").write_bytes(b"PAR1 half")
    (session.folder / "runs-0123456789abcdef.parquet").write_bytes(b"of another time")
    assert len(series(tmp_path)[CASE.case_id]["points"]) == 1
    assert told("compact", "--results", tmp_path)[1].endswith(": 1 written\n")
    assert [p.name for p in session.folder.glob("*.parquet")] == [f"runs-{stamp}.parquet"]


def test_a_damaged_parquet_is_told_as_such(told: Any, tmp_path: Path) -> None:
    (session,) = days(tmp_path, CASE, [10_000])
    told("compact", "--results", tmp_path)
    (path,) = session.folder.glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    code, _, err = told("--results", tmp_path)
    assert code == 2
    assert path.name in err
    assert "qbench history compact" in err


def test_sessions_without_runs_or_plan_are_passed_over(told: Any, tmp_path: Path) -> None:
    (session,) = days(tmp_path, CASE, [10_000])
    days(tmp_path, CASE, [10_000], first=1)
    (session.folder / "runs.jsonl").unlink()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").write_text("not a session")
    code, out, _ = told("compact", "--results", tmp_path, "--json")
    assert code == 0
    counts = {"written": 1, "fresh": 0, "empty": 1, "busy": 0}
    assert json.loads(out) == {"schema_version": 1, "sessions": 2, **counts}


def test_a_folder_that_cannot_be_written_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (session,) = days(tmp_path, CASE, [10_000])
    stamp = compact.stamp(session)
    (session.folder / f".runs-{stamp}.parquet.part").mkdir()
    with pytest.raises(StoreError, match="Is a directory"):
        compact.compact(session, duckdb.connect())


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return days(tmp_path_factory.mktemp("one"), CASE, [10_000], invokes=4)[0]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_file_cut_anywhere_has_the_runs_of_its_whole_lines(
    one: Session, data: st.DataObject, tmp_path: Path
) -> None:
    whole = (one.folder / "runs.jsonl").read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    session = _copy(one, tmp_path, whole[:cut])
    lines = whole[:cut].count(b"\n")
    assert len(rows_of(session)) == lines
    expected = compact.Compacted.WRITTEN if lines else compact.Compacted.EMPTY
    assert compact.compact(session, duckdb.connect()) is expected
    assert (session.folder / "runs.jsonl").read_bytes() == whole[:cut]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_elsewhere_is_an_error_that_names_the_line_or_no_damage(
    one: Session, data: st.DataObject, tmp_path: Path
) -> None:
    whole = (one.folder / "runs.jsonl").read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255))
    session = _copy(one, tmp_path, whole[:place] + bytes([byte]) + whole[place + 1 :])
    try:
        rows = rows_of(session)
    except StoreError as error:
        assert str(session.folder) in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert len(rows) <= whole.count(b"\n")
        with database.opened(session.folder.parent) as opened:
            assert [*load(opened.connection)]


def test_a_torn_line_in_the_middle_ends_with_2_and_its_number(told: Any, tmp_path: Path) -> None:
    (session,) = days(tmp_path, CASE, [10_000])
    path = session.folder / "runs.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:50] + b"\n" + b"".join(lines[2:]))
    for words in ((), ("compact",)):
        code, _, err = told(*words, "--results", tmp_path)
        assert code == 2
        assert f"{path}: line 2 is not a run record" in err
    assert not [*session.folder.glob("*.parquet")]


def _copy(of: Session, root: Path, runs: bytes) -> Session:
    folder = root / "session"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(of.folder, folder)
    (folder / "runs.jsonl").write_bytes(runs)
    return Session(folder)


# --- stale numbers ------------------------------------------------------------------------------


def test_a_number_is_stale_once_the_machine_has_another_system_or_tool(
    series: Any, told: Any, tmp_path: Path
) -> None:
    updated = msgspec.structs.replace(PHONE, fingerprint="build/2")
    a_day(tmp_path, 0, [(CASE, 9_000), (FLAT, 9_000)])
    a_day(tmp_path, 1, [(FLAT, 9_000)], device=updated, tool_sha256="u" * 64)
    found = series(tmp_path)
    assert found[CASE.case_id]["stale"] == [
        "the system is build/2 since",
        "the tool is a test since",
    ]
    assert found[FLAT.case_id]["stale"] == []
    assert series(tmp_path, "--case", CASE.case_id)[CASE.case_id]["stale"]
    _, out, _ = told("--results", tmp_path)
    row = next(line for line in out.splitlines() if line.startswith(CASE.case_id))
    assert "9.0" in row
    assert "*" in row
    assert f"* stale: the system is build/2 since [{CASE.case_id}]" in out


def test_another_machine_or_another_tool_makes_no_number_stale(series: Any, tmp_path: Path) -> None:
    other = msgspec.structs.replace(PHONE, serial="S2", fingerprint="build/2")
    a_day(tmp_path, 0, [(CASE, 9_000)], tool="benchmark_model 0a1b (arm64-v8a)")
    a_day(tmp_path, 1, [(FLAT, 9_000)], device=other, tool_sha256="u" * 64)
    app = "benchmark_model app 0c2d (arm64-v8a)"
    a_day(tmp_path, 2, [(FLAT, 9_000)], tool=app, tool_sha256="v" * 64)
    assert series(tmp_path)[CASE.case_id]["stale"] == []


def test_a_number_is_stale_once_the_models_file_is_another_one(series: Any, tmp_path: Path) -> None:
    model = tmp_path / "net.tflite"
    model.write_bytes(b"one")
    case = msgspec.structs.replace(
        CASE, model_path=str(model), model_sha256=modelfile.sha256(model)
    )
    days(tmp_path / "results", case, [9_000])
    assert series(tmp_path / "results")[case.case_id]["stale"] == []
    model.write_bytes(b"another")
    (reason,) = series(tmp_path / "results")[case.case_id]["stale"]
    assert reason == "the model file is another one now"
    model.unlink()
    assert series(tmp_path / "results")[case.case_id]["stale"] == []


def test_a_tools_name_is_what_stands_before_its_hash_or_version() -> None:
    assert tool_name("benchmark_model app 0a1b2c3d4e5f (arm64-v8a)") == "benchmark_model app"
    assert tool_name("ai-edge-litert 2.3.0") == "ai-edge-litert"
    assert tool_name("7zip") == "7zip"
    assert tool_name(None) is None


# --- hostile names ------------------------------------------------------------------------------

EVIL = "'; DROP VIEW runs; --\x1b[2J\x1b]0;pwned\x07<script>alert(1)</script>[/red][link=x]\n*?[a"


def test_hostile_names_are_inert(told: Any, tmp_path: Path) -> None:
    root = tmp_path / "it's [a] *?"
    case = a_named_case(model=EVIL)
    device = msgspec.structs.replace(PHONE, serial=EVIL, fingerprint=EVIL)
    for day in range(2):
        a_day(root, day, [(case, 9_000)], device=device, tool=EVIL)
    for _ in range(2):
        code, out, err = told("--results", root)
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "[/red]" in "".join(out.split()), "markup is text"
        assert max(map(len, out.splitlines())) <= 100
        code, out, _ = told("--results", root, "--json", "--device", EVIL, "--case", case.case_id)
        assert code == 0
        (found,) = json.loads(out)["series"]
        assert (found["machine"], found["case_id"]) == (EVIL, case.case_id)
        told("compact", "--results", root)


@given(st.lists(st.one_of(st.none(), st.integers(1, 10**9)), min_size=1, max_size=40))
def test_a_trend_has_a_sign_per_point_whatever_the_points(medians: list[int | None]) -> None:
    found = examined([_point(value) for value in medians])
    drawn = trend(found.points)
    assert len(drawn) == min(len(medians), TREND)
    assert set(drawn) <= set("▁▂▃▄▅▆▇█x")
    assert drawn.count("x") == medians[-TREND:].count(None)


def test_a_flat_trend_looks_flat() -> None:
    drawn = trend([_point(round(value)) for value in levels(16, sigma=0.003)])
    assert set(drawn) <= set("▄▅")


def _point(p50_us: int | None) -> Any:
    from qbench.history.series import Point

    return Point(
        case_id="c",
        machine="m",
        device="d",
        origin="device",
        model="m",
        session="s",
        at=None,
        model_path="p",
        model_sha256="0",
        system=None,
        tool=None,
        tool_sha256=None,
        units=(),
        p50_us=p50_us,
        low_us=None,
        high_us=None,
        runs=1,
        failed_runs=0,
        tier=None,
        taints=(),
    )


def test_a_predicted_series_says_that_it_is_simulated(told: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "smallcnn", "--precision", "int8", "--device", "sd865", "--delegate", "nnapi",
              "--repetitions", "1", "--out", str(tmp_path / "r")])  # fmt: skip
    assert ended.value.code == 0
    _, out, _ = told("--results", tmp_path / "r")
    assert "-sim: SIMULATED, computed and not measured; interval = 90 % band, tier S1" in out
    _, out, _ = told("--results", tmp_path / "r", "--case", "*@host")
    assert "SIMULATED" not in out
