"""An examination as one self-contained HTML page: it loads nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from qbench.pipeline.analysis import figures
from qbench.pipeline.analysis.examination import Examination, Inside
from qbench.pipeline.analysis.noise import EXACT_DB, LayerNoise
from qbench.pipeline.evaluation.records import Grade, Share
from qbench.records import Origin, Precision
from qbench.units import format_bytes, format_ms

Charts = list[tuple[str, Any]]
"""Name of a PNG file and the plotly figure that it shows."""


def charts(of: Examination) -> Charts:
    """Every chart of the page, in order."""
    what = _confidence(of)
    found: Charts = []
    for cloud in of.clouds:
        found.append(
            (f"confidence-{_slug(cloud.subject)}", figures.cloud(cloud, of.data.classes, what))
        )
    for inside in _with_weights(of):
        title = f"{inside.subject.title}: weights"
        found.append((f"weights-{_slug(inside.subject)}", figures.weights(title, inside.weights)))
    for network in dict.fromkeys(i.subject.network for i in of.insides):
        noisy = [
            (str(i.subject.precision), i.noise)
            for i in of.insides
            if i.subject.network == network and i.noise is not None
        ]
        if noisy:
            title = f"{network}: noise of quantization, layer by layer"
            found.append((f"noise-{network}", figures.noise(title, noisy)))
    if of.spots:
        found.append(("front", figures.front(of.spots)))
        found.append(("time", figures.bars(of.spots)))
    return found


def _with_weights(of: Examination) -> list[Inside]:
    """One per network: dynamic and int8 hold the same integers."""
    found: dict[str, Inside] = {}
    for inside in of.insides:
        if inside.weights and (
            inside.subject.network not in found or inside.subject.precision == Precision.INT8
        ):
            found[inside.subject.network] = inside
    return list(found.values())


def render(of: Examination, drawn: Charts) -> str:
    """The page. `drawn`: what `charts` gave."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped, unused-ignore]

    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    body = "".join(_body(of, drawn))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>qbench analyze: {escape(_networks(of))}</title><style>{style}</style>"
        f"<script>{get_plotlyjs()}</script><main>{body}</main>{_FIT}</html>\n"
    )


def _body(of: Examination, drawn: Charts) -> Iterator[str]:
    yield f"<h1>What quantization did to {escape(_networks(of))}</h1>"
    images = len(of.data.splits[of.split])
    yield f"<p class=lead>{images} images of <code>{escape(of.data.root)}/{of.split}</code>.</p>"
    if of.data.is_synthetic:
        yield (
            "<p class=banner><b>SYNTHETIC data.</b> The images are drawn by a program; no patient, "
            "no scanner. Accuracies here say nothing about any disease.</p>"
        )
    yield "<h2>Accuracy</h2>" + _grades(of.grades)
    yield "<h2>Confidence, image by image</h2>"
    yield (
        f"<p>Across: {escape(_confidence(of))} by the fp32 model; up: by the quantized one. On the "
        "dotted line nothing changed. Crosses are wrong answers, ringed points changed class.</p>"
    )
    yield _cloud_numbers(of) + _grid(drawn, "confidence-")
    yield "<h2>Where it hurts</h2>"
    yield (
        "<p>SQNR is the power of a layer's fp32 output over the power of what quantization changed "
        "in it; 20 dB is an error of 10 %. Noise that arrives is passed on, so the layer to blame "
        "is the one that <em>adds</em> the most to what arrives (ringed).</p>"
    )
    yield _noise_numbers(of.insides) + _grid(drawn, "noise-", wide=True)
    if any(inside.weights for inside in of.insides):
        yield "<h2>Weights</h2><p>fp32 values above, the integers that stand for them below.</p>"
        yield _grid(drawn, "weights-")
    if any(inside.maps for inside in of.insides):
        yield "<h2>Feature maps and filters</h2>"
        yield (
            "<p>The first and the last convolution on one image: fp32 and int8 on one colour "
            "scale, their difference on its own. The eight channels that vary most.</p>"
        )
        for inside in of.insides:
            yield from _maps(inside)
    if of.spots:
        yield "<h2>Accuracy, latency and size</h2>" + _origins(of)
        yield _grid(drawn, "front", wide=True)
        yield (
            "<h2>Inference time</h2><p>Hatched bars are SIMULATED, whiskers are their 90 % band; "
            "an asterisk: the delegate took nothing, and the CPU ran it all.</p>"
        )
        yield _grid(drawn, "time", wide=True)


