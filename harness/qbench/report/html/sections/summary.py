"""What was found, in sentences: where the numbers come from, what is fastest, what to mind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from qbench.records import Delegate, Origin, Stability
from qbench.report.html.content import Content, Line
from qbench.report.html.figure import section
from qbench.report.html.markup import Html, join, tag
from qbench.report.html.rowplot import model_title
from qbench.report.html.words import (
    ORIGINS,
    beside_cpu,
    latency,
    listed,
    many,
    ran_on,
)
from qbench.stats import Kept
from qbench.units import format_ms, printable

_CARDS = 12
_RANK = {Origin.DEVICE: 0, Origin.EMULATED: 1, Origin.SIMULATED: 2, Origin.HOST: 3}


def render(content: Content, lines: Sequence[Line]) -> Html:
    best = _best(lines)
    cards = tag("ul", [_card(line) for line in best[:_CARDS]], cls="cards")
    more = None
    if len(best) > _CARDS:
        rows = [tag("li", _in_words(line)) for line in best[_CARDS:]]
        more = tag("details", tag("summary", f"{many(len(rows), 'more model')}"), tag("ul", rows))
    return section(
        "summary",
        "Summary",
        tag("p", _where_from(content, lines), cls="lead"),
        _concerns(content, lines),
        cards if best else None,
        more,
    )


def _where_from(content: Content, lines: Sequence[Line]) -> str:
    titles = {(d.name, d.origin): d.title for s in content.sessions for d in s.info.devices}
    counts: Counter[tuple[str, Origin]] = Counter()
    for line in lines:
        if line.summary.p50_us is not None:
            counts[line.summary.case.device, line.summary.case.origin] += 1
    told = []
    for (device, origin), count in sorted(counts.items(), key=lambda item: _RANK[item[0][1]]):
        title = printable(titles.get((device, origin), device))
        cases = many(count, "case")
        told.append(
            {
                Origin.DEVICE: f"{cases} measured on {title}",
                Origin.EMULATED: f"{cases} EMULATED by a virtual device ({title}): its CPU rows "
                "ran on this machine's processor, its GPU and NPU times are simulated",
                Origin.SIMULATED: f"{cases} SIMULATED for {title}, not measured",
                Origin.HOST: f"{cases} measured on this machine's own processor",
            }[origin]
        )
    if not told:
        return "No case has a number."
    return "; ".join(told) + "."


def _concerns(content: Content, lines: Sequence[Line]) -> Html | None:
    """What a reader must not overlook, worst first."""
    failed = [line for line in lines if line.summary.failed_runs]
    waiting = [line for line in lines if not line.summary.runs]
    fallen = [line for line in lines if line.summary.cpu_fallback]
    tainted = [line for line in lines if line.summary.taints]
    unsure = [
        line
        for line in lines
        if line.summary.verdict not in (None, Stability.STABLE, Stability.TOO_FEW)
    ]
    told = []
    broken = [c for s in content.sessions for c in s.checks if c.status is Kept.BROKEN]
    if broken:
        told.append(("bad", f"{many(len(broken), 'budget')} broken.", "budgets"))
    if failed:
        told.append(("bad", f"{many(len(failed), 'case')} had runs that failed.", "remarks"))
    if waiting:
        told.append(("bad", f"{many(len(waiting), 'case')} not run yet.", "results"))
    if fallen:
        names = dict.fromkeys(f"{_name(line)} {line.summary.case.delegate}" for line in fallen)
        text = f"The CPU did what a delegate was asked for: {listed(list(names))}."
        told.append(("bad", text, "placement"))
    if unsure:
        counts = Counter(str(line.summary.verdict) for line in unsure)
        kinds = listed([f"{verdict} {count}" for verdict, count in counts.items()])
        told.append(("mind", f"{many(len(unsure), 'case')} not stable: {kinds}.", "remarks"))
    if tainted:
        taints = dict.fromkeys(taint.value for line in tainted for taint in line.summary.taints)
        text = f"{many(len(tainted), 'case')} with taints: {listed(list(taints), 6)}."
        told.append(("mind", text, "remarks"))
    if not told:
        return None
    items = [
        tag(
            "li",
            text,
            " ",
            tag("a", "Details", href=f"#{where}", aria_label=f"Details: {text}"),
            cls=kind,
        )
        for kind, text, where in told
    ]
    return tag("ul", items, cls="concerns")


def _best(lines: Sequence[Line]) -> list[Line]:
    """Per model, precision and device the case with the lowest number; never the host's where
    there is another device: a desktop processor would win every time."""
    known = [line for line in lines if line.summary.p50_us is not None]
    found = []
    for _, group in groupby(sorted(known, key=_name), key=_name):
        mine = list(group)
        strongest = min(_RANK[line.summary.case.origin] for line in mine)
        rivals = [line for line in mine if _RANK[line.summary.case.origin] == strongest]
        # A fall-back is the CPU's number under another name: the CPU's own row stands for it.
        honest = [line for line in rivals if not line.summary.cpu_fallback]
        found.append(min(honest or rivals, key=lambda line: line.summary.p50_us or 0))
    order = {_name(line): n for n, line in reversed(list(enumerate(lines)))}
    return sorted(found, key=lambda line: order[_name(line)])


def _name(line: Line) -> str:
    return model_title(line.summary.case)


def _card(line: Line) -> Html:
    s = line.summary
    assert s.p50_us is not None
    span = None
    if s.interval is not None:
        low, high = format_ms(s.interval.low), format_ms(s.interval.high)
        span = f"{low} \N{EN DASH} {high} ms"
    how = ORIGINS[s.case.origin] + (f" {s.tier}" if s.tier else "")
    if s.verdict is not None:
        how += f" \N{MIDDLE DOT} {s.verdict}"
    kind = "simulated" if s.case.origin is Origin.SIMULATED else None
    return tag(
        "li",
        tag("h3", tag("a", _name(line), href=f"#{line.anchor}")),
        tag("p", tag("b", format_ms(s.p50_us)), " ms", cls="figure-number"),
        tag("p", join(span, " \N{MIDDLE DOT} " if span else None, how), cls="span"),
        tag(
            "p",
            tag("i", cls=f"key {line.unit or 'unknown'}", aria_hidden="true"),
            f" {s.case.delegate} on {s.case.device}, ran on {ran_on(s)}",
        ),
        tag("p", _verdict(line), cls="words"),
        cls=kind,
    )


def _verdict(line: Line) -> str:
    if line.summary.case.delegate is Delegate.CPU:
        return "The fastest here is the CPU itself."
    words = beside_cpu(line.row)
    return f"{words[0].upper()}{words[1:]}." if words else "No CPU number to compare with."


def _in_words(line: Line) -> Html:
    s = line.summary
    link = tag("a", _name(line), href=f"#{line.anchor}")
    return join(link, f": {s.case.delegate} on {s.case.device}, {latency(s)}. {_verdict(line)}")
