"""The steps of `qbench study`, each skipped when its result is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbench.models import PRECISIONS, file_name
from qbench.records import Precision

if TYPE_CHECKING:
    from qbench.pipeline.data import DataSet
    from qbench.pipeline.studying import Size


@dataclass(frozen=True)
class Study:
    """OUT/data (if drawn), OUT/training/NETWORK, OUT/models/NETWORK-SCHEME.tflite, OUT/report."""

    out: Path
    quick: bool
    root: Path | None
    networks: tuple[str, ...]
    epochs: int | None
    lr: float | None
    seed: int
    device: str
    threads: int | None
    jobs: int | None

    def perform(self) -> None:
        from qbench.cli import analyzing, console, evaluating
        from qbench.cli.labelled import Labelled
        from qbench.pipeline.evaluation import text
        from qbench.pipeline.studying import NETWORKS

        data = self._data()
        for network in self.networks or NETWORKS:
            self._train(network, data)
            self._convert(network, data)
            self._quantize(network, data)
        files = [
            str(self.out / "models" / file_name(network, scheme))
            for network in self.networks or NETWORKS
            for scheme in PRECISIONS
        ]
        _step(f"evaluating {len(files)} models")
        asked = Labelled(models=tuple(files), root=Path(data.root), jobs=self.jobs)
        graded = evaluating.perform(asked)
        text.print_grades(console.stdout(), data, asked.split, graded.grades)
        (self.out / "grades.json").write_text(
            text.render_json(data, asked.split, graded.grades) + "\n", encoding="utf-8"
        )
        _step("analyzing")
        found = analyzing.look(graded, self.device)
        analyzing.finish(console.stdout(), found, self.out / "report", False, False)

    @property
    def _size(self) -> Size:
        from qbench.pipeline.studying import FULL, QUICK

        return QUICK if self.quick else FULL

    def _data(self) -> DataSet:
        from qbench.cli.counting import counting
        from qbench.pipeline import workers
        from qbench.pipeline.data import load, synthetic

        root = self.root or self.out / "data"
        if self.root is None and not root.exists():
            _step(f"drawing SYNTHETIC images into {root}")
            self.out.mkdir(parents=True, exist_ok=True)
            jobs = self.jobs or workers.processors()
            with counting("images") as progress:
                size = self._size
                synthetic.write(root, self.seed, size.counts, size.side, jobs, progress)
        return load(root)

    def _train(self, network: str, data: DataSet) -> None:
        from qbench.cli import training
        from qbench.pipeline.studying import recipe_epochs
        from qbench.pipeline.training import checkpoint
        from qbench.pipeline.training.train import BEST, LAST

        folder = self.out / "training" / network
        epochs = recipe_epochs(network, self._size, self.epochs)
        has_begun = (folder / LAST).exists()
        done = len(checkpoint.describe(folder / LAST).history) if has_begun else 0
        if done >= epochs and (folder / BEST).exists():
            return
        _step(f"{network}: training, {epochs} epochs")
        lr = self.lr or self._size.lr
        chosen = training.choose(
            arch=network,
            lr=lr,
            epochs=epochs,
            batch=None,
            threads=self.threads,
            seed=self.seed,
            size=self._size.side,
        )
        training.perform(chosen, Path(data.root), folder, None, has_begun, False)

    def _convert(self, network: str, data: DataSet) -> None:
        from qbench.pipeline.conversion import Route, convert
        from qbench.pipeline.data import pictures
        from qbench.pipeline.quantization.calibration import choose
        from qbench.pipeline.training.train import BEST

        models = self.out / "models"
        if (models / file_name(network, Precision.FP32)).exists():
            return
        _step(f"{network}: converting")
        source = self.out / "training" / network / BEST
        made = convert(
            source, models, Route.DIRECT, choose(pictures(Path(data.root)), 8, self.seed), _step
        )
        click.echo(
            f"{network}: answers of {made.check.images} images differ by at most "
            f"{made.check.max_abs_difference:.2g}",
            err=True,
        )

    def _quantize(self, network: str, data: DataSet) -> None:
        from qbench.pipeline.data import pictures
        from qbench.pipeline.quantization import Options, quantize

        models = self.out / "models"
        source = models / file_name(network, Precision.FP32)
        for scheme in PRECISIONS:
            target = models / file_name(network, scheme)
            if target.exists():
                continue
            _step(f"{network}: quantizing to {scheme}")
            count = self._size.calibration_images
            options = Options(scheme=scheme, images=count, seed=self.seed)
            quantize(source, options, pictures(Path(data.root)), target)


def _step(text: str) -> None:
    click.echo(f"== {text}", err=True)
