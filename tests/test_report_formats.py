"""What other tools read: Markdown, CSV, Parquet, JSON, JUnit, traces, overlays, trackers."""

from __future__ import annotations

import csv as stdlib_csv
import importlib
import importlib.util
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import duckdb
import msgspec
import pytest
import xmlschema
from markdown_it import MarkdownIt

from fakes.reports import HOSTILE, a_comparison, a_content, judged
from qbench.cli import simulating
from qbench.records import Delegate, Origin
from qbench.report import (
    benchmark_action,
    csv,
    document,
    flat,
    html,
    junit,
    markdown,
    model_explorer,
    parquet,
    trace,
)
from qbench.report.row import Row
from qbench.stats import Kept
from qbench.units import format_ms

SCHEMAS = Path(__file__).parent / "schemas"


def _rows(content: html.Content) -> list[Row]:
    return [row for session in content.sessions for row in session.rows]


def _flat(content: html.Content) -> list[flat.CaseRow]:
    return [flat.case_row(s.name, row) for s in content.sessions for row in s.rows]


def _runs(content: html.Content) -> list[flat.RunRow]:
    (session,) = content.sessions
    cases = {case.case_id: case for case in session.plan.cases}
    return [flat.run_row(session.name, cases[r.case_id], r) for r in session.records]


# -- CSV and Parquet


def test_csv_has_a_line_per_case_and_leaves_absent_values_empty() -> None:
    rows = _flat(a_content())
    read = list(stdlib_csv.DictReader(io.StringIO(csv.render(rows, flat.CaseRow))))
    assert [line["case_id"] for line in read] == [row.case_id for row in rows]
    failed = next(line for line in read if line["failure"])
    assert failed["p50_us"] == failed["low_us"] == failed["nodes_npu"] == ""
    simulated = next(line for line in read if line["origin"] == "simulated")
    assert simulated["tier"] == "S1"
    assert simulated["interval_level"] == "0.9"


@pytest.mark.parametrize(
    "render",
    [
        lambda c: csv.render(_flat(c), flat.CaseRow),
        lambda c: csv.render(_runs(c), flat.RunRow),
        lambda c: junit.render(c.sessions),
        lambda c: benchmark_action.render(_rows(c)),
        lambda c: benchmark_action.render_bencher(_rows(c)),
    ],
)
def test_a_predicted_number_has_its_band_wherever_it_goes(
    render: Callable[[html.Content], str],
) -> None:
    content = a_content()
    text = render(content)
    simulated = [row.summary for row in _rows(content) if row.summary.tier is not None]
    assert simulated
    for s in simulated:
        assert s.interval is not None
        assert s.p50_us is not None
        low, high = s.interval.low, s.interval.high
        half = max(high - s.p50_us, s.p50_us - low)
        words = [  # us, ms, ns or half the width, as each format has it
            [f"{round(low)}", f"{round(high)}"],
            [f"{format_ms(low)}-{format_ms(high)} ms", f"tier {s.tier}"],
            [f"{low * 1000}", f"{high * 1000}"],
            [f"{half / 1000:.4g}", f"tier {s.tier}"],
        ]
        assert any(all(word in text for word in each) for each in words), (s.case.case_id, text)


def test_csv_of_hostile_names_reads_back_as_written() -> None:
    rows = _flat(a_content(HOSTILE, runs=2))
    read = list(stdlib_csv.DictReader(io.StringIO(csv.render(rows, flat.CaseRow))))
    assert [line["model"] for line in read] == [row.model for row in rows]


def test_csv_of_runs_has_every_record() -> None:
    content = a_content(runs=3)
    read = list(stdlib_csv.DictReader(io.StringIO(csv.render(_runs(content), flat.RunRow))))
    assert len(read) == len(content.sessions[0].records)
    kinds = {line["kind"] for line in read}
    assert kinds == {"measurement", "prediction", "failure"}


@pytest.mark.parametrize("kind", [flat.CaseRow, flat.RunRow])
def test_parquet_holds_the_same_with_its_types(tmp_path: Path, kind: type) -> None:
    content = a_content(HOSTILE[:3], runs=2)
    rows: Any = _flat(content) if kind is flat.CaseRow else _runs(content)
    file = tmp_path / "rows.parquet"
    parquet.write(rows, kind, file)
    with duckdb.connect() as database:
        read = database.read_parquet(str(file))
        types = dict(zip(read.columns, map(str, read.types), strict=True))
        values = [dict(zip(read.columns, line, strict=True)) for line in read.fetchall()]
    assert values == [msgspec.to_builtins(row) for row in rows]
    assert types["init_us"] == "BIGINT"
    assert types["taints"] == "VARCHAR[]"
    assert types["tool_sha256" if kind is flat.RunRow else "mask"] == "VARCHAR"  # though all absent


