"""From the words of `qbench evaluate` and `qbench analyze` to answers and grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qbench.errors import InputError
from qbench.records import Precision

if TYPE_CHECKING:
    from qbench.pipeline.data import DataSet
    from qbench.pipeline.evaluation import Answer, Grade, Subject

    Answers = Mapping[Subject, Sequence[Answer]]


def perform(
    names: Sequence[str],
    precisions: Sequence[str],
    root: Path,
    split: str,
    positive: str | None,
    input_range: tuple[float, float],
    jobs: int | None,
) -> tuple[DataSet, Answers, tuple[Grade, ...]]:
    from qbench.cli.counting import counting
    from qbench.pipeline import evaluation, workers
    from qbench.pipeline.classifier import InputRange
    from qbench.pipeline.data import load

    data = load(root, need=(split,))
    looked_for = positive or data.classes[-1]
    if looked_for not in data.classes:
        raise InputError(
            f"--positive {looked_for}: is no class of {root}",
            hint=f"one of {', '.join(data.classes)}",
        )
    subjects = evaluation.in_order(
        [evaluation.examine(path, data) for path in files(names, precisions)]
    )
    with counting("answers") as progress:
        answers = evaluation.answers(
            subjects,
            data.splits[split],
            InputRange(*input_range),
            jobs or workers.processors(),
            progress,
        )
    return data, answers, evaluation.grade(answers, data.classes, looked_for)


def files(names: Sequence[str], precisions: Sequence[str]) -> tuple[Path, ...]:
    """The files that are meant, each once. Raises InputError for a name without any."""
    from qbench import models

    found: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = sorted(path.glob("*.tflite"))
            if not inside:
                raise InputError(f"{path}: holds no .tflite files")
            found |= dict.fromkeys(inside)
        elif path.exists() or path.suffix in (".tflite", ".pt"):
            found[path] = None
        else:
            found |= dict.fromkeys(models.resolve(name, tuple(map(Precision, precisions))))
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
    import msgspec

    try:
        with path.open("wb") as stream:
            for subject, given in answers.items():
                for answer in given:
                    line = {"model": subject.path, **msgspec.to_builtins(answer)}
                    stream.write(msgspec.json.encode(line) + b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
