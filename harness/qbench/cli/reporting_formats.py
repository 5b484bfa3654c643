"""The forms that `qbench report` can give its content; each is one function of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
import msgspec

from qbench.cli.files import write_text, writing
from qbench.errors import InputError
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


def write(form: str, content: html.Content, out: Path | None, per: str) -> Path | None:
    """Text goes to stdout unless `out` is given; a page and binary files are always files.
    Returns the page's path.

    Raises InputError when the form needs what is not there, StoreError when a file cannot be
    written.
    """
    if form == "model-explorer":
        _write_folder(model_explorer.render(content.foreseen, content.models), out)
        return None
    if form == "parquet":
        if out is None:
            raise InputError("report: parquet is not text", hint="name the file: -o cases.parquet")
        rows, kind = _flat(content, per)
        with writing(out):
            parquet.write(rows, kind, out)
        return None
    if form == "html":
        page = html.render(content)
        target = out or Path("report.html")
        write_text(target, page)
        click.echo(target)
        return target
    text = _text(form, content, per)
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        write_text(out, text)
    return None


def schema() -> str:
    return msgspec.json.format(msgspec.json.encode(document.schema()), indent=2).decode()


def _text(form: str, content: html.Content, per: str) -> str:
    rows = [row for session in content.sessions for row in session.rows]
    match form:
        case "markdown":
            checks = [check for session in content.sessions for check in session.checks]
            return markdown.render(content.title, rows, content.comparison, checks)
        case "csv":
            return csv.render(*_flat(content, per))
        case "json":
            infos = [session.info for session in content.sessions]
            return document.render(content.made_at, content.qbench_version, infos, _cases(content))
        case "junit":
            return junit.render(content.sessions, content.comparison)
        case "benchmark-action":
            return benchmark_action.render(_told_once(rows))
        case "bencher":
            return benchmark_action.render_bencher(_told_once(rows))
    if not any(one.answer.kernels for one in content.foreseen):
        raise _no_operators(content)
    return trace.render(content.foreseen)


def _cases(content: html.Content) -> list[flat.CaseRow]:
    return [flat.case_row(s.name, row) for s in content.sessions for row in s.rows]


def _flat(
    content: html.Content, per: str
) -> tuple[list[flat.CaseRow], type[flat.CaseRow]] | tuple[list[flat.RunRow], type[flat.RunRow]]:
    if per == "case":
        return _cases(content), flat.CaseRow
    runs = []
    for session in content.sessions:
        cases = {case.case_id: case for case in session.plan.cases}
        runs += [flat.run_row(session.name, cases[r.case_id], r) for r in session.records]
    return runs, flat.RunRow


def _told_once(rows: list[Row]) -> list[Row]:
    """Trackers know a case by its name: two of a name would overwrite each other."""
    counts = Counter(row.summary.case.case_id for row in rows)
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice is not None:
        raise InputError(
            f"report: {twice} is in two of the sessions, and this form has one number per case",
            hint="give one session",
        )
    return rows


def _no_operators(content: html.Content) -> InputError:
    why = "; ".join(content.missing) or "no case is of a device with a profile"
    return InputError(f"report: nothing is known about operators: {why}")


def _write_folder(files: dict[str, str], out: Path | None) -> None:
    if out is None:
        raise InputError(
            "report: model-explorer makes a file per model and delegate",
            hint="name a folder: -o overlays",
        )
    if not files:
        raise InputError("report: nothing is known about operators, so there is no overlay")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        target = out / name.replace("/", "_")
        write_text(target, text)
        click.echo(target)
