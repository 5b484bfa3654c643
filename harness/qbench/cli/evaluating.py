"""From the words of `qbench evaluate` and `qbench analyze` to answers and grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from qbench.errors import InputError
from qbench.records import Precision

if TYPE_CHECKING:
    from qbench.cli.evaluating_device import Wanted
    from qbench.cli.kept_answers import KeptAnswers
    from qbench.cli.labelled import Labelled
    from qbench.pipeline.data import DataSet
    from qbench.pipeline.evaluation import Answer, Grade, Subject
    from qbench.pipeline.workers import Pool

    Answers = Mapping[Subject, Sequence[Answer]]


class Graded(msgspec.Struct, frozen=True, kw_only=True):
    """What `asked` came to. `positive`: the class that is looked for."""

    asked: Labelled
    data: DataSet
    positive: str
    answers: Answers
    grades: tuple[Grade, ...]


def perform(asked: Labelled, kept: KeptAnswers | None = None) -> Graded:
    """`kept` has what was answered before, and keeps what is answered now. Raises InputError,
    ModelFileError, RunnerError, MissingExtraError."""
    from qbench.pipeline import evaluation, workers

    jobs = asked.jobs or workers.processors()
    with workers.Pool(jobs, evaluation.get_ready) as pool:
        return _perform(asked, kept, pool)


def _perform(asked: Labelled, kept: KeptAnswers | None, pool: Pool) -> Graded:
    from qbench.cli.counting import counting
    from qbench.pipeline import evaluation
    from qbench.pipeline.classifier import InputRange
    from qbench.pipeline.data import load

    data = load(asked.root, need=(asked.split,))
    positive = asked.positive or data.classes[-1]
    if positive not in data.classes:
        raise InputError(
            f"--positive {positive}: is no class of {asked.root}",
            hint=f"one of {', '.join(data.classes)}",
        )
    subjects = evaluation.in_order(
        [evaluation.examine(path, data) for path in files(asked.models, asked.precisions)]
    )
    samples = data.splits[asked.split]
    known = kept.known(subjects, samples) if kept else {}
    with counting("answers") as progress:
        new = evaluation.answers(
            [subject for subject in subjects if subject not in known],
            samples,
            InputRange(*asked.input_range),
            pool,
            progress,
            *([kept.keep] if kept else []),
        )
    answers = {subject: (known | new)[subject] for subject in subjects}
    grades = evaluation.grade(answers, data.classes, positive)
    return Graded(asked=asked, data=data, positive=positive, answers=answers, grades=grades)


def finish(
    asked: Labelled,
    elsewhere: Wanted | None,
    file: Path | None,
    max_drop: float | None,
    as_json: bool,
) -> int:
    """Print the grades, and those of `elsewhere` beside them; the exit code."""
    from qbench.cli import console, evaluating_device, exit_codes
    from qbench.pipeline.evaluation import text

    target = evaluating_device.target(elsewhere) if elsewhere else None  # before the minutes here
    graded = perform(asked)
    there = evaluating_device.perform(target, graded) if target else None
    judged = there.grades if there else graded.grades
    if file is not None:
        write_answers(file, there.answers if there else graded.answers)
    if as_json:
        click.echo(text.render_json(graded.data, asked.split, graded.grades, there))
    else:
        text.print_grades(console.stdout(), graded.data, asked.split, graded.grades, there)
    too_low = dropped(judged, max_drop)
    for line in too_low:
        click.echo(line, err=True)
    return exit_codes.REGRESSION if too_low else exit_codes.DONE


def files(names: Sequence[str], precisions: Sequence[str]) -> tuple[Path, ...]:
    """The files that are meant, each once. Raises InputError for a name without any."""
    from qbench.cli.model_files import inside, of

    wanted = tuple(map(Precision, precisions))
    found: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.suffix == ".pt":
            found[path] = None
        else:
            found |= dict.fromkeys(inside(path, wanted) if path.is_dir() else of(name, wanted))
    return tuple(found)


def dropped(grades: Sequence[Grade], max_drop: float | None) -> list[str]:
    """A line per model that lost more points of accuracy than allowed."""
    from qbench.units import printable

    if max_drop is None:
        return []
    fp32 = {g.subject.network: g for g in grades if g.subject.precision is Precision.FP32}
    lines = []
    for one in grades:
        reference = fp32.get(one.subject.network)
        if reference is None or one.accuracy.ratio is None or reference.accuracy.ratio is None:
            continue
        points = 100 * (reference.accuracy.ratio - one.accuracy.ratio)
        if points > max_drop:
            title = printable(one.subject.title)
            lines.append(f"{title}: {points:.1f} points below fp32, more than {max_drop:g}")
    return lines


def write_answers(path: Path, answers: Answers) -> None:
    try:
        with path.open("wb") as stream:
            for subject, given in answers.items():
                for answer in given:
                    line = {"model": subject.path, **msgspec.to_builtins(answer)}
                    stream.write(msgspec.json.encode(line) + b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
