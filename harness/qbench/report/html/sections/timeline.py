"""What happened when: every run's latency, and the device's temperature and clocks beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

import msgspec

from qbench.records import (
    ComputeUnit,
    InvokeSamples,
    Measurement,
    Origin,
    RunRecord,
    Taint,
)
from qbench.report.html.content import Content, Line, Session
from qbench.report.html.figure import COLOURS, SYMBOLS, Page, draw, section, texts, unit_legend
from qbench.report.html.markup import Html, in_plot, tag
from qbench.report.html.moments import moments
from qbench.report.html.rowplot import model_title, row_label
from qbench.units import printable

_MOST_POINTS = 2000

# Heights of the panels, by how many there are below the runs.
_DOMAINS = ([[0, 1]], [[0.5, 1], [0, 0.4]], [[0.62, 1], [0.32, 0.54], [0, 0.24]])


class Dot(msgspec.Struct, frozen=True):
    """One run: when it started, and how far its median is from that of its case."""

    minute: float
    percent: float
    line: Line
    is_throttled: bool


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    by_case = {(line.session.name, line.summary.case.case_id): line for line in lines}
    pages = [
        page
        for session in content.sessions
        for device in _devices(session)
        if (page := _page(session, device, by_case)) is not None
    ]
    if not pages:
        return None
    has_heat = any("yaxis2" in page.layout for page in pages)
    note = (
        None
        if has_heat
        else tag(
            "p", "Temperature and clocks could not be read, so they are not drawn.", cls="absent"
        )
    )
    plot = draw(
        "plot-timeline",
        "Latency over time",
        "Each dot is a run, as its distance from the median of its case. If dots rise while "
        "temperature rises or clocks fall, heat is the reason; such runs are ringed.",
        pages,
        what="Run medians over the minutes of the session, with temperature and clocks below.",
        keys=unit_legend([line for line in lines if line.summary.tier is None]),
        choose="Device",
    )
    return section("timeline", "Timeline", note, plot)


def _devices(session: Session) -> list[tuple[str, Origin]]:
    found = [(row.summary.case.device, row.summary.case.origin) for row in session.rows]
    return [key for key in dict.fromkeys(found) if key[1] is not Origin.SIMULATED]


def _page(
    session: Session, device: tuple[str, Origin], by_case: dict[tuple[str, str], Line]
) -> Page | None:
    mine = []
    for record in session.records:
        line = by_case.get((session.name, record.case_id))
        if line is not None and (line.summary.case.device, line.summary.case.origin) == device:
            mine.append((record, line))
    if not mine:
        return None
    began = moments(record for record, _ in mine)
    start = min(began.values())
    minutes = {n: (moment - start).total_seconds() / 60 for n, moment in began.items()}
    dots = [dot for record, line in mine if (dot := _dot(record, line, minutes)) is not None]
    if not dots:
        return None
    records = [record for record, _ in mine]
    below = [
        *_panel(
            session,
            device,
            records,
            minutes,
            start,
            "temperature_c",
            "\N{DEGREE SIGN}C",
            1,
            "--warm",
        ),
        *_panel(session, device, records, minutes, start, "cpu_khz", "MHz", 1e-3, "--ink-2"),
    ]
    layout: dict[str, Any] = {"xaxis": {"title": {"text": "minutes"}, "anchor": "free"}}
    domains = _DOMAINS[len(below)]
    layout["yaxis"] = {"title": {"text": "% from median"}, "domain": domains[0]}
    traces = list(_traces(dots))
    for n, (trace, unit) in enumerate(below, 2):
        traces.append(trace | {"yaxis": f"y{n}"})
        layout[f"yaxis{n}"] = {"title": {"text": unit}, "domain": domains[n - 1]}
        if unit == "MHz":
            layout[f"yaxis{n}"]["rangemode"] = "tozero"
    name = printable(f"{device[0]} ({device[1]})")
    return Page(
        label=f"{name}, {session.name}" if session.name else name,
        traces=traces,
        layout=layout,
        height_px=300 + 110 * len(below),
        columns=(("run", "text"), ("minute", "x"), ("value", "y")),
    )


def _dot(record: RunRecord, line: Line, minutes: Mapping[int, float]) -> Dot | None:
    outcome = record.outcome
    p50_us = line.summary.p50_us
    if not isinstance(outcome, Measurement) or p50_us is None:
        return None
    mine_us: float | None
    if isinstance(outcome.invokes, InvokeSamples):
        mine_us = median(outcome.invokes.latencies_us)
    else:
        mine_us = outcome.invokes.p50_us or outcome.invokes.avg_us
    if mine_us is None:
        return None
    return Dot(
        minute=round(minutes[record.sequence], 3),
        percent=round((mine_us / p50_us - 1) * 100, 2),
        line=line,
        is_throttled=Taint.THERMAL in outcome.taints
        or any(bool(s and s.thermal_status) for s in (record.before, record.after)),
    )


def _traces(dots: Sequence[Dot]) -> Iterator[dict[str, Any]]:
    groups: dict[ComputeUnit | None, list[Dot]] = {}
    for dot in dots:
        groups.setdefault(dot.line.unit, []).append(dot)
    for unit, members in groups.items():
        yield {
            "type": "scatter",
            "mode": "markers",
            "x": [dot.minute for dot in members],
            "y": [dot.percent for dot in members],
            "text": texts([_told(dot) for dot in members]),
            "hovertemplate": "%{text}, minute %{x:.1f}: %{y:+.1f} %<extra></extra>",
            "marker": {
                "color": COLOURS[unit],
                "symbol": SYMBOLS[unit],
                "size": 8,
                "opacity": 0.75,
                "line": {
                    "color": "--bad",
                    "width": [2.5 if dot.is_throttled else 0 for dot in members],
                },
            },
        }


def _told(dot: Dot) -> str:
    name = f"{model_title(dot.line.summary.case)} {row_label(dot.line)}"
    return in_plot(name + (", throttled" if dot.is_throttled else ""))


def _panel(
    session: Session,
    device: tuple[str, Origin],
    records: Sequence[RunRecord],
    minutes: Mapping[int, float],
    start: datetime,
    field: str,
    unit: str,
    scale: float,
    colour: str,
) -> list[tuple[dict[str, Any], str]]:
    """A curve of one thing over time, if the device tells it."""
    seen: list[tuple[float, float]] = []
    for record in records:
        value = getattr(record.before, field) if record.before is not None else None
        if value is not None:
            seen.append((minutes[record.sequence], value * scale))
    for look in session.looks.get(device[0], ()):
        value = getattr(look, field)
        if value is not None:
            seen.append(((_time(look.at) - start).total_seconds() / 60, value * scale))
    if not seen:
        return []
    seen = _thinned(sorted(seen), worst=max if field == "temperature_c" else min)
    trace = {
        "type": "scatter",
        "mode": "lines+markers" if len(seen) < 400 else "lines",
        "x": [round(minute, 3) for minute, _ in seen],
        "y": [round(value, 1) for _, value in seen],
        "line": {"color": colour, "width": 1.5},
        "marker": {"color": colour, "size": 4},
        "hovertemplate": f"minute %{{x:.1f}}: %{{y:.1f}} {unit}<extra></extra>",
    }
    return [(trace, unit)]


def _thinned(
    seen: list[tuple[float, float]], worst: Callable[[list[float]], float]
) -> list[tuple[float, float]]:
    """At most so many points as can be seen; of those that share a place the worst stands."""
    size = -(-len(seen) // _MOST_POINTS)
    if size <= 1:
        return seen
    parts = [seen[n : n + size] for n in range(0, len(seen), size)]
    return [(part[0][0], worst([value for _, value in part])) for part in parts]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
