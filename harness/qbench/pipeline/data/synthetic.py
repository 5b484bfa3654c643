"""Writes the made-up data set: drawn, not taken from anybody, and it says so everywhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from qbench import __version__
from qbench.errors import InputError
from qbench.pipeline.data import folder
from qbench.pipeline.data.lesions import CLASSES, draw
from qbench.pipeline.data.records import SPLITS, Card
from qbench.pipeline.data.rendering import render
from qbench.pipeline.workers import results

COUNTS: Mapping[str, int] = {"train": 1000, "val": 200, "test": 200}
SIZE = 224
LABEL = "SYNTHETIC"


def write(
    out: Path,
    seed: int,
    counts: Mapping[str, int] = COUNTS,
    size: int = SIZE,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Write the data set to `out`, wholly or not at all; half of each split is of each class.

    An image depends on (seed, split, class, index) only, so neither `jobs` nor `counts` changes
    it. Each PNG and dataset.json say SYNTHETIC. `progress` gets images done and in all. Raises
    InputError when `out` is there already or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is there already", hint="give a folder that is not there yet")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    origin = f"{LABEL}: drawn by qbench data synth --seed {seed}; no patient, no scanner"
    todo = [
        (str(part / split / label / f"{index:04}.png"), (seed, s, c, index), label)
        for s, split in enumerate(SPLITS)
        for c, label in enumerate(CLASSES)
        for index in range(counts[split] // 2)
    ]
    try:
        try:
            for split in SPLITS:
                for label in CLASSES:
                    (part / split / label).mkdir(parents=True)
            for done, _ in enumerate(results(partial(_draw, size, origin), todo, jobs), 1):
                progress(done, len(todo))
            card = Card(
                schema_version=1,
                synthetic=True,
                origin=origin,
                seed=seed,
                size=size,
                counts=dict(counts),
                qbench_version=__version__,
            )
            body = msgspec.json.format(msgspec.json.encode(card), indent=2)
            (part / folder.CARD).write_bytes(body + b"\n")
            if out.is_dir():
                out.rmdir()  # it is empty
            part.rename(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error
    return out


def _draw(size: int, origin: str, task: tuple[str, tuple[int, int, int, int], str]) -> None:
    import numpy as np
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    path, key, label = task
    rng = np.random.default_rng(key)
    text = PngInfo()
    text.add_text("Comment", origin)
    Image.fromarray(render(draw(label, rng), rng, size)).save(path, pnginfo=text)