def _grid(drawn: Charts, start: str, wide: bool = False) -> str:
    parts = [
        f"<div class=chart>{_embedded(figure)}</div>"
        for name, figure in drawn
        if name.startswith(start)
    ]
    return f"<div class='{'wide' if wide else 'grid'}'>{''.join(parts)}</div>"


def _embedded(figure: Any) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=_CONFIG))


_CONFIG = {"responsive": True, "displayModeBar": False}

# A chart is drawn before its neighbours are there to share the row with it.
_FIT = """<script>
const fit = () => document.querySelectorAll(".js-plotly-plot").forEach(p => Plotly.Plots.resize(p));
fit(); addEventListener("load", fit);
</script>"""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(h)}" for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}" for c in row) for row in rows)
    return f"<div class=scroll><table><thead><tr>{head}<tbody>{body}</table></div>"


def _grades(grades: Sequence[Grade]) -> str:
    heads = ("model", "size", "accuracy", "sensitivity", "specificity", "AUC", "as fp32", "p")
    rows = []
    for g in grades:
        v = g.versus_fp32
        rows.append(
            (
                g.subject.title,
                format_bytes(g.subject.file_bytes),
                _share(g.accuracy),
                _share(g.sensitivity),
                _share(g.specificity),
                "-" if g.auc is None else f"{g.auc:.3f}",
                _share(v.agreement) if v else "-",
                f"{v.p_value:.2g}" if v else "-",
            )
        )
    note = "<p class=note>In brackets 95 % intervals (Wilson). p: McNemar's exact test against "
    return _table(heads, rows) + note + "fp32, after Holm's correction.</p>"


def _share(share: Share | None) -> str:
    if share is None or share.ratio is None or share.interval is None:
        return "-"
    low, high = 100 * share.interval.low, 100 * share.interval.high
    return f"{100 * share.ratio:.1f} % ({low:.0f}-{high:.0f})"


def _cloud_numbers(of: Examination) -> str:
    rows = [
        (
            c.subject.title,
            f"{c.shift:+.4f}",
            f"{c.spread:.4f}",
            f"{c.largest:.4f}",
            f"{c.flips} of {len(c.points)}",
        )
        for c in of.clouds
    ]
    return _table(("model", "mean shift", "spread", "largest", "changed class"), rows)


def _noise_numbers(insides: Sequence[Inside]) -> str:
    rows = []
    for inside in insides:
        if inside.noise is None:
            rows.append((inside.subject.title, inside.refusal or "-", "", "", ""))
            continue
        worst, last = inside.noise.worst, inside.noise.layers[-1]
        rows.append(
            (
                inside.subject.title,
                f"{worst.op} {worst.name}",
                fall(worst),
                f"{last.sqnr_db:.1f} dB",
                f"{last.cosine:.5f}",
            )
        )
    return _table(("model", "hurts most in", "SQNR there", "at the output", "cosine there"), rows)


def fall(layer: LayerNoise) -> str:
    """`from 31.2 to 25.0 dB`."""
    arrives = "exact" if layer.before_db >= EXACT_DB else f"{layer.before_db:.1f}"
    return f"from {arrives} to {layer.sqnr_db:.1f} dB"


def _maps(inside: Inside) -> Iterator[str]:
    for one in inside.maps:
        data = base64.b64encode(one.png).decode()
        caption = escape(
            f"{inside.subject.network}: {one.what}, {one.where}; largest difference "
            f"{100 * one.error_ratio:.1f} % of the largest value"
        )
        yield (
            f"<figure><div class=scroll><img alt='{caption}' src='data:image/png;base64,{data}'>"
            f"</div><figcaption>{caption}</figcaption></figure>"
        )


def _origins(of: Examination) -> str:
    words = {
        Origin.SIMULATED: "Hollow points are SIMULATED: computed from the device's profile, not "
        "measured; their bars are the 90 % band.",
        Origin.HOST: "HOST points are the median on this machine while the evaluation ran.",
    }
    found = dict.fromkeys(s.timing.origin for s in of.spots)
    fastest = min(of.spots, key=lambda s: s.timing.p50_us)
    told = f"Fastest: {fastest.grade.subject.title} on {fastest.timing.place}, "
    told += f"{format_ms(fastest.timing.p50_us)} ms."
    return f"<p>{escape(' '.join([*(words[o] for o in found if o in words), told]))}</p>"


def _confidence(of: Examination) -> str:
    positive = of.grades[0].positive
    return f"probability of {positive}" if positive else "probability of the true class"


def _networks(of: Examination) -> str:
    return ", ".join(dict.fromkeys(g.subject.network for g in of.grades))


def _slug(subject: Any) -> str:
    return f"{subject.network}-{subject.precision}"
