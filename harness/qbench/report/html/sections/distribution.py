"""How runs scatter: a dot per run, and the share of invokes below each latency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qbench.records import InvokeSamples, Measurement
from qbench.report.html.content import Content, Line
from qbench.report.html.figure import COLOURS, Page, draw, rows_axis, section, texts
from qbench.report.html.markup import Html, in_plot, join, tag
from qbench.report.html.rowplot import RowPage, model_title, pages, row_label

_QUANTILES = 100
_FEWEST_QUANTILES = 20
_MOST_POINTS = 40_000  # of all curves together
_DASHES = ("solid", "dash", "dot", "dashdot")


def render(content: Content, lines: Sequence[Line]) -> Html | None:
    measured = [line for line in lines if len(line.summary.run_medians_us) > 1]
    if not measured:
        return None
    strips = draw(
        "plot-strips",
        "Run by run",
        "Each dot is the median of one run (one process), as its distance from the median of its "
        "case. Two clouds in a row are two speeds; a long row is a noisy case.",
        [_strip_page(page) for page in pages(measured)],
        what=f"Medians of single runs around the median of their case, for {len(measured)} cases.",
    )
    curves = _curves(content, measured)
    if curves is None:
        below = tag(
            "p", "The runner tells no single invokes, so there is no curve of them.", cls="absent"
        )
    else:
        below = curves
    return section("distribution", "Distributions", join(strips, below))


def _strip_page(page: RowPage) -> Page:
    traces = []
    for unit in dict.fromkeys(line.unit for line in page.lines):
        x: list[float] = []
        y: list[float] = []
        text: list[str] = []
        runs: list[int] = []
        for place, line in zip(page.places, page.lines, strict=True):
            s = line.summary
            if line.unit is not unit or s.p50_us is None:
                continue
            for number, us in enumerate(s.run_medians_us):
                x.append(round((us / s.p50_us - 1) * 100, 2))
                y.append(round(place + _spread(number), 2))
                text.append(in_plot(f"{model_title(s.case)} {row_label(line)}"))
                runs.append(number + 1)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": x,
                "y": y,
                "text": texts(text),
                "customdata": runs,
                "hovertemplate": "%{text}, run %{customdata}: %{x:+.1f} %<extra></extra>",
                "marker": {"color": COLOURS[unit], "size": 7, "opacity": 0.6},
            }
        )
    layout = rows_axis(page.labels, page.heads)
    layout["xaxis"] = {"title": {"text": "% from the case's median"}, "zeroline": True}
    return Page(
        label=page.label,
        traces=traces,
        layout=layout,
        height_px=page.height_px,
        columns=(("case", "text"), ("run", "customdata"), ("% from the median", "x")),
    )


def _spread(number: int) -> float:
    """A fixed pattern within the row, so that equal medians do not hide one another."""
    return ((number * 7) % 11 - 5) / 22


def _curves(content: Content, lines: Sequence[Line]) -> Html | None:
    samples = _samples(content)
    found: dict[str, list[tuple[Line, list[int]]]] = {}
    for line in lines:
        mine = samples.get((line.session.name, line.summary.case.case_id))
        if mine:
            found.setdefault(model_title(line.summary.case), []).append((line, mine))
    if not found:
        return None
    curves = sum(map(len, found.values()))
    quantiles = max(_FEWEST_QUANTILES, min(_QUANTILES, _MOST_POINTS // curves))
    return draw(
        "plot-ecdf",
        "Share of invokes below a latency",
        "A steep curve is a steady case; a long tail to the right is a user who waits.",
        [_curve_page(title, members, quantiles) for title, members in found.items()],
        what="Empirical distribution of invoke latencies, one curve per case.",
    )


def _samples(content: Content) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for session in content.sessions:
        for record in session.records:
            outcome = record.outcome
            if isinstance(outcome, Measurement) and isinstance(outcome.invokes, InvokeSamples):
                mine = found.setdefault((session.name, record.case_id), [])
                mine.extend(outcome.invokes.latencies_us)
    return found


def _curve_page(title: str, members: Sequence[tuple[Line, list[int]]], quantiles: int) -> Page:
    traces: list[dict[str, Any]] = []
    for line, samples in members:
        ordered = sorted(samples)
        last = len(ordered) - 1
        steps = min(quantiles, last) or 1
        x = [ordered[round(last * step / steps)] / 1000 for step in range(steps + 1)]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": in_plot(f"{row_label(line)}"),
                "x": x,
                "y": {"steps": steps},  # 0 to 100, as the script unpacks it
                "line": {
                    "color": COLOURS[line.unit],
                    "width": 2,
                    "dash": _DASHES[len(traces) % len(_DASHES)],
                },
                "hovertemplate": "%{y:.0f} % of invokes within %{x:.4g} ms",
            }
        )
    return Page(
        label=title,
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "ms per invoke"}},
            "yaxis": {"title": {"text": "% of invokes"}, "range": [0, 101]},
            "showlegend": len(traces) > 1,
        },
        columns=(("case", "name"), ("ms", "x"), ("% of invokes", "y")),
    )
