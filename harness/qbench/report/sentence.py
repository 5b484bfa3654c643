"""One case in one line of words: for whoever has no table."""

from __future__ import annotations

from qbench.records import Origin, Summary
from qbench.report.html.words import listed, many, ran_on
from qbench.units import format_ms, format_us, printable

_ORIGINS = {
    Origin.DEVICE: "measured on the device",
    Origin.HOST: "measured on this machine",
    Origin.EMULATED: "EMULATED",
    Origin.SIMULATED: "SIMULATED",
}


def line_of(summary: Summary) -> str:
    """`m-int8-cpu-t4@host: 1.20 ms (95 % interval 1.10-1.30 ms; measured on this machine; ...)`."""
    ran = "would run on" if summary.case.origin is Origin.SIMULATED else "ran on"
    told = [span_of(summary), origin_of(summary), f"{ran} {ran_on(summary)}", *_certainty(summary)]
    number = format_us(summary.p50_us) if summary.p50_us is not None else "no number"
    text = f"{summary.case.case_id}: {number} ({'; '.join(word for word in told if word)})"
    if summary.failure is not None:
        failed = f"{summary.failed_runs} of {many(summary.runs, 'run')} failed"
        text += f"; {failed}: {summary.failure.error}: {summary.failure.message}"
    return printable(text)


def origin_of(summary: Summary) -> str:
    word = _ORIGINS[summary.case.origin]
    return f"{word} {summary.tier}" if summary.tier else word


def span_of(summary: Summary) -> str:
    """`95 % interval 1.10-1.30 ms`, `90 % band ...`; empty where there is none."""
    span = summary.interval
    if span is None:
        return ""
    kind = "band" if summary.case.origin is Origin.SIMULATED else "interval"
    return f"{span.level:.0%} {kind} {format_ms(span.low)}-{format_ms(span.high)} ms".replace(
        "%", " %", 1
    )


def _certainty(summary: Summary) -> list[str]:
    """Of what was measured: how often, how steady, what makes it less than clean."""
    if summary.case.origin is Origin.SIMULATED:
        return []
    told = [many(len(summary.run_medians_us), "run")] if summary.run_medians_us else []
    told += [summary.verdict.value] if summary.verdict else []
    return [*told, *([listed([taint.value for taint in summary.taints])] if summary.taints else [])]
