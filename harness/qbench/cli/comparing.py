"""From two sources of results to a comparison."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from qbench import stats
from qbench.cli import console, exit_codes, sources
from qbench.cli.files import write_text
from qbench.cli.sources import Source
from qbench.clock import SystemClock
from qbench.errors import StoreError
from qbench.records import Case, DeviceInfo, Metric, RunRecord
from qbench.report import comparison_json, comparison_markdown, comparison_text, junit
from qbench.report.comparison import ComparedPair, Comparison
from qbench.stats import Aspect, Measured
from qbench.store import Session


def tell(
    baseline: str,
    candidate: str,
    *,
    form: str,
    out: Path | None,
    margin_ratio: float,
    metric: str | None,
    across: Collection[str],
) -> int:
    """Compare and print, or write to `out`; returns the exit code."""
    with TemporaryDirectory(prefix="qbench-compare-") as scratch:
        found = compare(
            baseline,
            candidate,
            Path(scratch),
            margin_ratio=margin_ratio,
            metric=Metric(metric) if metric else None,
            across={Aspect(name) for name in across},
        )
    if form == "text" and out is None:
        comparison_text.print_comparison(console.stdout(), found)
    elif out is None:
        click.echo(_rendered(found, form), nl=False)
    else:
        write_text(out, _rendered(found, form))
    if found.has_regression:
        return exit_codes.REGRESSION
    return exit_codes.WRONG_INPUT if found.has_refusal else exit_codes.DONE


def _rendered(found: Comparison, form: str) -> str:
    match form:
        case "json":
            return comparison_json.render(found) + "\n"
        case "markdown":
            return comparison_markdown.render(found)
        case "junit":
            now = SystemClock().utc_now().isoformat(timespec="seconds")
            return junit.render_comparison(found, now)
    text = StringIO()
    comparison_text.print_comparison(console.to_file(text), found)
    return text.getvalue()


def compare(
    baseline: str,
    candidate: str,
    scratch: Path,
    *,
    margin_ratio: float,
    metric: Metric | None = None,
    across: Collection[Aspect] = (),
) -> Comparison:
    """`scratch` is a folder for what is read from git. `metric` None: that of the plans, if they
    agree, else p50. Raises StoreError when nothing can be paired."""
    theirs = sources.find(baseline, scratch)
    ours = sources.find(candidate, scratch, other=theirs)
    return compare_sources(theirs, ours, margin_ratio=margin_ratio, metric=metric, across=across)


def compare_sources(
    theirs: Source,
    ours: Source,
    *,
    margin_ratio: float,
    metric: Metric | None = None,
    across: Collection[Aspect] = (),
) -> Comparison:
    """The same for a baseline and a candidate that are found already."""
    matched = stats.match(theirs.cases(), ours.cases())
    if not matched.pairs:
        raise StoreError(
            f"{theirs.info.asked} and {ours.info.asked} have no case in common",
            hint="choose cases by a pattern on their ids, such as SESSION:*-t4@*",
        )
    metric = metric or _metric(theirs, ours)
    before = _measured(theirs, {pair[0].case_id: pair[0] for pair in matched.pairs})
    after = _measured(ours, {pair[1].case_id: pair[1] for pair in matched.pairs})
    sides = [(before[b.case_id], after[c.case_id]) for b, c in matched.pairs]
    results = stats.with_holm(
        [_result(b, c, margin_ratio, metric, across) for b, c in sides],
    )
    pairs = [
        ComparedPair(
            label=stats.label(pair[0], matched.differing), baseline=b, candidate=c, result=result
        )
        for pair, (b, c), result in zip(matched.pairs, sides, results, strict=True)
    ]
    return Comparison(
        baseline=theirs.info,
        candidate=ours.info,
        metric=metric,
        margin_ratio=margin_ratio,
        across=tuple(sorted(across)),
        differing=matched.differing,
        pairs=tuple(pairs),
        only_baseline=matched.only_baseline,
        only_candidate=matched.only_candidate,
    )


def _result(
    baseline: tuple[Measured, ...],
    candidate: tuple[Measured, ...],
    margin_ratio: float,
    metric: Metric,
    across: Collection[Aspect],
) -> stats.Ratio | stats.Refusal:
    keys = [{(m.session, m.summary.case.case_id) for m in side} for side in (baseline, candidate)]
    if keys[0] & keys[1]:
        case_id = candidate[0].summary.case.case_id
        reason = "candidate and baseline are the same runs"
        return stats.Refusal(candidate=case_id, baseline=case_id, reason=reason)
    return stats.compare(
        candidate, baseline, margin_ratio=margin_ratio, metric=metric, across=across
    )


def _metric(*sides: Source) -> Metric:
    told = {session.plan().metric for side in sides for session in side.sessions}
    return told.pop() if len(told) == 1 else Metric.P50


def _measured(source: Source, wanted: Mapping[str, Case]) -> dict[str, tuple[Measured, ...]]:
    """Of every wanted case what each session has of it."""
    found: dict[str, list[Measured]] = {case_id: [] for case_id in wanted}
    for session in source.sessions:
        for measured in _of_session(session, wanted):
            found[measured.summary.case.case_id].append(measured)
    return {case_id: tuple(members) for case_id, members in found.items()}


def _of_session(session: Session, wanted: Mapping[str, Case]) -> list[Measured]:
    cases = [case for case in session.plan().cases if case.case_id in wanted]
    records = [record for record in session.records() if record.case_id in wanted]
    info = session.info()
    devices: dict[object, DeviceInfo] = {(d.name, d.origin): d for d in info.devices}
    return [
        Measured(
            session=info.session_id,
            summary=summary,
            device=devices.get((summary.case.device, summary.case.origin)),
            tools=_tools(summary.case, records),
        )
        for summary in stats.summarize(cases, records)
    ]


def _tools(case: Case, records: list[RunRecord]) -> tuple[str, ...]:
    told = {r.tool_sha256 or r.tool for r in records if r.case_id == case.case_id}
    return tuple(sorted(tool for tool in told if tool))
