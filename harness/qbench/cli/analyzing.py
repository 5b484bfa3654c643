"""What `qbench analyze` does once its words are understood."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from qbench.cli.evaluating import Graded
    from qbench.pipeline.analysis.examination import Examination
    from qbench.pipeline.analysis.front import Timing
    from qbench.pipeline.evaluation import Grade


def look(graded: Graded, timings: Sequence[Timing]) -> Examination:
    """What is inside models that have been graded already. `timings`: how long they take."""
    from qbench.cli.counting import counting
    from qbench.pipeline.analysis import examination, front
    from qbench.pipeline.classifier import InputRange

    spots = front.spots(graded.grades, timings)
    with counting("models looked into") as progress:
        return examination.examine(
            graded.data,
            graded.asked.split,
            graded.answers,
            graded.grades,
            spots,
            InputRange(*graded.asked.input_range),
            progress,
        )


def timings(grades: Sequence[Grade], device: str) -> list[Timing]:
    """What the evaluation saw on this host, and what the simulator says of `device`."""
    return [*_here(grades), *_simulated(grades, device)]


def _here(grades: Sequence[Grade]) -> list[Timing]:
    """What the evaluation itself saw."""
    from qbench.pipeline.analysis.front import Timing
    from qbench.records import Origin

    return [
        Timing(
            path=g.subject.path,
            delegate="cpu",
            device="host",
            origin=Origin.HOST,
            p50_us=g.latency_us,
            band=None,
        )
        for g in grades
        if g.latency_us and g.subject.precision is not None
    ]


def _simulated(grades: Sequence[Grade], device: str) -> list[Timing]:
    """What the simulator says of `device`'s delegates. A delegate that cannot run a model is left
    out; one that leaves everything to the CPU says so."""
    from qbench.cli import simulating
    from qbench.pipeline.analysis.front import Timing
    from qbench.records import Interval, Origin, Prediction

    paths = [g.subject.path for g in grades if g.subject.precision is not None]
    found = []
    for path in paths:
        question = simulating.Question(names=[path], device=device, ops=False)
        for answer in simulating.ask(question)[1]:
            outcome = answer.outcome
            if isinstance(outcome, Prediction):
                found.append(
                    Timing(
                        path=path,
                        delegate=str(answer.delegate),
                        device=device,
                        origin=Origin.SIMULATED,
                        p50_us=outcome.p50_us,
                        band=Interval(outcome.low_us, outcome.high_us, 0.90),
                        cpu_fallback=outcome.cpu_fallback,
                    )
                )
    return found


def _photograph(page: Path, picture: Path, width_px: int, height_px: int) -> None:
    from qbench.cli import chromium

    chromium.photograph(page.resolve().as_uri(), picture, width_px, height_px)


def finish(console: Console, found: Examination, out: Path, with_png: bool, as_json: bool) -> None:
    from qbench.cli.counting import counting
    from qbench.pipeline.analysis import writing
    from qbench.pipeline.analysis.sections.noise import fall
    from qbench.units import printable

    with counting("charts") as progress:
        written = writing.write(found, out, _photograph if with_png else None, progress)
    if as_json:
        click.echo(writing.render_json(found))
        return
    for inside in found.insides:
        title = printable(inside.subject.title)
        if inside.noise is None:
            console.print(f"{title}: {printable(inside.refusal or '')}", markup=False)
            continue
        worst = inside.noise.worst
        text = (
            f"{title}: hurts most in {worst.op} {worst.name}: SQNR {fall(worst)}; "
            f"at the output {inside.noise.layers[-1].sqnr_db:.1f} dB"
        )
        console.print(text, markup=False, soft_wrap=True)
    for cloud in found.clouds:
        console.print(
            f"{printable(cloud.subject.title)}: confidence shifts by {cloud.shift:+.4f}, "
            f"spread {cloud.spread:.4f}; {cloud.flips} of {len(cloud.points)} answers change",
            markup=False,
        )
    for path in written:
        click.echo(path)