# -- JSON


def test_json_says_all_and_fits_its_published_schema() -> None:
    content = a_content(HOSTILE, runs=2)
    infos = [session.info for session in content.sessions]
    text = document.render(content.made_at, content.qbench_version, infos, _flat(content))
    back = msgspec.json.decode(text, type=document.Document)
    assert len(back.results) == len(_rows(content))
    assert json.loads(text)["results"][0]["tier"] is None


def test_the_published_schema_is_that_of_this_version() -> None:
    published = json.loads((SCHEMAS / "results.schema.json").read_text(encoding="utf-8"))
    assert published == json.loads(msgspec.json.encode(document.schema())), (
        "qbench report --format json-schema makes it anew"
    )


# -- JUnit


def test_junit_fits_its_schema_whatever_the_names() -> None:
    content = a_content((*HOSTILE, "\x00\x1b[31m\ud800"), runs=2, title="\x07 ")
    text = junit.render((judged(content),), a_comparison())
    schema = xmlschema.XMLSchema(SCHEMAS / "junit.xsd")
    schema.validate(text)


def test_junit_counts_what_failed_and_what_was_skipped() -> None:
    content = a_content()
    session = judged(content)
    root = ElementTree.fromstring(junit.render((session,), a_comparison()))
    cases, compared = root
    failed = sum(row.summary.failed_runs > 0 for row in _rows(content))
    broken = sum(check.status is Kept.BROKEN for check in session.checks)
    unknown = sum(check.status is Kept.UNKNOWN for check in session.checks)
    assert broken > 0 < unknown
    assert (cases.get("errors"), cases.get("failures")) == (str(failed), str(broken))
    assert cases.get("skipped") == str(unknown)
    assert (compared.get("failures"), compared.get("skipped")) == ("1", "1")
    for suite in root:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
    slower = next(c for c in compared.iter("testcase") if c.get("name") == "slower")
    problem = slower.find("failure")
    assert problem is not None
    assert (problem.get("message") or "").startswith("+9")


# -- Markdown


def test_markdown_makes_no_markup_of_names() -> None:
    content = a_content(HOSTILE, runs=2)
    text = markdown.render(content.title, _rows(content), a_comparison())
    page = MarkdownIt("commonmark").enable("table").render(text)
    outside = re.sub(r"<code>.*?</code>", "", page, flags=re.S)
    assert set(re.findall(r"<(\w+)", outside)) <= _TABLE_TAGS
    assert "@someone" not in outside
    assert "hacked" not in outside
    cases = page.split("<table>")[-1]
    assert {row.count("<td") for row in cases.split("<tr>")[2:]} == {9}
    assert cases.count("<tr>") == 1 + len(_rows(content))


_TABLE_TAGS = set(
    [
        "h3",
        "p",
        "strong",
        "ul",
        "li",
        "details",
        "summary",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ]
)


def test_markdown_leads_with_what_changed_and_says_what_is_simulated() -> None:
    content = a_content()
    checks = judged(content).checks
    text = markdown.render(content.title, _rows(content), a_comparison(), checks)
    assert "budget broken: p50 <= 5 ms" in text
    assert text.index("**slower**") < text.index("| model |")
    assert "SIMULATED: computed, not measured" in text
    assert "**CPU, not nnapi**" in text


def test_markdown_that_is_too_long_keeps_what_needs_attention_and_says_what_is_missing() -> None:
    content = a_content([f"model_{n}" for n in range(120)], runs=2, invokes=5)
    text = markdown.render(content.title, _rows(content))
    assert len(text) <= 65_536
    assert "left out for length" in text
    assert "failed" in text.split("left out")[0]
    assert "model_119" in text  # the last one, whose runs failed


# -- trackers


def test_trackers_get_numbers_with_their_ranges_and_nothing_for_failures() -> None:
    rows = _rows(a_content())
    known = [row.summary for row in rows if row.summary.p50_us is not None]
    entries = json.loads(benchmark_action.render(rows))
    assert [entry["name"] for entry in entries] == [s.case.case_id for s in known]
    assert all(set(entry) == {"name", "unit", "value", "range", "extra"} for entry in entries)
    assert entries[0]["value"] == (known[0].p50_us or 0) / 1000
    bencher = json.loads(benchmark_action.render_bencher(rows))
    assert set(bencher) == {s.case.case_id for s in known}
    latency = bencher[known[0].case.case_id]["latency"]
    assert latency["lower_value"] <= latency["value"] <= latency["upper_value"]
    assert latency["value"] == (known[0].p50_us or 0) * 1000  # nanoseconds


# -- operators


