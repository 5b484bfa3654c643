"""qbench sql: answers, and a sandbox that hostile questions do not leave."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from fakes.histories import a_day
from fakes.sessions import FAILED, PHONE, a_named_case, a_session
from qbench.cli import main
from qbench.errors import InputError
from qbench.history import answer, database, sql
from qbench.history.columns import RunRow, column_texts, column_types
from qbench.records import Taint
from qbench.store import Session

CASE = a_named_case()
EVIL = "'; DROP VIEW runs; --\x1b[2J\x1b]0;pwned\x07<script>alert(1)</script>[/red],\n\"=1+1"


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `qbench sql`; returns exit code, stdout and stderr."""

    def run(*args: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["sql", *map(str, args)])
        out, err = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, out, err

    return run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days, two of them compacted, and a session that failed."""
    folder = tmp_path_factory.mktemp("sql") / "it's [a] *?"
    for day in range(3):
        a_day(folder, day, [(CASE, 9_000 + day), (a_named_case(threads=1), 18_000)])
        if day == 1:
            with pytest.raises(SystemExit):
                main(["history", "compact", "--results", str(folder)])
    a_session(folder, "failed", {CASE: FAILED})
    return folder


@pytest.fixture
def rows(told: Any, root: Path) -> Any:
    """The rows of an answer, by the name of their column."""

    def run(question: str) -> list[dict[str, Any]]:
        code, out, err = told("--results", root, "--json", question)
        assert code == 0, err
        return list(json.loads(out)["rows"])

    return run


# --- answers ------------------------------------------------------------------------------------


def test_every_run_is_a_row_whether_compacted_or_not(rows: Any) -> None:
    found = rows("SELECT session, count(*) AS n FROM runs GROUP BY session ORDER BY session")
    assert [each["n"] for each in found] == [5, 10, 10, 10]


def test_numbers_are_those_of_qbench_show(
    rows: Any, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for session in sorted(root.iterdir()):
        with pytest.raises(SystemExit):
            main(["show", str(session), "--json"])
        shown = {r["case_id"]: r for r in json.loads(capsys.readouterr().out)["results"]}
        found = rows(f"FROM runs WHERE case_run = 0 AND session = '{session.name}'")
        assert {row["case_id"] for row in found} == set(shown)
        for row in found:
            assert row["case_p50_us"] == shown[row["case_id"]]["p50_us"]
            assert row["model"] == shown[row["case_id"]]["model"]


def test_what_is_absent_is_null_and_never_0(rows: Any) -> None:
    (found,) = rows(
        "SELECT count(*) AS n, count(p50_us) AS numbers, count(p90_us) AS p90s, "
        "count(case_p50_us) AS medians, any_value(failure) AS why, any_value(taints) AS taints "
        "FROM runs WHERE kind = 'failure'"
    )
    assert (found["n"], found["numbers"], found["p90s"], found["medians"]) == (5, 0, 0, 0)
    assert (found["why"], found["taints"]) == ("RunnerCrashedError: signal 11", [])


def test_the_documented_columns_are_the_tables(told: Any, rows: Any) -> None:
    described = {row["column_name"]: row["column_type"] for row in rows("DESCRIBE runs")}
    assert described == column_types()
    assert [*described] == [*RunRow.__struct_fields__] == [*column_texts()]
    code, out, _ = told("--columns")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    for name in described:
        assert f"\n{name} " in out


def test_times_are_times(rows: Any) -> None:
    (found,) = rows(
        "SELECT max(started_at) - min(started_at) AS took, min(case_at) AS first, "
        "date_trunc('month', max(created_at)) AS month FROM runs WHERE kind = 'measurement'"
    )
    assert found["first"] == "2026-01-01T00:00:00"
    assert found["month"].startswith("2026-01-01")  # a DATE in DuckDB 1
    assert found["took"] == 2 * 86_400 + 9


def test_lists_can_be_asked(rows: Any) -> None:
    (found,) = rows(
        "SELECT count(*) AS n FROM runs WHERE list_contains(executed_by, 'cpu') AND len(taints) = 0"
    )
    assert found["n"] == 30


def test_csv_has_a_head_and_a_line_per_row(told: Any, root: Path) -> None:
    question = "SELECT case_id, p50_us, mask, executed_by, xnnpack FROM runs ORDER BY 1, 2 LIMIT 2"
    code, out, err = told("--results", root, "--csv", question)
    assert (code, err) == (0, "")
    head, *body = list(csv.reader(io.StringIO(out)))
    assert head == ["case_id", "p50_us", "mask", "executed_by", "xnnpack"]
    assert len(body) == 2
    assert body[0][2:] == ["", "cpu", "true"]


def test_values_that_json_does_not_know_are_told_as_it_can(rows: Any) -> None:
    (found,) = rows(
        "SELECT 1 / 0 AS inf, 'nan'::DOUBLE AS nan, 2::HUGEINT ** 0 AS one, 1.5::DECIMAL AS dec, "
        "170141183460469231731687303715884105727 AS huge, {'a': [1, NULL]} AS st, "
        "MAP {'k': 1} AS map, '\\xAA'::BLOB AS blob, DATE '2026-01-01' AS day, true AS yes, "
        "uuid() AS id"
    )
    assert (found["inf"], found["nan"], found["dec"]) == (None, None, 1.5)
    assert found["huge"] == "170141183460469231731687303715884105727"
    assert (found["st"], found["map"], found["blob"]) == ({"a": [1, None]}, {"k": 1}, "aa")
    assert (found["day"], found["yes"], len(found["id"])) == ("2026-01-01", True, 36)


def test_two_columns_of_one_name_are_refused_as_json_and_shown_otherwise(
    told: Any, root: Path
) -> None:
    code, _, err = told("--results", root, "--json", "SELECT 1 AS a, 2 AS a")
    assert code == 2
    assert "two columns are called 'a'" in err
    assert told("--results", root, "SELECT 1 AS a, 2 AS a")[0] == 0


# --- the terminal -------------------------------------------------------------------------------


def test_every_answer_fits_100_columns(told: Any, root: Path) -> None:
    for question in ("SELECT case_id, p50_us FROM runs", "FROM runs LIMIT 2", "SUMMARIZE runs"):
        code, out, _ = told("--results", root, question)
        assert code == 0
        assert max(map(len, out.splitlines())) <= 100
    _, out, _ = told("--results", root, "FROM runs LIMIT 2")
    assert out.startswith("row 1\n")
    for name in RunRow.__struct_fields__:
        assert f"  {name} " in out


def test_a_long_answer_says_that_it_is_cut(told: Any, root: Path) -> None:
    code, out, _ = told("--results", root, "SELECT * FROM range(1000)")
    assert code == 0
    assert len(out.splitlines()) == answer.MOST_ROWS + 3
    assert "only the first 200 rows are shown" in out
    _, out, _ = told("--results", root, "--csv", "SELECT * FROM range(1000)")
    assert len(out.splitlines()) == 1001
    assert "0 rows" in told("--results", root, "FROM runs WHERE false")[1]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(
            st.lists(st.text(max_size=40), min_size=n, max_size=n),
            st.lists(
                st.lists(
                    st.one_of(st.none(), st.integers(), st.floats(), st.booleans(), st.text()),
                    min_size=n,
                    max_size=n,
                ),
                max_size=4,
            ),
        )
    )
)
def test_no_answer_is_too_wide_or_drives_the_terminal(
    told: tuple[list[str], list[list[Any]]],
) -> None:
    heads, rows = told
    out = io.StringIO()
    found = sql.Answer(tuple(heads), iter([tuple(row) for row in rows]))
    answer.print_answer(Console(file=out, width=100, highlight=False), found)
    from rich.cells import cell_len

    lines = out.getvalue().split("\n")
    assert max(map(cell_len, lines)) <= 100
    assert all(line.isprintable() for line in lines)


# --- the sandbox --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_json('{root}/2026-01-01T0000Z-nightly/plan.json')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_text('https://example.com')",
        "COPY runs TO '{out}/a.csv'",
        "COPY (SELECT 1) TO '{file}'",
        "COPY (SELECT 1 AS a) TO '{file}' (FORMAT parquet, USE_TMP_FILE false)",
        "EXPLAIN ANALYZE COPY (SELECT 1 AS a) TO '{file}' (FORMAT parquet, USE_TMP_FILE false)",
        "EXPORT DATABASE '{out}/all'",
        "ATTACH '{out}/a.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE a AS SELECT 1",
        "DROP VIEW runs",
        "DELETE FROM runs",
        "UPDATE runs SET p50_us = 1",
        "INSERT INTO runs SELECT * FROM runs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET allowed_paths",
        "SET memory_limit = '100GB'",
        "PRAGMA enable_profiling",
        "CALL pragma_version()",
        "SELECT 1; DROP VIEW runs",
        "SELECT 1; SELECT 2",
        "PREPARE a AS SELECT 1",
        "SELECT * FROM question",  # a variable of this process
        "SELECT * FROM found",
        "SELECT getenv('HOME')",
        "SELECT * FROM query('COPY runs TO ''{out}/b.csv''')",
        "WITH a AS (DELETE FROM runs RETURNING *) SELECT * FROM a",
    ],
)
def test_a_question_reads_the_runs_and_nothing_else(
    told: Any, root: Path, tmp_path: Path, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = _files(root)
    compacted = next(root.rglob("*.parquet"))
    words = {"{root}": str(root), "{out}": str(tmp_path), "{file}": str(compacted)}
    for name, value in words.items():
        question = question.replace(name, value.replace("'", "''"))
    code, out, err = told("--results", root, question)
    assert (code, out) == (2, ""), out
    assert err.startswith("error: sql: ")
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "hint"]
    assert _files(root) == before
    assert not [*tmp_path.iterdir()]


def _files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("SELECT p5_us FROM runs", '"p50_us"'),
        ("SELEC", 'syntax error at or near "SELEC"'),
        ("", "no statement"),
        ("/* only a comment */", "no statement"),
        ("SELECT * FROM run", "run does not exist"),
        ("SELECT 'a'::INTEGER", "Could not convert string 'a'"),
        ("SELECT error('while the rows are made') FROM runs", "while the rows are made"),
    ],
)
def test_a_wrong_statement_is_one_clear_line_and_exit_2(
    told: Any, root: Path, question: str, said: str
) -> None:
    for form in ((), ("--json",), ("--csv",)):
        code, _, err = told("--results", root, *form, question)
        assert code == 2
        error, hint = err.splitlines()
        assert said in error
        assert hint.startswith("hint: ")


def test_ctrl_c_ends_a_question_that_takes_too_long(root: Path) -> None:
    # again and again: on a busy machine the first comes while modules are still loaded
    question = "SELECT count(*) FROM range(100000000000) t(i), runs WHERE md5(i::VARCHAR) = session"
    code = (
        "import os, signal, sys, threading\n"
        "from qbench.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "for late_s in (3, 20, 40, 60):\n"
        "    timer = threading.Timer(late_s, lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "    timer.daemon = True\n"
        "    timer.start()\n"
        "main(sys.argv[1:])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "sql", "--results", str(root), question],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr.strip() == "interrupted"


def test_a_contradiction_on_the_command_line_ends_with_2(told: Any, root: Path) -> None:
    assert told("--results", root)[0] == 2
    assert told("--results", root, "--csv", "--json", "SELECT 1")[0] == 2
    assert told("--results", root / "nowhere", "SELECT 1")[0] == 2


_WORDS = (
    *("SELECT", "*", "FROM", "runs", "p50_us", ",", "(", ")", "'", '"', ";", "--", "/*", "WHERE"),
    *("BY", "1", "NULL", "=", "$1", "?", "\x00", "é"),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    question=st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(_WORDS),
            max_size=8,
        ).map(" ".join),
    )
)
def test_any_text_is_answered_or_an_input_error(question: str, tmp_path: Path) -> None:
    small = tmp_path / "results"
    if not small.exists():
        a_day(small, 0, [(CASE, 9_000)], runs=1, invokes=2)
    with database.opened(small) as opened:
        try:
            [*sql.ask(opened, question).rows]
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right


# --- hostile names ------------------------------------------------------------------------------


def test_hostile_names_are_values_and_nothing_else(told: Any, tmp_path: Path) -> None:
    case = a_named_case(model=EVIL)
    device = msgspec.structs.replace(PHONE, serial=EVIL, fingerprint=EVIL)
    session = a_day(tmp_path / "r", 0, [(case, 9_000)], device=device, tool=EVIL)
    _taint(session)
    for _ in range(2):
        for question in ("SELECT model FROM runs", "FROM runs", "SELECT machine, 1 FROM runs"):
            code, out, _ = told("--results", tmp_path / "r", question)
            assert code == 0
            assert "\x1b" not in out
            assert "\x07" not in out
            assert "[/red]" in "".join(out.split())
        code, out, _ = told(
            "--results", tmp_path / "r", "--json", "SELECT DISTINCT model, machine, tool FROM runs"
        )
        assert "\x1b" not in out
        assert json.loads(out)["rows"] == [{"model": EVIL, "machine": EVIL, "tool": EVIL}]
        _, out, _ = told("--results", tmp_path / "r", "--csv", "SELECT DISTINCT model FROM runs")
        assert [*csv.reader(io.StringIO(out, newline=""))][1] == [EVIL]
        with pytest.raises(SystemExit):
            main(["history", "compact", "--results", str(tmp_path / "r")])


def test_csv_on_a_terminal_does_not_drive_it() -> None:
    found = sql.Answer((EVIL,), iter([(EVIL,)]))
    assert "\x1b" not in "".join(answer.csv_text(found, for_terminal=True))
    found = sql.Answer((EVIL,), iter([(EVIL,)]))
    assert "\x1b" in "".join(answer.csv_text(found, for_terminal=False))


def _taint(session: Session) -> None:
    """The last record carries taints, so that lists are not all empty."""
    *others, last = session.records()
    outcome = msgspec.structs.replace(last.outcome, taints=(Taint.CHARGING,))
    session.rewrite([*others, msgspec.structs.replace(last, outcome=outcome)])
