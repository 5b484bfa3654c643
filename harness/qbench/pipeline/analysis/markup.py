"""HTML of values: what is not markup is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qbench.pipeline.analysis.figures import Chart
from qbench.pipeline.evaluation.records import Share
from qbench.units import printable

Numbered = Sequence[tuple[str, Chart]]
"""Charts, each with the id of its place in the page."""


def text(value: str) -> str:
    return escape(printable(value))


def charts(numbered: Numbered, start: str, *, is_wide: bool) -> str:
    parts = []
    for place, chart in numbered:
        if not chart.name.startswith(start):
            continue
        menu = ""
        if len(chart.pages) > 1:
            choices = "".join(f"<option>{text(label)}" for label, _ in chart.pages)
            label = f"layer of {text(chart.title)}"
            menu = f"<select data-chart={place} aria-label='{label}'>{choices}</select>"
        note = f"<p class=note>{text(chart.note)}</p>" if chart.note else ""
        parts.append(
            f"<div class=chart><h3>{text(chart.title)}</h3>{menu}<div class=plot id={place} "
            f"style='height:{chart.height_px}px' role=img aria-label='{text(chart.title)}'></div>"
            f"{note}</div>"
        )
    return f"<div class={'wide' if is_wide else 'grid'}>{''.join(parts)}</div>"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = ()) -> str:
    """Columns in `words` hold words, the others numbers."""

    def cell(kind: str, column: int, value: str) -> str:
        return f"<{kind}{' class=l' if column in words else ''}>{text(value)}</{kind}>"

    head = "".join(cell("th", column, value) for column, value in enumerate(heads))
    body = "".join(
        f"<tr>{''.join(cell('td', column, value) for column, value in enumerate(row))}</tr>"
        for row in rows
    )
    return (
        f"<div class=scroll tabindex=0><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def share(share: Share | None) -> str:
    if share is None or share.ratio is None or share.interval is None:
        return "-"
    low, high = 100 * share.interval.low, 100 * share.interval.high
    return f"{100 * share.ratio:.1f} % ({low:.0f}-{high:.0f})"
