"""An examination as one self-contained HTML page: it loads nothing, and runs its own two scripts
only."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from qbench.pipeline.analysis import body, charts
from qbench.pipeline.analysis.examination import Examination
from qbench.pipeline.analysis.figures import Chart
from qbench.units import printable


def render(of: Examination, drawn: Sequence[Chart]) -> str:
    """The page. `drawn`: what `charts.all_of` gave."""
    title = printable(f"What quantization did to {charts.networks(of)}")
    mark = "SYNTHETIC data: " if of.data.is_synthetic else ""
    return _document(f"{mark}{title}", body.render(of, drawn, title), drawn, "")


def render_sheet(of: Examination, drawn: Sequence[Chart], width_px: int, height_px: int) -> str:
    """A page of nothing but charts, one below the other in boxes of one size, to be photographed:
    the first page of each, in the light theme, with its title and what data it is of."""
    mark = " - SYNTHETIC data" if of.data.is_synthetic else ""
    boxes = [
        f"<section class=sheet style='width:{width_px}px;height:{height_px}px'>"
        f"<h3>{escape(printable(chart.title))}{mark}</h3>"
        f"<div class=plot id='{_id(number)}' style='height:{height_px - 96}px'></div>"
        f"<p class=note>{escape(printable(chart.note))}</p></section>"
        for number, chart in enumerate(drawn)
    ]
    return _document("charts", "".join(boxes), [_with_legend(c) for c in drawn], " class=light")


def _with_legend(chart: Chart) -> Chart:
    """On its own a chart has to say what its colours are."""
    (label, figure), *_ = chart.pages
    has_names = any("name" in trace for trace in figure["data"])
    layout = figure["layout"] | {"showlegend": has_names}
    return Chart(chart.name, chart.title, ((label, figure | {"layout": layout}),), chart.height_px)


def _id(number: int) -> str:
    return f"chart-{number}"


def _document(title: str, content: str, drawn: Sequence[Chart], kind: str) -> str:
    scripts = (_plotly(), _asset("page.js"))
    figures = {
        _id(number): [figure for _, figure in chart.pages] for number, chart in enumerate(drawn)
    }
    tags = "".join(f"<script>{script}</script>" for script in scripts)
    return (
        f"<!doctype html><html lang=en{kind}><head><meta charset=utf-8>"
        f'<meta http-equiv=Content-Security-Policy content="{_policy(scripts)}">'
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        '<meta name=color-scheme content="light dark">'
        f"<title>{escape(title)}</title><style>{_asset('page.css')}</style></head>"
        f"<body><main>{content}</main>"
        f'<script type="application/json" id=charts>{_data(figures)}</script>{tags}'
        "</body></html>\n"
    )


def _data(value: Any) -> str:
    """Nothing in it can end the element or begin a comment."""
    told = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(scripts: Sequence[str]) -> str:
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    ]
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return files("qbench.pipeline.analysis").joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    return files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
