"""What the page says: its head, and its sections in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from qbench.pipeline.analysis import markup
from qbench.pipeline.analysis.examination import Examination
from qbench.pipeline.analysis.figures import Chart
from qbench.pipeline.analysis.sections.accuracy import accuracy
from qbench.pipeline.analysis.sections.confidence import confidence
from qbench.pipeline.analysis.sections.inside import maps, weights
from qbench.pipeline.analysis.sections.noise import noise
from qbench.pipeline.analysis.sections.places import front, times
from qbench.pipeline.evaluation.records import Grade
from qbench.records import Precision

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
        "accuracy": accuracy(of.grades),
        "confidence": confidence(of, numbered),
        "noise": noise(of, numbered),
        "weights": weights(of, numbered),
        "maps": "".join(maps(of)),
        "front": front(of, numbered),
        "time": times(of, numbered),
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
        f"<p class=lead>{images} images of <code>{markup.text(of.data.root)}/{of.split}</code></p>",
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
        yield f"<li><b>{markup.text(grade.subject.title)}</b>{markup.text(told)}</li>"


def _ratio(grade: Grade) -> str:
    return "-" if grade.accuracy.ratio is None else f"{100 * grade.accuracy.ratio:.1f} %"
