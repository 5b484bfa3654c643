"""qbench compare, from folders to words and exit codes."""

from __future__ import annotations

import json
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
import xmlschema
from markdown_it import MarkdownIt

from fakes import command_line
from fakes.latency_samples import Noise
from fakes.reports import HOSTILE, a_comparison
from fakes.sessions import FAILED, PHONE, a_named_case, a_session, latencies
from qbench.records import Delegate, Metric
from qbench.report import comparison_markdown
from qbench.store import Session

SCHEMAS = Path(__file__).parent / "schemas"
T1 = a_named_case(threads=1)
T2 = a_named_case(threads=2)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `qbench compare`; returns exit code, stdout and stderr."""
    return partial(command_line.told, capsys, "compare")


@pytest.fixture
def base(tmp_path: Path) -> Session:
    return a_session(tmp_path, "base", {T1: latencies(9000, seed=1), T2: latencies(6000, seed=2)})


def slower(tmp_path: Path, **options: Any) -> Session:
    cases = {T1: latencies(9900, seed=3), T2: latencies(6000, seed=4)}
    return a_session(tmp_path, "new", cases, **options)


def test_a_slower_case_is_named_with_its_size_and_ends_with_1(
    told: Any, base: Session, tmp_path: Path
) -> None:
    code, out, _ = told(base.folder, slower(tmp_path).folder)
    assert code == 1
    row = next(line for line in out.splitlines() if line.startswith("m int8 cpu t1 d"))
    assert "slower" in row
    assert "9.0" in row
    assert "9.9" in row
    assert "same within 2 %" in out
    assert out.splitlines()[-1] == "1 slower, 1 same"


def test_the_other_way_round_it_is_faster_and_ends_with_0(
    told: Any, base: Session, tmp_path: Path
) -> None:
    code, out, _ = told(slower(tmp_path).folder, base.folder)
    assert code == 0
    assert "faster" in out


def test_json_holds_every_number_and_null_for_what_is_absent(
    told: Any, base: Session, tmp_path: Path
) -> None:
    code, out, err = told(base.folder, slower(tmp_path).folder, "--json", "--margin", "3%")
    body = json.loads(out)
    assert (code, err) == (1, "")
    assert (body["metric"], body["margin_ratio"], body["has_regression"]) == ("p50", 0.03, True)
    assert body["counts"] == {"slower": 1, "same": 1}
    first = body["comparisons"][0]
    assert first["low_ratio"] < first["ratio"] < first["high_ratio"]
    assert first["ratio"] == pytest.approx(1.1, rel=0.01)
    assert (first["method"], first["runs"], first["unit"]) == ("unpaired", 10, "runs")
    assert first["refusal"] is None
    assert first["runs_more"] is None
    assert first["p_adjusted"] >= first["p_value"]


def test_two_selections_of_one_session_are_paired(told: Any, base: Session) -> None:
    code, out, _ = told(f"{base.folder}:*-t1@*", ":*-t2@*", "--json")
    body = json.loads(out)
    assert code == 0
    assert body["differing"] == ["threads"]
    (found,) = body["comparisons"]
    assert (found["method"], found["verdict"]) == ("paired", "faster")
    assert (found["baseline"], found["candidate"]) == (T1.case_id, T2.case_id)
    assert "they differ in threads: 1 -> 2" in told(f"{base.folder}:*-t1@*", ":*-t2@*")[1]


def test_an_open_question_says_how_many_more_runs_settle_it(told: Any, tmp_path: Path) -> None:
    noisy = Noise(between_run_sigma=0.02)
    few = {T1: latencies(9000, runs=5, seed=1, noise=noisy)}
    new = {T1: latencies(9000, runs=5, seed=7, noise=noisy)}
    one, two = a_session(tmp_path, "a", few), a_session(tmp_path, "b", new)
    code, out, _ = told(one.folder, two.folder, "--json")
    (found,) = json.loads(out)["comparisons"]
    assert (code, found["verdict"]) == (0, "inconclusive")
    assert found["runs_more"] == found["runs_needed"] - 5 > 0
    assert f"{found['runs_more']} more runs" in told(one.folder, two.folder)[1]


def test_another_phone_is_refused_with_2_and_the_flag_that_allows_it(
    told: Any, base: Session, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(PHONE, serial="S2")
    session = slower(tmp_path, device=other)
    code, out, _ = told(base.folder, session.folder)
    assert code == 2
    assert "another serial of d: S1 / S2 (--across device compares them all the same)" in " ".join(
        out.split()
    )
    code, out, _ = told(base.folder, session.folder, "--across", "device")
    assert code == 1
    assert "caution: across device: another serial of d: S1 / S2" in out


def test_another_tool_is_refused(told: Any, base: Session, tmp_path: Path) -> None:
    code, out, _ = told(base.folder, slower(tmp_path, tool_sha256="f" * 64).folder)
    assert code == 2
    assert "measured by another tool: tttttttttttt / ffffffffffff" in out


def test_one_run_is_refused(told: Any, tmp_path: Path) -> None:
    one = a_session(tmp_path, "a", {T1: latencies(9000, runs=1)})
    two = a_session(tmp_path, "b", {T1: latencies(18000, runs=1)})
    code, out, _ = told(one.folder, two.folder)
    assert code == 2
    assert "has one run" in out


def test_a_case_that_ran_before_and_fails_now_is_a_regression(
    told: Any, base: Session, tmp_path: Path
) -> None:
    new = a_session(tmp_path, "new", {T1: FAILED, T2: latencies(6000, seed=4)})
    code, out, _ = told(base.folder, new.folder)
    assert code == 1
    assert "broken" in out
    assert "RunnerCrashedError: signal 11" in out


def test_a_session_is_not_compared_with_itself(told: Any, base: Session) -> None:
    code, out, _ = told(base.folder, base.folder)
    assert code == 2
    assert "candidate and baseline are the same runs" in out


def test_several_sessions_per_side_by_a_pattern(told: Any, tmp_path: Path) -> None:
    for n, base_us in enumerate((9000, 9050, 8960, 9020)):
        a_session(tmp_path, f"old{n}", {T1: latencies(base_us, seed=n)})
        a_session(tmp_path, f"new{n}", {T1: latencies(base_us * 1.2, seed=n + 10)})
    code, out, _ = told(f"{tmp_path}/*-old*", f"{tmp_path}/*-new*", "--json")
    (found,) = json.loads(out)["comparisons"]
    assert (code, found["method"], found["unit"], found["runs"]) == (
        1,
        "hierarchical",
        "sessions",
        4,
    )
    text = told(f"{tmp_path}/*-old*", f"{tmp_path}/*-new*")[1]
    assert "hierarchical: t on the means of 4 sessions against 4" in text


def test_cases_without_a_partner_are_told(told: Any, base: Session, tmp_path: Path) -> None:
    gpu = a_named_case(delegate=Delegate.GPU)
    new = a_session(tmp_path, "n", {T1: latencies(9000, seed=5), gpu: latencies(900)})
    out = told(base.folder, new.folder)[1]
    assert "only in the baseline: m-int8-cpu-t2@d" in out
    assert "only in the candidate: m-int8-gpu-t4@d" in out


def test_the_protocols_metric_is_compared_unless_another_is_named(
    told: Any, tmp_path: Path
) -> None:
    sides = [
        a_session(tmp_path, name, {T1: latencies(9000, seed=n)}, metric=Metric.P90)
        for n, name in enumerate("ab")
    ]
    folders = [side.folder for side in sides]
    assert json.loads(told(*folders, "--json")[1])["metric"] == "p90"
    assert json.loads(told(*folders, "--metric", "p50", "--json")[1])["metric"] == "p50"
    code, out, _ = told(*folders, "--metric", "init")
    assert code == 2
    assert "the candidate has no init: not every run told it" in out


@pytest.mark.parametrize("asked", ["2", "0.02", "two%", "0%", "101%", "-1%"])
def test_a_margin_without_percent_or_out_of_range_is_refused(
    told: Any, base: Session, asked: str
) -> None:
    code, _, err = told(base.folder, base.folder, f"--margin={asked}")
    assert code == 2
    assert "is not a percentage" in err


@pytest.mark.parametrize(
    ("baseline", "candidate", "words"),
    [
        ("gone", "{base}", "gone: no session here"),
        ("{base}:*gpu*", "{base}", "no case fits '*gpu*'"),
        ("{base}", "{tmp}/none-*", "no session fits this pattern"),
        ("{base},{base}", "{base}", "the same session twice"),
        ("git:x", "{base}", "not of the form git:REF:FOLDER"),
    ],
)
def test_what_cannot_be_found_is_refused_by_name(
    told: Any, base: Session, tmp_path: Path, baseline: str, candidate: str, words: str
) -> None:
    sides = [a.format(base=base.folder, tmp=tmp_path) for a in (baseline, candidate)]
    code, _, err = told(*sides)
    assert code == 2
    assert words in err
    assert "hint" in err or "twice" in err or "pattern" in err


def test_a_table_of_long_names_fits_100_columns(told: Any, tmp_path: Path) -> None:
    case = a_named_case(model="efficientdet-lite4-with-a-name-that-goes-on-and-on" * 2)
    sides = [a_session(tmp_path, n, {case: latencies(9e6, seed=k)}) for k, n in enumerate("ab")]
    _, out, _ = told(*[side.folder for side in sides])
    table = out.split("change:")[0].split("\n\n")[1]
    assert max(len(line) for line in table.splitlines()) <= 100


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_results_of_a_commit_are_compared_with_those_of_today(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    a_session(tmp_path / "results", "nightly", {T1: latencies(9000, seed=1)})
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "results")
    new = a_session(tmp_path / "results", "today", {T1: latencies(9900, seed=2)})
    monkeypatch.chdir(tmp_path)
    code, out, _ = told("git:main:results", new.folder)
    assert code == 1
    assert "at commit" in out
    code, out, _ = told("git:HEAD:results/2026-01-01T0000Z-nightly:*-t1@*", new.folder, "--json")
    assert (code, json.loads(out)["counts"]) == (1, {"slower": 1})
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert told("git:main:../results", new.folder)[0] == 1


def test_a_ref_or_folder_that_git_does_not_have_is_refused(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    a_session(tmp_path / "results", "nightly", {T1: latencies(9000, seed=1)})
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "results")
    monkeypatch.chdir(tmp_path)
    for asked, words in (
        ("git:gone:results", "'gone' is no commit"),
        ("git:--output=x:results", "is no commit"),
        ("git:main:elsewhere", "has no session in elsewhere"),
    ):
        code, _, err = told(asked, "results")
        assert code == 2
        assert words in err
    assert not (tmp_path / "x").exists()


# -- forms


def _suite(text: str) -> ElementTree.Element:
    xmlschema.XMLSchema(SCHEMAS / "junit.xsd").validate(text)
    (suite,) = ElementTree.fromstring(text)
    return suite


def test_markdown_leads_with_the_verdicts_and_keeps_what_they_rest_on(
    told: Any, base: Session, tmp_path: Path
) -> None:
    code, out, _ = told(base.folder, slower(tmp_path).folder, "--format", "markdown")
    assert code == 1
    lines = out.splitlines()
    assert lines[0] == "### qbench compare: 1 slower, 1 same"
    rows = [line for line in lines if line.startswith("| `m int8")]
    assert [line.count("|") for line in rows] == [7, 7]
    assert rows[0].startswith("| `m int8 cpu t1 d` | 9.")
    assert "**slower" in rows[0]
    assert "same within 2 %" in rows[1]
    assert "unpaired: Welch's t on log run medians of 10 runs against 10" in out


def test_junit_fits_its_schema_and_fails_what_is_slower(
    told: Any, base: Session, tmp_path: Path
) -> None:
    code, out, _ = told(base.folder, slower(tmp_path).folder, "--format", "junit")
    assert code == 1
    suite = _suite(out)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "slower"
    about = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert about["margin"] == "2.00%"
    assert about["baseline"] == str(base.folder)


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit"])
@pytest.mark.parametrize(
    ("aspect", "changes"),
    [
        ("device", {"device": msgspec.structs.replace(PHONE, serial="S2")}),
        ("tool", {"tool_sha256": "f" * 64}),
    ],
)
def test_refusals_and_what_was_allowed_all_the_same_stay_in_every_form(
    told: Any, base: Session, tmp_path: Path, form: str, aspect: str, changes: dict[str, Any]
) -> None:
    session = slower(tmp_path, **changes)
    code, out, _ = told(base.folder, session.folder, "--format", form)
    assert code == 2
    assert "refused" in out
    assert f"--across {aspect} compares them" in " ".join(out.split())
    code, out, _ = told(base.folder, session.folder, "--format", form, "--across", aspect)
    assert code == 1
    assert f"across {aspect}: " in " ".join(out.split())


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit"])
def test_a_file_gets_what_stdout_would_have(
    told: Any, base: Session, tmp_path: Path, form: str
) -> None:
    sides = (base.folder, slower(tmp_path).folder, "--format", form)
    _, shown, _ = told(*sides)
    file = tmp_path / "out"
    code, out, _ = told(*sides, "-o", file)
    assert (code, out) == (1, "")
    moment = re.compile(r"timestamp=\"[^\"]*\"")
    assert moment.sub("", file.read_text()) == moment.sub("", shown)


def test_a_file_that_cannot_be_written_and_two_forms_at_once_are_refused(
    told: Any, base: Session, tmp_path: Path
) -> None:
    sides = (base.folder, slower(tmp_path).folder)
    code, _, err = told(*sides, "-o", tmp_path / "no" / "out")
    assert code == 2
    assert "choose another file with --out" in err
    code, _, err = told(*sides, "--json", "--format", "junit")
    assert code == 2
    assert "two forms of one output" in err


def test_a_comment_of_hostile_names_holds_them_as_text_and_stays_short() -> None:
    pairs = a_comparison().pairs
    many = tuple(
        msgspec.structs.replace(pair, label=f"{name} {n}")
        for n in range(300)
        for name in HOSTILE
        for pair in pairs[:1]
    )
    found = msgspec.structs.replace(a_comparison(), pairs=(*many, *pairs[1:]))
    text = comparison_markdown.render(found)
    assert len(text) <= 65_536
    assert "left out for length" in text
    page = MarkdownIt("commonmark").enable("table").render(text)
    outside = re.sub(r"<code>.*?</code>", "", page, flags=re.S)
    assert not {"img", "script", "svg", "a"} & set(re.findall(r"<(\w+)", outside))
    assert "hacked" not in outside
