"""A comparison for a terminal: fits 100 columns, and says what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from qbench.records import Metric
from qbench.report.comparison import ComparedPair, Comparison, SideInfo
from qbench.stats import Measured, Method, Ratio, Refusal, Verdict, seen_by
from qbench.units import format_ms, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_STYLES = {
    "broken": "bold red",
    "slower": "red",
    "refused": "magenta",
    "inconclusive": "yellow",
    "too few runs": "yellow",
    "same": "",
    "faster": "green",
}
_METRIC_WORDS = {
    Metric.P50: "the median latency (p50)",
    Metric.P90: "the 90th percentile of the latency",
    Metric.INIT: "the time to load the model (init)",
    Metric.FIRST: "the first invoke",
}


def print_comparison(console: Console, found: Comparison) -> None:
    """The sides, a line per case, then what speaks against single lines."""
    from rich.text import Text

    for line in heads(found):
        console.print(Text(printable(line)))
    console.print()
    console.print(_table(found))
    console.print()
    for line, style in (*legend(found), *notes(found)):
        console.print(Text(printable(line), style=style))
    console.print(counts(found))


def verdict_words(result: Ratio, margin_ratio: float) -> str:
    """`slower 3.2 %`, `same within 2 %`, `inconclusive: 14 more runs`."""
    percent = abs(result.ratio - 1) * 100
    match result.verdict:
        case None | Verdict.INCONCLUSIVE:
            word = "inconclusive" if result.verdict else "too few runs"
            if result.runs_needed is None or result.runs is None:
                return f"{word}: no number of {result.unit} settles it" if result.runs else word
            more = result.runs_needed - result.runs
            return f"{word}: {more} more {result.unit[:-1] if more == 1 else result.unit}"
        case Verdict.SAME:
            return f"same within {margin_ratio * 100:g} %"
        case _:
            return f"{result.verdict} {percent:.3g} %"


def heads(found: Comparison) -> Iterable[str]:
    """What is compared."""
    yield f"baseline:  {_side(found.baseline)}"
    yield f"candidate: {_side(found.candidate)}"
    if found.differing:
        ours, theirs = found.pairs[0].candidate, found.pairs[0].baseline
        for name in found.differing:
            values = [getattr(side[0].summary.case, name) for side in (theirs, ours)]
            yield f"they differ in {name}: {values[0]} -> {values[1]}"


def _side(side: SideInfo) -> str:
    where = ", ".join(side.sessions[:3])
    more = f" and {len(side.sessions) - 3} more" if side.sessions[3:] else ""
    commit = f" at commit {side.commit[:12]}" if side.commit else ""
    return f"{where}{more}{commit}"


def _table(found: Comparison) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("case", overflow="fold", max_width=34)
    table.add_column("baseline", justify="right", no_wrap=True)
    table.add_column("candidate", justify="right", no_wrap=True)
    table.add_column("change %", justify="right", no_wrap=True)
    table.add_column("interval %", no_wrap=True)
    table.add_column("verdict")
    for pair in found.pairs:
        row = cells(pair, found)
        table.add_row(*(Text(printable(cell), style=_STYLES[pair.word]) for cell in row))
    return table


def cells(pair: ComparedPair, found: Comparison) -> tuple[str, ...]:
    """Case, baseline, candidate, change, interval, verdict."""
    values = [_value(pair.baseline, found.metric), _value(pair.candidate, found.metric)]
    result = pair.result
    if isinstance(result, Refusal):
        return (pair.label, *values, "-", "-", pair.word)
    change = f"{(result.ratio - 1) * 100:+.1f}"
    span = "exact"
    if result.interval is not None:
        low, high = ((v - 1) * 100 for v in (result.interval.low, result.interval.high))
        span = f"{low:+.1f} .. {high:+.1f}"
    return (pair.label, *values, change, span, verdict_words(result, found.margin_ratio))


def _value(side: Sequence[Measured], metric: Metric) -> str:
    """In ms; of several sessions the range of their values."""
    told = [seen_by(m.summary, metric).p50_us for m in side]
    values = sorted(v for v in told if v is not None)
    if not values:
        return "-"
    low, high = format_ms(values[0]), format_ms(values[-1])
    return low if low == high else f"{low}-{high}"


def legend(found: Comparison) -> Iterable[tuple[str, str]]:
    """What the columns mean, with the style of each line."""
    yield (
        f"change: in {_METRIC_WORDS[found.metric]}, as the geometric mean over the runs; "
        "below 0 is faster; latencies in ms",
        "",
    )
    ratios = [pair.result for pair in found.pairs if isinstance(pair.result, Ratio)]
    if any(r.runs_needed for r in ratios):
        yield "more runs: about as many, on each side, would settle it", ""
    levels = sorted({r.interval.level for r in ratios if r.interval})
    kinds = {0.9: "90 % band (predicted)", 0.95: "95 % interval over runs, never over invokes"}
    if levels:
        yield f"interval: {'; '.join(kinds.get(v, f'{v:.0%}') for v in levels)}", ""
    tested = [r for r in ratios if r.p_adjusted is not None]
    if len(tested) > 1:
        yield f"faster and slower hold for all {len(tested)} lines together (Holm, 5 %)", ""
    found_by = {r.detectable_ratio for r in ratios if r.detectable_ratio}
    if found_by:
        low, high = ((v - 1) * 100 for v in (min(found_by), max(found_by)))
        span = f"{low:.1f} %" if len(found_by) == 1 else f"{low:.1f} to {high:.1f} %"
        yield f"what these runs would find in nine of ten cases: a change of {span}", ""


def notes(found: Comparison) -> Iterable[tuple[str, str]]:
    """Refusals, methods, cautions, and cases without a partner, with the style of each line."""
    said: dict[tuple[str, str], list[str]] = {}
    for pair in found.pairs:
        result = pair.result
        if isinstance(result, Refusal):
            said.setdefault((f"{pair.word}: {result.reason}", _STYLES[pair.word]), []).append(
                pair.label
            )
            continue
        said.setdefault((_basis(result), ""), []).append(pair.label)
        for caution in result.cautions:
            said.setdefault((f"caution: {caution}", "yellow"), []).append(pair.label)
        if not pair.is_same_model and not {"model", "precision"} & set(found.differing):
            said.setdefault(("the model file is another one", ""), []).append(pair.label)
    for (text, style), labels in said.items():
        where = "" if len(labels) == len(found.pairs) else f" [{_listed(labels)}]"
        yield f"{text}{where}", style
    for name, cases in (("baseline", found.only_baseline), ("candidate", found.only_candidate)):
        if cases:
            yield f"only in the {name}: {_listed([case.case_id for case in cases])}", "yellow"


def _basis(result: Ratio) -> str:
    words = {
        Method.PAIRED: "paired: t on the log ratios of",
        Method.UNPAIRED: "unpaired: Welch's t on log run medians of",
        Method.HIERARCHICAL: "hierarchical: t on the means of",
    }
    return f"{words[result.method]} {result.basis}" if result.method in words else result.basis


def counts(found: Comparison) -> str:
    return ", ".join(f"{count} {word}" for word, count in found.counts.items())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if names[4:] else "")