@pytest.fixture(scope="module")
def foreseen() -> tuple[list[html.Foreseen], html.ModelFacts]:
    from qbench import modelfile, models
    from qbench.records import Precision

    path = models.resolve("smallcnn", [Precision.INT8])[0]
    question = simulating.Question(names=(str(path),), device="sd865", ops=True)
    asked, answers = simulating.ask(question)
    model = modelfile.read(path)
    facts = html.ModelFacts(
        name="smallcnn",
        precision="int8",
        sha256="s",
        file_bytes=1,
        weight_bytes=1,
        activation_bytes=None,
        macs=None,
        graph_name=model.main.name,
        op_macs=tuple(op.macs or 0 for op in model.main.ops),
        op_outputs=tuple(model.main.tensors[op.outputs[0]].name for op in model.main.ops),
    )
    told = [
        html.Foreseen(device=asked.device, title=asked.title, model_sha256="s", answer=answer)
        for answer in answers
    ]
    return told, facts


def test_a_trace_is_made_of_complete_events_that_follow_each_other_and_add_up(
    foreseen: tuple[list[html.Foreseen], html.ModelFacts],
) -> None:
    told, _ = foreseen
    body = json.loads(trace.render(told))
    assert set(body) >= {"traceEvents", "displayTimeUnit"}
    events = body["traceEvents"]
    assert {event["ph"] for event in events} == {"X", "M"}
    for pid, one in enumerate(told, 1):
        mine = [event for event in events if event["pid"] == pid]
        names = [e["args"]["name"] for e in mine if e["name"] == "process_name"]
        assert names[0].startswith("SIMULATED ")
        assert "90 % band" in names[0]
        assert "tier S1" in names[0]
        threads = {e["tid"] for e in mine if e["name"] == "thread_name"}
        at_us = 0.0
        for event in (e for e in mine if e["ph"] == "X"):
            assert event["tid"] in threads
            assert event["ts"] == pytest.approx(at_us, abs=0.01)
            assert event["dur"] >= 0
            at_us = event["ts"] + event["dur"]
        p50_us = getattr(one.answer.outcome, "p50_us", None)
        assert at_us == pytest.approx(p50_us, abs=1)


def test_an_overlay_names_tensors_of_the_model_and_adds_up_to_the_kernels(
    foreseen: tuple[list[html.Foreseen], html.ModelFacts],
) -> None:
    told, facts = foreseen
    files = model_explorer.render(told, [facts])
    assert len(files) == len(told)
    for one, text in zip(told, files.values(), strict=True):
        ((graph, data),) = json.loads(text).items()
        assert graph == facts.graph_name
        assert set(data["results"]) <= set(facts.op_outputs)
        assert [stop["stop"] for stop in data["gradient"]] == [0, 1]
        kernels_us = sum(k.time_us for k in one.answer.kernels if k.ops)
        values = [entry["value"] for entry in data["results"].values()]
        assert sum(values) == pytest.approx(kernels_us, rel=1e-3)
        assert all(set(entry) == {"value"} for entry in data["results"].values())


def test_an_overlay_is_what_model_explorers_own_types_say(
    foreseen: tuple[list[html.Foreseen], html.ModelFacts],
) -> None:
    """It publishes no schema: its node_data_builder is one. Unknown fields are TypeErrors."""
    types = _node_data_types()
    told, facts = foreseen
    for text in model_explorer.render(told, [facts]).values():
        ((graph, data),) = json.loads(text).items()
        built = types.GraphNodeData(
            results={name: types.NodeDataResult(**one) for name, one in data["results"].items()},
            gradient=[types.GradientItem(**stop) for stop in data["gradient"]],
            **{key: value for key, value in data.items() if key not in ("results", "gradient")},
        )
        again = json.loads(types.ModelNodeData({graph: built}).to_json_string())[graph]
        assert {key: again[key] for key in data} == data


def _node_data_types() -> ModuleType:
    """Beneath an empty package of its name: the package itself would start with a web server."""
    spec = importlib.util.find_spec("model_explorer")
    if spec is None:
        pytest.skip("not installed: ai-edge-model-explorer (scripts/test does)")
    package = ModuleType("model_explorer")
    package.__path__ = spec.submodule_search_locations or []
    sys.modules.setdefault("model_explorer", package)
    return importlib.import_module("model_explorer.node_data_builder")


def test_delegates_and_origins_of_the_made_up_contents_are_all_there() -> None:
    rows = _rows(a_content())
    assert {row.summary.case.delegate for row in rows} == {
        Delegate.CPU,
        Delegate.GPU,
        Delegate.NNAPI,
    }
    assert {row.summary.case.origin for row in rows} == {
        Origin.DEVICE,
        Origin.SIMULATED,
        Origin.HOST,
    }
