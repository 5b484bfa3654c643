"""Trains a network: Adam, cosine schedule, cross-entropy, the best validation is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from qbench import __version__
from qbench.clock import Clock
from qbench.errors import InputError
from qbench.pipeline.data import DataSet, Sample, images
from qbench.pipeline.training import checkpoint, curve
from qbench.pipeline.training.augmentation import augment
from qbench.pipeline.training.checkpoint import Checkpoint
from qbench.pipeline.training.networks import network
from qbench.pipeline.training.options import Epoch, TrainOptions
from qbench.pipeline.training.torch_import import torch

BEST, LAST = "best.pt", "last.pt"


def train(
    data: DataSet,
    options: TrainOptions,
    out: Path,
    clock: Clock,
    *,
    resume: bool = False,
    start: Path | None = None,
    seen: Callable[[int, int], None] = lambda done, total: None,
    ended: Callable[[Epoch], None] = lambda epoch: None,
) -> Checkpoint:
    """Train, and write best.pt, last.pt, metrics.json and curve.svg into `out`.

    `start` is a checkpoint whose weights the first epoch begins with (of images of another size,
    or of another data set). `resume` goes on from `out`/last.pt; each epoch's order depends on
    (seed, epoch) only, so that a training that was interrupted gives what one in a single go
    gives. `seen` gets images done and in all, `ended` each epoch. Returns what best.pt says.

    Raises InputError for data that cannot be read, `out` that cannot be written or has another
    training in it, and a loss that is no number; MissingExtraError without PyTorch.
    """
    module = torch(options.threads)
    module.manual_seed(options.seed)
    model = network(options.arch, len(data.classes)).to(memory_format=module.channels_last)
    optimizer = module.optim.Adam(model.parameters(), options.lr)
    history, started_from = _prepare(data, options, out, model, optimizer, resume, start)
    shown = {name: _tensors(module, data.splits[name], options.size) for name in ("train", "val")}
    total = options.epochs * len(data.splits["train"])
    best = _best(history)
    while len(history) < options.epochs and not _is_stale(history, best, options.patience):
        number = len(history) + 1
        began_s = clock.monotonic_s()
        lr = _cosine(options, number)
        for group in optimizer.param_groups:
            group["lr"] = lr

        def moved(done: int, before: int = len(history)) -> None:
            seen(before * len(data.splits["train"]) + done, total)

        loss = _epoch(module, model, optimizer, shown["train"], options, number, moved)
        val_loss, val_accuracy = _validate(module, model, shown["val"], options.batch)
        if not math.isfinite(loss + val_loss):
            raise InputError(
                f"{options.arch}: the loss of epoch {number} is no number",
                hint=f"a lower --lr than {options.lr:g}",
            )
        took_s = clock.monotonic_s() - began_s
        history = (*history, Epoch(number, lr, loss, val_loss, val_accuracy, took_s))
        said = _said(data, options, history, started_from)
        if best is None or history[-1].rank > best.rank:
            best = history[-1]
            checkpoint.save(out / BEST, said, model, optimizer)
        checkpoint.save(out / LAST, said, model, optimizer)
        _tell(out, said, best, str(module.__version__))
        ended(history[-1])
    return checkpoint.describe(out / BEST)


def _prepare(
    data: DataSet,
    options: TrainOptions,
    out: Path,
    model: Any,
    optimizer: Any,
    resume: bool,
    start: Path | None,
) -> tuple[tuple[Epoch, ...], str | None]:
    """Make `out` ready; what has been trained already, put into `model` and `optimizer`."""
    last = out / LAST
    if not resume and last.exists():
        raise InputError(f"{out}: has a training in it already", hint="--resume goes on with it")
    source = last if resume else start
    if source is None:
        _make(out)
        return (), None
    said, weights, state = checkpoint.load_all(source)
    if said.arch != options.arch:
        raise InputError(f"{source}: is of {said.arch}, not of {options.arch}")
    if said.classes != data.classes:
        raise InputError(f"{source}: was trained on other classes: {', '.join(said.classes)}")
    checkpoint.restore(source, model, weights)
    if not resume:
        _make(out)
        return (), said.title
    optimizer.load_state_dict(state)
    return said.history, said.started_from


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error


def _tensors(module: Any, samples: tuple[Sample, ...], size: int) -> tuple[Any, Any]:
    """All images as bytes, [n, 1, size, size], and their labels: 1,200 of them are 60 MB."""
    import numpy as np

    pixels = np.empty((len(samples), 1, size, size), np.uint8)
    for index, sample in enumerate(samples):
        image = images.read(Path(sample.path), size, size, 1)
        pixels[index, 0] = (image[:, :, 0] * 255).round()
    labels = np.array([sample.label for sample in samples], np.int64)
    return module.from_numpy(pixels), module.from_numpy(labels)


def _floats(module: Any, pixels: Any) -> Any:
    return (pixels.float() / 255).to(memory_format=module.channels_last)


def _epoch(
    module: Any,
    model: Any,
    optimizer: Any,
    shown: tuple[Any, Any],
    options: TrainOptions,
    number: int,
    moved: Callable[[int], None],
) -> float:
    """One pass over all images in an order of its own; the mean loss."""
    pixels, labels = shown
    chance = module.Generator().manual_seed(options.seed * 1_000_003 + number)
    order = module.randperm(len(labels), generator=chance)
    model.train()
    total = 0.0
    for at in range(0, len(order), options.batch):
        chosen = order[at : at + options.batch]
        if len(chosen) == 1 and at:
            break  # batch normalization learns nothing from one image
        batch = pixels[chosen].float() / 255
        if options.augment:
            batch = augment(module, batch, chance)
        with module.autocast("cpu", module.bfloat16, enabled=options.bfloat16):
            given = model(batch.to(memory_format=module.channels_last))
        loss = module.nn.functional.cross_entropy(given.float(), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
        moved(at + len(chosen))
    return total / len(order)


def _validate(module: Any, model: Any, shown: tuple[Any, Any], batch: int) -> tuple[float, float]:
    """Mean loss and accuracy."""
    pixels, labels = shown
    model.eval()
    loss, right = 0.0, 0
    with module.inference_mode():
        for at in range(0, len(labels), batch):
            given = model(_floats(module, pixels[at : at + batch]))
            wanted = labels[at : at + batch]
            loss += module.nn.functional.cross_entropy(given, wanted, reduction="sum").item()
            right += int((given.argmax(1) == wanted).sum())
    return loss / len(labels), right / len(labels)


def _cosine(options: TrainOptions, number: int) -> float:
    """From lr to 0 over all epochs (Loshchilov and Hutter, ICLR 2017, without restarts)."""
    return options.lr * (1 + math.cos(math.pi * (number - 1) / options.epochs)) / 2


def _best(history: tuple[Epoch, ...]) -> Epoch | None:
    return max(history, key=lambda epoch: epoch.rank, default=None)


def _is_stale(history: tuple[Epoch, ...], best: Epoch | None, patience: int) -> bool:
    return bool(patience and best is not None and len(history) - best.number >= patience)


def _said(
    data: DataSet, options: TrainOptions, history: tuple[Epoch, ...], started_from: str | None
) -> Checkpoint:
    return Checkpoint(
        arch=options.arch,
        classes=data.classes,
        size=options.size,
        trained_on=data.title if data.origin is None else data.origin,
        is_synthetic=data.is_synthetic,
        options=options,
        history=history,
        started_from=started_from,
    )


def _tell(out: Path, said: Checkpoint, best: Epoch, version: str) -> None:
    body = {
        "schema_version": 1,
        "qbench_version": __version__,
        "torch_version": version,
        "best_epoch": best.number,
        "best_val_accuracy": best.val_accuracy,
        **msgspec.to_builtins(said),
    }
    try:
        content = msgspec.json.format(msgspec.json.encode(body), indent=2)
        (out / "metrics.json").write_bytes(content + b"\n")
        (out / "curve.svg").write_text(curve.render_svg(said), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error
