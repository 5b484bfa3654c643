"""Puts an analysis on disk: one HTML page, one JSON file, PNG files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from qbench.errors import InputError
from qbench.pipeline.analysis import page
from qbench.pipeline.analysis.examination import Examination


def write(
    of: Examination, out: Path, draw_charts: bool, progress: Callable[[int, int], None]
) -> list[Path]:
    """`out`/report.html, analysis.json, and PNG files of the feature maps; with `draw_charts` of
    every chart as well (needs kaleido and a Chrome). Returns what was written.

    Raises InputError when `out` cannot be written, or the charts cannot be drawn.
    """
    drawn = page.charts(of)
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = [out / "report.html", out / "analysis.json"]
        written[0].write_text(page.render(of, drawn), encoding="utf-8")
        written[1].write_text(render_json(of) + "\n", encoding="utf-8")
        for inside in of.insides:
            for one in inside.maps:
                written.append(out / f"{one.slug}-{inside.subject.network}.png")
                written[-1].write_bytes(one.png)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error
    for done, (name, figure) in enumerate(drawn if draw_charts else ()):
        progress(done, len(drawn))
        written.append(out / f"{name}.png")
        _draw(figure, written[-1])
    return written


def _draw(figure: object, path: Path) -> None:
    try:
        figure.write_image(path, width=900, height=560, scale=2)  # type: ignore[attr-defined]
    # kaleido and Chrome fail in many ways of their own.
    except Exception as error:
        raise InputError(
            f"{path}: the chart cannot be drawn: {str(error).partition(chr(10))[0]}",
            hint="--no-png, or pip install kaleido, and a Chrome or Chromium",
        ) from error


def render_json(of: Examination) -> str:
    """All numbers, without pictures and histograms."""
    body = {
        "schema_version": 1,
        "data": {
            "root": of.data.root,
            "split": of.split,
            "is_synthetic": of.data.is_synthetic,
            "origin": of.data.origin,
        },
        "grades": of.grades,
        "confidence": [
            {
                "model": c.subject.title,
                "mean_shift": c.shift,
                "spread": c.spread,
                "largest": c.largest,
                "flips": c.flips,
                "images": len(c.points),
            }
            for c in of.clouds
        ],
        "layers": [
            {
                "model": inside.subject.title,
                "refusal": inside.refusal,
                "noise": inside.noise,
                "worst": inside.noise.worst if inside.noise else None,
            }
            for inside in of.insides
        ],
        "front": [
            {
                "model": s.grade.subject.title,
                "accuracy": s.grade.accuracy.ratio,
                "file_bytes": s.grade.subject.file_bytes,
                "timing": s.timing,
                "is_best": s.is_best,
            }
            for s in of.spots
        ],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
