"""qbench evaluate: how right are models on labelled images, and what did quantizing cost?"""

from __future__ import annotations

from pathlib import Path

import click

from qbench.cli import options
from qbench.cli.quantizing import range_option

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL|FOLDER...")
@click.option("--data", "root", type=_PATH, required=True, help="ROOT/test/CLASS/*.png")
@click.option("--split", default="test", show_default=True, type=click.Choice(["test", "val"]))
@options.precision_option
@click.option("--positive", help="The class that a test looks for. Default: the last by name.")
@range_option
@click.option("--jobs", type=click.IntRange(1), help="Processes. Default: one per processor.")
@click.option("--answers", "file", type=_PATH, help="Write each answer there, a line of JSON each.")
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    help="Exit with 1 when a model's accuracy is more points below its fp32 form's.",
)
@options.json_flag
def evaluate(
    models: tuple[str, ...],
    root: Path,
    split: str,
    precisions: tuple[str, ...],
    positive: str | None,
    input_range: tuple[float, float],
    jobs: int | None,
    file: Path | None,
    max_drop: float | None,
    as_json: bool,
) -> int:
    """Accuracy, sensitivity, specificity and AUC of each MODEL (.tflite, a folder of them, a
    model's name, a PyTorch checkpoint) on the images of --data, with 95 % intervals."""
    from qbench.cli import console, evaluating, exit_codes
    from qbench.pipeline.evaluation import text

    data, answers, grades = evaluating.perform(
        models, precisions, root, split, positive, input_range, jobs
    )
    if file is not None:
        evaluating.write_answers(file, answers)
    if as_json:
        click.echo(text.render_json(data, split, grades))
    else:
        text.print_grades(console.stdout(), data, split, grades)
    too_low = evaluating.dropped(grades, max_drop)
    for line in too_low:
        click.echo(line, err=True)
    return exit_codes.REGRESSION if too_low else exit_codes.DONE
