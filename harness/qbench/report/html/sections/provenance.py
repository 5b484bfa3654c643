"""Where every number comes from, and the command that would make it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from qbench.records import DeviceInfo
from qbench.report.html.content import Content, Line, Session
from qbench.report.html.figure import section
from qbench.report.html.markup import Html, join, tag
from qbench.report.html.table import Cell, Column, Table
from qbench.report.html.words import TIERS, many
from qbench.units import printable


def render(content: Content, lines: Sequence[Line]) -> Html:
    made = f"Made {content.made_at} by qbench {content.qbench_version}."
    missing = [tag("p", text, cls="absent") for text in content.missing]
    sessions = [_session(session) for session in content.sessions]
    return section(
        "provenance",
        "Provenance",
        tag("p", made),
        *missing,
        *sessions,
        _models(content),
        _basis(lines),
        _tools(content),
    )


def command(session: Session) -> str:
    """The session's command line as it can be typed again."""
    _, *arguments = session.info.command or ("qbench",)
    return shlex.join(["qbench", *arguments])


def _session(session: Session) -> Html:
    info, plan = session.info, session.plan
    failed = sum(row.summary.failed_runs for row in session.rows)
    facts = [
        ("Session", session.name),
        ("Began", info.created_at),
        ("Identifier", info.session_id),
        ("qbench", info.qbench_version),
        ("Protocol", f"{plan.protocol}, seed {plan.seed}"),
        (
            "Runs",
            f"{len(session.records)} of {len(plan.runs)} planned have a record"
            + (f", {failed} failed" if failed else ""),
        ),
    ]
    if info.device_options:
        options = ", ".join(f"{key} = {value}" for key, value in info.device_options.items())
        facts.append(("Options of runs on devices", options))
    again = tag(
        "div",
        tag("pre", tag("code", printable(command(session))), tabindex=0, aria_label="Command"),
        tag("button", "Copy", type="button", cls="copy"),
        cls="command",
    )
    return tag(
        "article",
        tag("h3", printable(info.name)),
        _facts(facts),
        tag("h4", "To reproduce"),
        again,
        [join(tag("h4", printable(_title(d))), _facts(_device(d))) for d in info.devices],
    )


def _title(device: DeviceInfo) -> str:
    return f"{device.title} ({device.origin})"


def _device(device: DeviceInfo) -> list[tuple[str, str]]:
    facts = [
        ("Name", device.name),
        ("Serial", device.serial),
        ("System", device.os),
        ("Build", device.fingerprint),
        ("API level", device.api_level),
        ("Chip", device.soc),
        ("Board", device.board),
        ("Processor", device.cpu),
        ("Cores", device.cores),
        ("ABI", device.abi),
        ("Runtime", device.runtime),
        ("Profile", device.profile),
    ]
    told = [(name, str(value)) for name, value in facts if value is not None]
    return told + [("Warning", warning) for warning in device.warnings]


def _facts(facts: Iterable[tuple[str, str]]) -> Html:
    return tag("dl", [join(tag("dt", k), tag("dd", printable(v))) for k, v in facts], cls="facts")


def _models(content: Content) -> Html:
    seen: dict[str, tuple[str, str, str]] = {}
    for session in content.sessions:
        for case in session.plan.cases:
            seen.setdefault(case.model_sha256, (case.model, case.precision.value, case.model_path))
    rows: list[list[Cell | str]] = [
        [printable(name), precision, Cell(shown=tag("code", sha)), Cell(shown=tag("code", path))]
        for sha, (name, precision, path) in seen.items()
    ]
    columns = (
        Column(head="Model"),
        Column(head="Precision"),
        Column(head="SHA-256"),
        Column(head="Path when it ran"),
    )
    return Table(name="models", caption="Models", columns=columns, rows=rows).render()


def _tools(content: Content) -> Html | None:
    seen: dict[tuple[str, str | None], int] = {}
    for session in content.sessions:
        for record in session.records:
            key = (record.tool or "not told", record.tool_sha256)
            seen[key] = seen.get(key, 0) + 1
    if not seen:
        return None
    rows: list[list[Cell | str]] = [
        [printable(tool), Cell(shown=tag("code", sha or "-")), Cell(shown=str(count), order=count)]
        for (tool, sha), count in seen.items()
    ]
    columns = (Column(head="Tool"), Column(head="SHA-256"), Column(head="Runs", number=True))
    return Table(name="tools", caption="What ran the models", columns=columns, rows=rows).render()


def _basis(lines: Sequence[Line]) -> Html | None:
    tiers = sorted({line.summary.tier for line in lines if line.summary.tier is not None})
    if not tiers:
        return None
    bases: dict[str, int] = {}
    for line in lines:
        if line.summary.basis is not None:
            bases[line.summary.basis] = bases.get(line.summary.basis, 0) + 1
    items = [tag("li", tag("b", f"{tier} "), TIERS[tier]) for tier in tiers]
    items += [
        tag("li", f"{printable(basis)} ({many(count, 'case')})") for basis, count in bases.items()
    ]
    return join(tag("h3", "What simulated numbers rest on"), tag("ul", items, cls="basis"))
