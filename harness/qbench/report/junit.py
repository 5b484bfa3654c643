"""Cases, budgets and regressions as tests, for CI servers: JUnit XML as Ant writes it.

The schema is windyroad's (github.com/windyroad/JUnit-Schema), the one that CI servers share. An
error is a case without a number, a failure a budget or a comparison that was not kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from xml.etree import ElementTree as Tree

from qbench.records import Summary
from qbench.report import budgets, comparison_text
from qbench.report.comparison import ComparedPair, Comparison
from qbench.report.html.content import Session
from qbench.stats import BudgetCheck, Kept, Ratio
from qbench.units import format_ms, printable


class Test(NamedTuple):
    """`problem`: (error | failure | skipped, type, message). `told`: how sure the time is, for the
    suite's properties, as the schema has none for a case."""

    group: str
    name: str
    time_s: float
    problem: tuple[str, str, str] | None = None
    told: str | None = None


def render(sessions: Sequence[Session], comparison: Comparison | None = None) -> str:
    """One suite per session, with its budgets, and one for the comparison if there is one."""
    suites = [
        _suite(session.name, session.info.created_at, _host(session), _cases(session))
        for session in sessions
    ]
    if comparison is not None:
        suites.append(_compared(comparison, sessions[0].info.created_at, _host(sessions[0])))
    return _document(suites)


def render_comparison(found: Comparison, made_at: str) -> str:
    """`qbench compare` alone: a test per case. `made_at` is UTC, ISO 8601."""
    return _document([_compared(found, made_at, "localhost")])


def _compared(found: Comparison, at: str, host: str) -> Tree.Element:
    """With what it rests on and what speaks against it: a test that passed does not say so."""
    told = {
        "baseline": found.baseline.asked,
        "candidate": found.candidate.asked,
        "metric": found.metric.value,
        "margin": f"{found.margin_ratio:.2%}",
        "across": ", ".join(found.across) or "nothing",
    }
    said = [*comparison_text.heads(found), *(line for line, _ in comparison_text.notes(found))]
    return _suite("comparison", at, host, _pairs(found), told, said)


def _document(suites: Sequence[Tree.Element]) -> str:
    root = Tree.Element("testsuites")
    for number, suite in enumerate(suites):
        suite.set("id", str(number))
        root.append(suite)
    Tree.indent(root)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + Tree.tostring(root, encoding="unicode") + "\n"
    )


def _cases(session: Session) -> list[Test]:
    cases = [_case(row.summary) for row in session.rows]
    return cases + [_budget(check) for check in session.checks]


def _case(s: Summary) -> Test:
    time_s = (s.p50_us or 0) / 1e6
    problem = None
    if s.failed_runs and s.failure is not None:
        told = f"{s.failed_runs} of {s.runs} runs: {s.failure.message}"
        problem = ("error", s.failure.error, told)
    elif s.p50_us is None:
        problem = ("skipped", "", "not run" if not s.runs else "no median was told")
    return Test("cases", s.case.case_id, time_s, problem, _sure(s))


def _sure(s: Summary) -> str | None:
    if s.p50_us is None:
        return None
    origin = f"{s.case.origin}".upper() if s.tier else f"{s.case.origin}"
    parts = [origin, f"tier {s.tier}"] if s.tier else [origin]
    if s.interval is not None:
        what = "90 % band" if s.tier else "95 % interval of the median"
        parts.append(f"{what} {format_ms(s.interval.low)}-{format_ms(s.interval.high)} ms")
    return ", ".join(parts)


def _budget(check: BudgetCheck) -> Test:
    problem = None
    if check.status is Kept.BROKEN:
        problem = ("failure", "budget", budgets.line_of(check))
    elif check.status is Kept.UNKNOWN:
        problem = ("skipped", "", budgets.line_of(check))
    return Test("budgets", f"{check.case_id}: {check.budget.text}", 0.0, problem)


def _pairs(comparison: Comparison) -> list[Test]:
    return [_pair(pair) for pair in comparison.pairs]


def _pair(pair: ComparedPair) -> Test:
    result = pair.result
    if isinstance(result, Ratio):
        words = f"{(result.ratio - 1) * 100:+.1f} %: {result.basis}"
    else:
        words = result.reason
    problem = None
    if pair.is_regression:
        problem = ("failure", pair.word, words)
    elif pair.word in ("refused", "inconclusive", "too few runs"):
        problem = ("skipped", "", f"{pair.word}: {words}")
    return Test("comparison", pair.label, 0.0, problem)


def _suite(
    name: str,
    at: str,
    host: str,
    tests: Sequence[Test],
    about: Mapping[str, str] = MappingProxyType({}),
    said: Sequence[str] = (),
) -> Tree.Element:
    """`about` become properties, `said` what the suite printed."""
    kinds = [test.problem[0] for test in tests if test.problem is not None]
    suite = Tree.Element(
        "testsuite",
        {
            "package": "qbench",
            "name": _token(name) or "session",
            "timestamp": at[:19],
            "hostname": _token(host) or "localhost",
            "tests": str(len(tests)),
            "failures": str(kinds.count("failure")),
            "errors": str(kinds.count("error")),
            "skipped": str(kinds.count("skipped")),
            "time": f"{sum(test.time_s for test in tests):.6f}",
        },
    )
    properties = Tree.SubElement(suite, "properties")
    told = {test.name: test.told for test in tests if test.told is not None}
    for key, value in {**about, **told}.items():
        Tree.SubElement(properties, "property", {"name": _token(key), "value": _text(value)})
    for test in tests:
        _test(suite, test)
    Tree.SubElement(suite, "system-out").text = "\n".join(map(_text, said)) or None
    Tree.SubElement(suite, "system-err")
    return suite


def _test(suite: Tree.Element, test: Test) -> None:
    case = Tree.SubElement(
        suite,
        "testcase",
        {
            "name": _token(test.name),
            "classname": f"qbench.{test.group}",
            "time": f"{test.time_s:.6f}",
        },
    )
    if test.problem is None:
        return
    kind, type_, message = test.problem
    if kind == "skipped":
        Tree.SubElement(case, kind).text = _text(message)
        return
    problem = Tree.SubElement(case, kind, {"type": type_, "message": _text(message)})
    problem.text = _text(message)


def _host(session: Session) -> str:
    devices = session.info.devices
    return devices[0].title if devices else "localhost"


_NOT_XML = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _text(text: str) -> str:
    """XML 1.0 has no control characters, not even escaped ones."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", printable(text))


def _token(text: str) -> str:
    """xs:token: single spaces, none at the ends."""
    return " ".join(_text(text).split())
