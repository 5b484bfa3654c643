"""What the page says, section by section. All that is not markup is escaped where it enters."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape

from qbench.pipeline.analysis import charts
from qbench.pipeline.analysis.examination import Examination, Inside
from qbench.pipeline.analysis.figures import Chart
from qbench.pipeline.analysis.noise import EXACT_DB, LayerNoise
from qbench.pipeline.analysis.points import Cloud
from qbench.pipeline.evaluation.records import Grade, Share
from qbench.records import Origin, Precision
from qbench.units import format_bytes, format_ms, printable

_MOST_FLIPS = 30  # rows of the table; analysis.json and --answers have all
_SECTIONS = {
    "accuracy": "Accuracy",
    "confidence": "Confidence, image by image",
    "noise": "Where it hurts",
    "weights": "Weights",
    "maps": "Feature maps and filters",
    "front": "Accuracy, latency and size",
    "time": "Inference time",
}


def render(of: Examination, drawn: Sequence[Chart], title: str) -> str:
    numbered = [(f"chart-{number}", chart) for number, chart in enumerate(drawn)]
    made = {
        "accuracy": _grades(of.grades),
        "confidence": _confidence(of, numbered),
        "noise": _noise(of, numbered),
        "weights": _weights(of, numbered),
        "maps": "".join(_maps(of)),
        "front": _front(of, numbered),
        "time": _times(of, numbered),
    }
    there = {name: body for name, body in made.items() if body}
    links = "".join(f"<a href='#{name}'>{_SECTIONS[name]}</a>" for name in there)
    mark = _mark(of)
    sections = "".join(
        f"<section aria-label='{_SECTIONS[name]}'><h2 id={name}>{_SECTIONS[name]}{mark}</h2>"
        f"{body}</section>"
        for name, body in there.items()
    )
    return "".join((_head(of, title), f"<nav aria-label=Sections>{links}</nav>", sections))


def _mark(of: Examination) -> str:
    return "<span class=tag>SYNTHETIC</span>" if of.data.is_synthetic else ""


def _head(of: Examination, title: str) -> str:
    images = len(of.data.splits[of.split])
    parts = [
        "<header><div><p class=brand>qbench analyze</p>",
        f"<h1>{escape(title)}</h1></div><button type=button id=theme>Dark</button></header>",
        f"<p class=lead>{images} images of <code>{_text(of.data.root)}/{of.split}</code></p>",
    ]
    if of.data.is_synthetic:
        parts.append(
            "<p class=banner><b>SYNTHETIC data.</b> The images are drawn by a program; no patient, "
            "no scanner. Accuracies here say nothing about any disease.</p>"
        )
    parts.append(f"<ul class=short>{''.join(_in_short(of))}</ul>")
    return "".join(parts)


def _in_short(of: Examination) -> Iterator[str]:
    """A sentence or two per int8 model: what it cost, what it gained, where it hurts."""
    fp32 = {g.subject.network: g for g in of.grades if g.subject.precision is Precision.FP32}
    clouds = {c.subject: c for c in of.clouds}
    insides = {i.subject: i for i in of.insides}
    for grade in of.grades:
        reference = fp32.get(grade.subject.network)
        if grade.subject.precision is not Precision.INT8 or reference is None:
            continue
        cloud, inside = clouds[grade.subject], insides[grade.subject]
        size = grade.subject.file_bytes / reference.subject.file_bytes
        told = (
            f"accuracy {_ratio(grade)} (fp32 {_ratio(reference)}); {cloud.flips} of "
            f"{len(cloud.points)} answers change; {100 * size:.0f} % of the size."
        )
        if inside.noise is not None:
            worst = inside.noise.worst
            told += f" Most noise is added in {worst.op} {worst.name}."
        yield f"<li><b>{_text(grade.subject.title)}</b>{_text(told)}</li>"


def _ratio(grade: Grade) -> str:
    return "-" if grade.accuracy.ratio is None else f"{100 * grade.accuracy.ratio:.1f} %"


def _text(value: str) -> str:
    return escape(printable(value))


def _charts(numbered: Sequence[tuple[str, Chart]], start: str, *, is_wide: bool) -> str:
    parts = []
    for place, chart in numbered:
        if not chart.name.startswith(start):
            continue
        menu = ""
        if len(chart.pages) > 1:
            choices = "".join(f"<option>{_text(label)}" for label, _ in chart.pages)
            label = f"layer of {_text(chart.title)}"
            menu = f"<select data-chart={place} aria-label='{label}'>{choices}</select>"
        note = f"<p class=note>{_text(chart.note)}</p>" if chart.note else ""
        parts.append(
            f"<div class=chart><h3>{_text(chart.title)}</h3>{menu}<div class=plot id={place} "
            f"style='height:{chart.height_px}px' role=img aria-label='{_text(chart.title)}'></div>"
            f"{note}</div>"
        )
    return f"<div class={'wide' if is_wide else 'grid'}>{''.join(parts)}</div>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = ()) -> str:
    """Columns in `words` hold words, the others numbers."""

    def cell(kind: str, column: int, value: str) -> str:
        return f"<{kind}{' class=l' if column in words else ''}>{_text(value)}</{kind}>"

    head = "".join(cell("th", column, value) for column, value in enumerate(heads))
    body = "".join(
        f"<tr>{''.join(cell('td', column, value) for column, value in enumerate(row))}</tr>"
        for row in rows
    )
    return (
        f"<div class=scroll tabindex=0><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _grades(grades: Sequence[Grade]) -> str:
    heads = ("model", "size", "accuracy", "sensitivity", "specificity", "AUC", "told as by fp32")
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
    positive = grades[0].positive
    found = f" Sensitivity: the share of {_text(positive)} that was found." if positive else ""
    return _table((*heads, "p"), rows) + (
        "<p class=note>In brackets 95 % intervals (Wilson): two accuracies whose intervals overlap "
        "may be the same. p: McNemar's exact test against fp32, after Holm's correction; a large "
        f"p is no proof that nothing was lost.{found}</p>"
    )


def _share(share: Share | None) -> str:
    if share is None or share.ratio is None or share.interval is None:
        return "-"
    low, high = 100 * share.interval.low, 100 * share.interval.high
    return f"{100 * share.ratio:.1f} % ({low:.0f}-{high:.0f})"


def _confidence(of: Examination, numbered: Sequence[tuple[str, Chart]]) -> str:
    keys = [f"<li class=k{n % 6}>{_SWATCH}{_text(c)}</li>" for n, c in enumerate(of.data.classes)]
    keys += [
        f"<li class=kink>{_svg('<circle cx=7 cy=7 r=4 fill=currentColor />')}right</li>",
        f"<li class=kink>{_svg(_CROSS)}wrong</li>",
        f"<li class=kink>{_svg(_RING)}tells another class than fp32</li>",
    ]
    return (
        "<p>Across: the fp32 model's confidence in an image; up: the quantized model's. On the "
        "dotted diagonal nothing changed. Colours are true classes.</p>"
        f"<ul class=keys>{''.join(keys)}</ul>"
        + _charts(numbered, charts.CONFIDENCE, is_wide=False)
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
        + _table(heads, rows[:_MOST_FLIPS], words=(1, 2, 5))
        + f"<p class=note>Confidences as in the charts above.{more}</p>"
    )


def _flipped(of: Examination, cloud: Cloud) -> Iterator[tuple[str, ...]]:
    for p in cloud.points:
        if p.is_flip:
            image = p.image.removeprefix(of.data.root).lstrip("/")
            told = (f"{p.x:.4f}", f"{p.y:.4f}", "right" if p.is_right else "wrong")
            yield (cloud.subject.title, image, of.data.classes[p.label], *told)


def _noise(of: Examination, numbered: Sequence[tuple[str, Chart]]) -> str:
    return (
        "<p>SQNR is the power of a layer's fp32 output over the power of what quantization changed "
        "in it: 20 dB is an error of 10 %, 40 dB of 1 %. Noise that arrives is passed on, so the "
        "layer to blame is the one that <em>adds</em> the most to what arrives (ringed).</p>"
        + _noise_numbers(of.insides)
        + _charts(numbered, charts.NOISE, is_wide=True)
    )


def _noise_numbers(insides: Sequence[Inside]) -> str:
    rows = []
    for inside in insides:
        if inside.noise is None:
            rows.append((inside.subject.title, inside.refusal or "-", "", "", ""))
            continue
        worst, last = inside.noise.worst, inside.noise.layers[-1]
        exact = last.sqnr_db >= EXACT_DB
        rows.append(
            (
                inside.subject.title,
                f"{worst.op} {worst.name}",
                fall(worst),
                "exact" if exact else f"{last.sqnr_db:.1f} dB",
                f"{last.cosine:.5f}",
            )
        )
    heads = ("model", "adds most noise", "SQNR there", "SQNR at the output", "cosine there")
    return _table(heads, rows, words=(1,))


def fall(layer: LayerNoise) -> str:
    """`from 31.2 to 25.0 dB`."""
    arrives = "exact" if layer.before_db >= EXACT_DB else f"{layer.before_db:.1f}"
    return f"from {arrives} to {layer.sqnr_db:.1f} dB"


def _weights(of: Examination, numbered: Sequence[tuple[str, Chart]]) -> str:
    if not any(inside.weights for inside in of.insides):
        return ""
    return (
        "<p>The fp32 values above, the integers in [-127, 127] that stand for them below. Each "
        "channel has a scale of its own, so the lower form is wider than the upper one.</p>"
        + _charts(numbered, charts.WEIGHTS, is_wide=False)
    )


def _maps(of: Examination) -> Iterator[str]:
    if not any(inside.maps for inside in of.insides):
        return
    yield (
        "<p>The first and the last convolution on one image: fp32 and int8 on one colour scale, "
        "their difference on its own, with white at 0. The eight channels that vary most.</p>"
    )
    for inside in of.insides:
        for one in inside.maps:
            data = base64.b64encode(one.png).decode()
            caption = _text(
                f"{inside.subject.network}: {one.what} of the {one.where}; largest difference "
                f"{100 * one.error_ratio:.1f} % of the largest value"
            )
            yield (
                f"<figure><div class=scroll tabindex=0><img alt='{caption}' "
                f"src='data:image/png;base64,{data}'></div><figcaption>{caption}</figcaption>"
                "</figure>"
            )


def _front(of: Examination, numbered: Sequence[tuple[str, Chart]]) -> str:
    if not of.spots:
        return ""
    return (
        "<p>Up is more accurate, left is faster; the area is the file's size. Circles fp32, "
        "squares dynamic, diamonds fp16, triangles int8. Named and joined: what nothing beats in "
        "all three at once on the same device. Accuracies have intervals of several points (see "
        "above): a small step up or down is no difference yet. "
        f"{_text(_origins(of))}</p>" + _charts(numbered, charts.FRONT, is_wide=False) + _fastest(of)
    )


def _origins(of: Examination) -> str:
    is_rough = any(s.timing.origin is Origin.HOST and s.timing.band is None for s in of.spots)
    words = {
        Origin.SIMULATED: "Hollow points are SIMULATED: computed from the device's profile, not "
        "measured; their bars are the 90 % band.",
        Origin.HOST: "HOST points are of this machine, and no phone"
        + (", timed while the evaluation ran: no benchmark." if is_rough else "."),
        Origin.EMULATED: "EMULATED points are of a virtual device on this machine.",
    }
    found = dict.fromkeys(s.timing.origin for s in of.spots)
    return " ".join(words[origin] for origin in found if origin in words)


def _fastest(of: Examination) -> str:
    """Of each network, within each device and origin: a host's number beats no phone's."""
    rows = []
    for network in dict.fromkeys(s.grade.subject.network for s in of.spots):
        mine = [s for s in of.spots if s.grade.subject.network == network]
        for key in dict.fromkeys((s.timing.device, s.timing.origin) for s in mine):
            spots = [s for s in mine if (s.timing.device, s.timing.origin) == key]
            best = min(spots, key=lambda s: s.timing.p50_us)
            band = best.timing.band
            between = f" ({band.low / 1000:.3g}-{band.high / 1000:.3g})" if band else ""
            rows.append(
                (
                    network,
                    f"{key[0]} {key[1].value.upper()}",
                    f"{best.grade.subject.precision} on {best.timing.delegate}",
                    f"{format_ms(best.timing.p50_us)} ms{between}",
                )
            )
    return "<h3>Fastest, within one device</h3>" + _table(
        ("network", "device", "by", "latency"), rows, words=(1, 2)
    )


def _times(of: Examination, numbered: Sequence[tuple[str, Chart]]) -> str:
    if not of.spots:
        return ""
    return (
        "<p>Hatched bars are SIMULATED, their whiskers the 90 % band; whiskers of measured bars "
        "are 95 % intervals. An asterisk: the delegate took nothing, and the CPU ran it all. A bar "
        "that is missing: the delegate does not run such a model.</p>"
        + _charts(numbered, charts.TIMES, is_wide=False)
        + _milliseconds(of)
    )


def _milliseconds(of: Examination) -> str:
    places = list(dict.fromkeys(spot.timing.place for spot in of.spots))
    rows: dict[str, dict[str, str]] = {}
    for spot in of.spots:
        timing = spot.timing
        told = format_ms(timing.p50_us) + ("*" if timing.cpu_fallback else "")
        if timing.band is not None:
            told += f" ({timing.band.low / 1000:.3g}-{timing.band.high / 1000:.3g})"
        rows.setdefault(spot.grade.subject.title, {})[timing.place] = told
    cells = [[title, *(its.get(place, "-") for place in places)] for title, its in rows.items()]
    return "<h3>In ms</h3>" + _table(["model", *places], cells)
