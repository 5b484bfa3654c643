"""The steps of `qbench study`, each skipped when its result is there."""

from __future__ import annotations

import shutil
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from qbench.errors import InputError
from qbench.models import PRECISIONS, file_name
from qbench.records import Precision

if TYPE_CHECKING:
    from qbench.cli.evaluating import Graded
    from qbench.pipeline.data import DataSet
    from qbench.pipeline.studying import Size

_STAND_IN = "smallcnn"
# What may be another each time: none of it changes a result.
_FREE = ("out", "threads", "jobs")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command line."""

    out: Path
    quick: bool
    root: Path | None
    trained: Path | None
    networks: tuple[str, ...]
    epochs: int | None
    lr: float | None
    seed: int
    device: str
    protocol: str | None
    repetitions: int | None
    threads: int | None
    jobs: int | None


class Study:
    """OUT/study.json, data (if drawn), training/NETWORK, models/NETWORK-SCHEME.tflite, answers,
    grades.json, sessions, report."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._out = asked.out.resolve()
        self._models = self._out / "models"

    def perform(self) -> None:
        from qbench.cli import analyzing, console, study_running

        self._begin()
        data = self._data()
        for network in self._networks:
            self._train(network, data)
            self._convert(network, data)
            self._quantize(network, data)
        graded = self._evaluate(data)
        _step(f"running {len(graded.grades)} models")
        timings = study_running.perform(
            [g.subject.path for g in graded.grades],
            self._asked.device,
            self._asked.protocol or ("quick" if self._asked.quick else "default"),
            self._asked.repetitions or (3 if self._asked.quick else None),
            self._out,
        )
        _step("analyzing")
        found = analyzing.look(graded, timings)
        analyzing.finish(console.stdout(), found, self._out / "report", False, False)

    @cached_property
    def _networks(self) -> tuple[str, ...]:
        from qbench.pipeline.studying import NETWORKS

        return (_STAND_IN,) if self._has_stand_in else self._asked.networks or NETWORKS

    @cached_property
    def _has_stand_in(self) -> bool:
        """Is nothing trained? Only in the quick form, which promises no result."""
        nothing_else = self._asked.networks or self._asked.trained
        return self._asked.quick and not nothing_else and not _is_here("torch")

    @cached_property
    def _size(self) -> Size:
        from qbench.pipeline.studying import FULL, QUICK, STAND_IN

        if self._has_stand_in:
            return STAND_IN
        return QUICK if self._asked.quick else FULL

    def _begin(self) -> None:
        """Raises InputError for a folder with a study of other options."""
        told = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in msgspec.structs.asdict(self._asked).items()
            if name not in _FREE
        } | {"networks": list(self._networks)}
        path = self._out / "study.json"
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
            before = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
            # What an older qbench did not know of is no difference.
            others = [f"{n}: {before[n]}" for n in told if n in before and before[n] != told[n]]
            if others:
                raise InputError(
                    f"{self._out}: has a study with other options: {', '.join(others)}",
                    hint="give the same options, or another --out",
                )
        except msgspec.MsgspecError as error:
            raise InputError(f"{path}: is no study of qbench: {error}") from error
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        if self._has_stand_in:
            _step(
                "torch is not installed: nothing is trained or converted; the built-in "
                f"{_STAND_IN} stands for the networks (pip install 'tflite-qbench[torch]')"
            )

    def _data(self) -> DataSet:
        from qbench.cli.counting import counting
        from qbench.pipeline import workers
        from qbench.pipeline.data import load, synthetic

        root = self._asked.root or self._out / "data"
        if self._asked.root is None and not root.exists():
            _step(f"drawing SYNTHETIC images into {root}")
            jobs = self._asked.jobs or workers.processors()
            with counting("images") as progress:
                counts, side = self._size.counts, self._size.side
                synthetic.write(root, self._asked.seed, counts, side, jobs, progress)
        return load(root)

    def _train(self, network: str, data: DataSet) -> None:
        from qbench.cli import training
        from qbench.pipeline.studying import recipe_epochs

        if self._has_stand_in or self._asked.trained:
            return
        from qbench.pipeline.training import checkpoint
        from qbench.pipeline.training.train import BEST, LAST

        folder = self._out / "training" / network
        epochs = recipe_epochs(network, self._size, self._asked.epochs)
        has_begun = (folder / LAST).exists()
        done = len(checkpoint.describe(folder / LAST).history) if has_begun else 0
        if done >= epochs and (folder / BEST).exists():
            return
        _step(f"{network}: training, {epochs} epochs")
        chosen = training.choose(
            arch=network,
            lr=self._asked.lr or self._size.lr,
            epochs=epochs,
            batch=None,
            threads=self._asked.threads,
            seed=self._asked.seed,
            size=self._size.side,
        )
        training.perform(chosen, Path(data.root), folder, None, has_begun, False)

    def _convert(self, network: str, data: DataSet) -> None:
        from qbench import models
        from qbench.pipeline.conversion import Route, convert
        from qbench.pipeline.data import pictures
        from qbench.pipeline.quantization.calibration import choose
        from qbench.pipeline.training.train import BEST

        target = self._models / file_name(network, Precision.FP32)
        if target.exists():
            return
        if self._has_stand_in:
            self._models.mkdir(parents=True, exist_ok=True)
            (source,) = models.resolve(_STAND_IN, (Precision.FP32,))
            shutil.copyfile(source, target.with_suffix(".part"))
            target.with_suffix(".part").rename(target)
            return
        source = (self._asked.trained or self._out / "training") / network / BEST
        if not source.is_file():
            raise InputError(
                f"{source}: there is no such file",
                hint=f"qbench train --arch {network} --out {source.parent} writes it",
            )
        _step(f"{network}: converting")
        shown = choose(pictures(Path(data.root)), 8, self._asked.seed)
        made = convert(source, self._models, Route.DIRECT, shown, _step)
        click.echo(
            f"{network}: answers of {made.check.images} images differ by at most "
            f"{made.check.max_abs_difference:.2g}",
            err=True,
        )

    def _quantize(self, network: str, data: DataSet) -> None:
        from qbench.pipeline.data import pictures
        from qbench.pipeline.quantization import Options, quantize

        source = self._models / file_name(network, Precision.FP32)
        for scheme in PRECISIONS:
            target = self._models / file_name(network, scheme)
            if target.exists():
                continue
            _step(f"{network}: quantizing to {scheme}")
            count = self._size.calibration_images
            options = Options(scheme=scheme, images=count, seed=self._asked.seed)
            quantize(source, options, pictures(Path(data.root)), target)

    def _evaluate(self, data: DataSet) -> Graded:
        """Every answer of a model is kept as soon as it has given all of them."""
        from qbench.cli import console, evaluating
        from qbench.cli.kept_answers import KeptAnswers
        from qbench.cli.labelled import Labelled
        from qbench.pipeline.evaluation import text

        files = [
            str(self._models / file_name(network, scheme))
            for network in self._networks
            for scheme in PRECISIONS
        ]
        _step(f"evaluating {len(files)} models")
        asked = Labelled(models=tuple(files), root=Path(data.root), jobs=self._asked.jobs)
        graded = evaluating.perform(asked, KeptAnswers(self._out / "answers"))
        text.print_grades(console.stdout(), data, asked.split, graded.grades)
        body = text.render_json(data, asked.split, graded.grades)
        (self._out / "grades.json").write_text(body + "\n", encoding="utf-8")
        return graded


def _is_here(module: str) -> bool:
    """Can it be imported? A module that is there and broken is not."""
    try:
        return find_spec(module) is not None and __import__(module) is not None
    except ImportError:
        return False


def _step(text: str) -> None:
    click.echo(f"== {text}", err=True)
