"""Confidences image by image, and the images that are told another class."""

from __future__ import annotations

from collections.abc import Iterator

from qbench.pipeline.analysis import charts, markup
from qbench.pipeline.analysis.examination import Examination
from qbench.pipeline.analysis.points import Cloud

_MOST_FLIPS = 30  # rows of the table; analysis.json has all


def confidence(of: Examination, numbered: markup.Numbered) -> str:
    keys = [
        f"<li class=k{n % 6}>{_SWATCH}{markup.text(c)}</li>" for n, c in enumerate(of.data.classes)
    ]
    keys += [
        f"<li class=kink>{_svg('<circle cx=7 cy=7 r=4 fill=currentColor />')}right</li>",
        f"<li class=kink>{_svg(_CROSS)}wrong</li>",
        f"<li class=kink>{_svg(_RING)}tells another class than fp32</li>",
    ]
    return (
        "<p>Across: the fp32 model's confidence in an image; up: the quantized model's. On the "
        "dotted diagonal nothing changed. Colours are true classes.</p>"
        f"<ul class=keys>{''.join(keys)}</ul>"
        + markup.charts(numbered, charts.CONFIDENCE, is_wide=False)
        + _flips(of)
    )


def _svg(inside: str) -> str:
    return f"<svg viewBox='0 0 14 14' aria-hidden=true>{inside}</svg>"


_SWATCH = _svg("<rect x=1 y=1 width=12 height=12 rx=3 fill=currentColor />")
_CROSS = "<path d='M3 3L11 11M11 3L3 11' stroke=currentColor stroke-width=3 />"
_RING = "<circle cx=7 cy=7 r=5.5 fill=none stroke=currentColor stroke-width=2 />"


def _flips(of: Examination) -> str:
    rows = [row for cloud in of.clouds for row in _flipped(of, cloud)]
    if not rows:
        return "<p class=note>No image is told another class than by fp32.</p>"
    heads = ("model", "image", "true class", "fp32", "quantized", "and is now")
    left = len(rows) - _MOST_FLIPS
    more = f" {left} more are in analysis.json." if left > 0 else ""
    return (
        "<h3>Images that are told another class</h3>"
        + markup.table(heads, rows[:_MOST_FLIPS], words=(1, 2, 5))
        + f"<p class=note>Confidences as in the charts above.{more}</p>"
    )


def _flipped(of: Examination, cloud: Cloud) -> Iterator[tuple[str, ...]]:
    for p in cloud.points:
        if p.is_flip:
            image = p.image.removeprefix(of.data.root).lstrip("/")
            told = (f"{p.x:.4f}", f"{p.y:.4f}", "right" if p.is_right else "wrong")
            yield (cloud.subject.title, image, of.data.classes[p.label], *told)
