"""The history of cases for a terminal: fits 100 columns, and says what could be seen in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from qbench.history.confirmation import Confirmation, Entry, Word
from qbench.history.series import WINDOW, Point, Series, Step, differences
from qbench.records import Origin
from qbench.stats.changes import MIN_POINTS, MIN_SIZE
from qbench.units import format_ms, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

TREND = 16  # points
_BARS = "▁▂▃▄▅▆▇█"
_LEAST_SPAN = 0.05  # of the level, up and down: noise must not look like a landslide
_DIFFERS = {
    "model": "another model file",
    "tool": "another tool",
    "system": "another system",
    "units": "other units ran it",
}
_STYLES = {
    Word.CONFIRMED: "bold red",
    Word.GONE: "green",
    Word.OPEN: "yellow",
    Word.NOT_RUN: "yellow",
}


def print_history(console: Console, entries: Sequence[Entry]) -> None:
    """A line per case and machine, then steps, what is stale, and what the words mean."""
    from rich.text import Text

    names = label_each([entry.series for entry in entries])
    console.print(_table(entries, names))
    console.print()
    for line, style in (*_steps(entries, names), *_remarks(entries, names), *_legend(entries)):
        console.print(Text(printable(line), style=style))


def label_each(series: Sequence[Series]) -> list[str]:
    """The case's id; with the machine where the same case was measured on several."""
    machines = Counter(each.last.case_id for each in series)
    return [
        each.last.case_id
        if machines[each.last.case_id] == 1
        else f"{each.last.case_id} on {each.last.machine or 'an unnamed machine'}"
        for each in series
    ]


def trend(points: Sequence[Point]) -> str:
    """A bar per point, the last TREND: `x` gave no number; at `|` model, tool, system or units
    became other ones."""
    shown = points[-TREND:]
    values = [point.p50_us for point in shown if point.p50_us]
    if not values:
        return "x" * len(shown)
    level = median(values)
    low = min(*values, level * (1 - _LEAST_SPAN))
    high = max(*values, level * (1 + _LEAST_SPAN))
    signs = []
    for place, point in enumerate(shown):
        if place and differences(shown[place - 1], point):
            signs.append("|")
        share = (point.p50_us - low) / (high - low) if point.p50_us else None
        signs.append("x" if share is None else _BARS[min(int(share * 8), 7)])
    return "".join(signs)


def step_words(series: Series, step: Step) -> str:
    """`slower by 10.2 % since 2026-11-20 12:00 (2026-11-20T1200Z-m, 7 sessions); ...`"""
    point = series.points[step.at]
    word = "slower" if step.ratio > 1 else "faster"
    size = abs(step.ratio - 1) * 100
    when = f" since {point.at:%Y-%m-%d %H:%M}" if point.at else ""
    count = len(series.points) - step.at
    also = [_DIFFERS[name] for name in step.differs]
    with_it = f"; at the same time: {', '.join(also)}" if also else ""
    return f"{word} by {size:.1f} %{when} ({point.session}, {count} sessions){with_it}"


def _table(entries: Sequence[Entry], names: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("case", overflow="fold", max_width=35)
    for head in ("n", "last ms"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("interval ms", no_wrap=True)
    for head in ("before %", "finds %"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("trend", no_wrap=True)
    for entry, name in zip(entries, names, strict=True):
        cells = (name, *_cells(entry))
        table.add_row(*(Text(printable(cell), style=_style(entry)) for cell in cells))
    return table


def _cells(entry: Entry) -> tuple[str, ...]:
    series, last = entry.series, entry.series.last
    span = "-"
    if last.low_us is not None and last.high_us is not None:
        span = f"{format_ms(last.low_us)}-{format_ms(last.high_us)}"
    change, found = series.change_ratio, series.changes
    return (
        str(len(series.points)),
        ("failed" if last.p50_us is None else format_ms(last.p50_us))
        + ("*" if entry.stale else ""),
        span,
        "-" if change is None else f"{(change - 1) * 100:+.1f}",
        "-" if found is None else f"{(found.detectable_ratio - 1) * 100:.1f}",
        trend(series.points),
    )


def _style(entry: Entry) -> str:
    if entry.series.last.p50_us is None:
        return "red"
    if entry.step is not None and entry.step.ratio > 1:
        return "yellow"
    return "cyan" if entry.series.last.origin == "simulated" else ""


def _steps(entries: Sequence[Entry], names: Sequence[str]) -> Iterable[tuple[str, str]]:
    for entry, name in zip(entries, names, strict=True):
        step = entry.step
        if step is None:
            continue
        earlier = len(entry.series.steps) - 1
        more = f" (and {earlier} earlier)" if earlier else ""
        style = "yellow" if step.ratio > 1 else "green"
        yield f"step: {name}: {step_words(entry.series, step)}{more}", style
        if entry.confirmation is not None:
            yield f"  {_confirmed(entry.confirmation)}", _STYLES[entry.confirmation.word]


def _confirmed(found: Confirmation) -> str:
    result = found.result
    if result is None:
        return f"{found.word}: {found.how}"
    size = f"{(result.ratio - 1) * 100:+.1f} %"
    if result.interval is not None:
        low, high = ((v - 1) * 100 for v in (result.interval.low, result.interval.high))
        size += f" ({low:+.1f} .. {high:+.1f})"
    return f"{found.word}: {size} by {found.how}"


def _remarks(entries: Sequence[Entry], names: Sequence[str]) -> Iterable[tuple[str, str]]:
    said: dict[tuple[str, str], list[str]] = {}
    for entry, name in zip(entries, names, strict=True):
        for reason in entry.stale:
            said.setdefault((f"* stale: {reason}", "magenta"), []).append(name)
        last = entry.series.last
        if last.p50_us is None:
            said.setdefault(
                (f"failed: all {last.runs} runs of the last session", "red"), []
            ).append(name)
        for taint in last.taints:
            said.setdefault((f"taint of the last: {taint}", "yellow"), []).append(name)
    for (text, style), where in said.items():
        more = f" and {len(where) - 3} more" if where[3:] else ""
        yield f"{text} [{', '.join(where[:3])}{more}]", style


def _legend(entries: Sequence[Entry]) -> Iterable[tuple[str, str]]:
    last = [entry.series.last for entry in entries]
    tiers = sorted({p.tier for p in last if p.origin == Origin.SIMULATED and p.tier})
    if any(p.origin == Origin.SIMULATED for p in last):
        told = f", tier {', '.join(tiers)}" if tiers else ""
        yield f"-sim: SIMULATED, computed and not measured; interval = 90 % band{told}", "yellow"
    if any(p.origin == Origin.EMULATED for p in last):
        yield "-emu: emulated, by a virtual device; no phone's latency", "yellow"
    yield (
        "n: sessions; interval: 95 % of a measured median; before: last median over that of the "
        f"session before; trend: the last {TREND} medians, at | model, tool, system or units "
        "changed",
        "dim",
    )
    if any(entry.series.changes for entry in entries):
        yield (
            f"finds: a step up of that size is found in 9 of 10 such series after {MIN_SIZE} "
            f"points (change points: L1 cost, newest {WINDOW} points)",
            "dim",
        )
    short = sum(entry.series.changes is None for entry in entries)
    if short:
        yield (
            f"too short for change points: {short} of {len(entries)} series have fewer than "
            f"{MIN_POINTS} sessions with a number",
            "dim",
        )
    if any(e.step is not None and e.confirmation is None for e in entries):
        yield "steps are not confirmed: --confirm measures again what is there", "dim"
