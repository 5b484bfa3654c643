"""qbench evaluate: how right are models on labelled images, and what did quantizing cost?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qbench.cli import options
from qbench.cli.labelled import labelled
from qbench.records import Delegate

_PATH = click.Path(path_type=Path)


@click.command()
@labelled
@click.option("--answers", "file", type=_PATH, help="Write each answer there, a line of JSON each.")
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    help="Exit with 1 when a model's accuracy is more points below its fp32 form's.",
)
@click.option("--on-device", is_flag=True, help="Answer on a device too, and compare with here.")
@click.option("--device", "-d", help="With --on-device: a profile or an attached serial.")
@click.option("--serial", help="With --on-device: which attached device.")
@click.option(
    "--delegate",
    type=click.Choice([d.value for d in Delegate]),
    help="With --on-device. Default: cpu.",
)
@click.option("--threads", type=click.IntRange(1, 64), help="With --on-device. Default: 1.")
@click.option(
    "--benchmark-binary", type=_PATH, help="With --on-device: the benchmark_model to run."
)
@options.json_flag
def evaluate(
    file: Path | None, max_drop: float | None, on_device: bool, as_json: bool, **asked: Any
) -> int:
    """Accuracy, sensitivity, specificity and AUC of each MODEL (.tflite, a folder of them, a
    model's name, a PyTorch checkpoint) on the images of --data, with 95 % intervals."""
    from qbench.cli import evaluating, evaluating_device
    from qbench.cli.labelled import Labelled

    shown = {name: asked.pop(name) for name in Labelled.__struct_fields__}
    elsewhere = evaluating_device.wanted(on_device, asked)
    return evaluating.finish(Labelled(**shown), elsewhere, file, max_drop, as_json)
