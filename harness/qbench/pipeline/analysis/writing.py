"""Puts an analysis on disk: one HTML page, one JSON file, PNG files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from qbench.errors import InputError
from qbench.pipeline.analysis import charts, page
from qbench.pipeline.analysis.examination import Examination
from qbench.pipeline.analysis.figures import Chart
from qbench.store import slug

_WIDTH_PX, _HEIGHT_PX = 900, 560
_CHARTS_OF_A_SHEET = 12
Photograph = Callable[[Path, Path, int, int], None]
"""A page, the PNG file to write, width and height of the page in px."""


def write(
    of: Examination,
    out: Path,
    photograph: Photograph | None,
    progress: Callable[[int, int], None],
) -> list[Path]:
    """`out`/report.html, analysis.json, and PNG files of the feature maps; with `photograph` of
    every chart as well. Returns what was written.

    Raises InputError when `out` cannot be written, and what `photograph` raises.
    """
    drawn = charts.all_of(of)
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = [out / "report.html", out / "analysis.json"]
        written[0].write_text(page.render(of, drawn), encoding="utf-8")
        written[1].write_text(render_json(of) + "\n", encoding="utf-8")
        for inside in of.insides:
            for one in inside.maps:
                written.append(out / f"{slug(f'{one.slug}-{inside.subject.network}')}.png")
                written[-1].write_bytes(one.png)
        for at in range(0, len(drawn) if photograph else 0, _CHARTS_OF_A_SHEET):
            progress(at, len(drawn))
            assert photograph is not None
            sheet = drawn[at : at + _CHARTS_OF_A_SHEET]
            written += _pictures(of, sheet, out, photograph)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error
    return written


def _pictures(
    of: Examination, drawn: Sequence[Chart], out: Path, photograph: Photograph
) -> list[Path]:
    """One photograph of all of `drawn`, cut into pieces: a browser takes seconds to start."""
    from PIL import Image

    with tempfile.TemporaryDirectory(prefix="qbench-") as folder:
        sheet, taken = Path(folder) / "sheet.html", Path(folder) / "sheet.png"
        sheet.write_text(page.render_sheet(of, drawn, _WIDTH_PX, _HEIGHT_PX), encoding="utf-8")
        photograph(sheet, taken, _WIDTH_PX, _HEIGHT_PX * len(drawn))
        written = []
        with Image.open(taken) as whole:
            for number, chart in enumerate(drawn):
                top = number * _HEIGHT_PX
                written.append(out / f"{slug(chart.name)}.png")
                whole.crop((0, top, _WIDTH_PX, top + _HEIGHT_PX)).save(written[-1], optimize=True)
    return written


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
                "flipped": [
                    {"image": p.image, "label": p.label, "fp32": p.x, "quantized": p.y}
                    for p in c.points
                    if p.is_flip
                ],
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
