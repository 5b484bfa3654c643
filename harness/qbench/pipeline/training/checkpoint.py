"""Trained networks on disk: weights, and all that is needed to use them or to go on training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from qbench.errors import InputError
from qbench.pipeline.training.networks import ARCHITECTURES, network
from qbench.pipeline.training.options import Epoch, TrainOptions
from qbench.pipeline.training.torch_import import torch

_FORMAT = "qbench checkpoint 1"


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself. `trained_on`: the data set's title, SYNTHETIC if it is.
    `started_from`: whose weights the first epoch began with; None: random ones."""

    arch: str
    classes: tuple[str, ...]
    size: int
    trained_on: str
    is_synthetic: bool
    options: TrainOptions
    history: tuple[Epoch, ...]
    started_from: str | None = None

    @property
    def title(self) -> str:
        """One line: what was trained, how long, on what."""
        size, epochs = self.size, len(self.history)
        before = f", started from {self.started_from}" if self.started_from else ""
        return f"{self.arch}, {epochs} epochs at {size}x{size} on {self.trained_on}{before}"

    @property
    def best(self) -> Epoch:
        """Of those trained so far, the first of equals: in best.pt, whose history ends when it was
        written, the last."""
        return max(self.history, key=lambda epoch: epoch.rank)


def save(path: Path, said: Checkpoint, model: Any, optimizer: Any) -> None:
    """Write wholly or not at all. Raises InputError when `path` cannot be written."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    content = {
        "format": _FORMAT,
        "said": msgspec.json.encode(said).decode(),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    try:
        try:
            torch().save(content, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # torch tells a full disk as a RuntimeError
        raise InputError(f"{path}: cannot be written: {error}") from error


def describe(path: Path) -> Checkpoint:
    """Raises InputError for what is no checkpoint of `qbench train`."""
    return _read(path)[0]


def load(path: Path) -> tuple[Checkpoint, Any]:
    """The network with its trained weights, ready to answer. Raises InputError as `describe`, and
    for weights that do not fit the architecture or are not numbers."""
    said, content = _read(path)
    model = network(said.arch, len(said.classes))
    restore(path, model, content["model"])
    return said, model.eval()


def load_all(path: Path) -> tuple[Checkpoint, Any, Any]:
    """What it says, the weights, and the optimizer's state."""
    said, content = _read(path)
    return said, content["model"], content["optimizer"]


def restore(path: Path, model: Any, weights: Any) -> None:
    """Put `weights` into `model`. Raises InputError, naming the first that does not fit."""
    own = model.state_dict()
    for name in (*own, *weights):
        shapes = [tuple(s[name].shape) if name in s else None for s in (own, weights)]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"{path}: holds weights of another architecture: {name} is {shapes[1]}, "
                f"not {shapes[0]}"
            )
        if not bool(weights[name].isfinite().all()):
            raise InputError(
                f"{path}: weights are broken: {name} holds NaN or infinite values",
                hint="train it again with a lower --lr",
            )
    model.load_state_dict(weights)


def _read(path: Path) -> tuple[Checkpoint, dict[str, Any]]:
    module = torch()
    try:
        content = module.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    # torch raises whatever its unpickler meets in a file that is something else.
    except Exception as error:
        raise InputError(
            f"{path}: is no PyTorch checkpoint, or not a whole one: {_line(error)}",
            hint="qbench train writes best.pt and last.pt",
        ) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InputError(
            f"{path}: is no checkpoint of qbench train",
            hint=f"qbench train --arch {'|'.join(ARCHITECTURES)} writes best.pt",
        )
    try:
        said = msgspec.json.decode(content["said"], type=Checkpoint)
    except (msgspec.MsgspecError, KeyError) as error:
        raise InputError(f"{path}: is a damaged checkpoint: {error}") from error
    if said.arch not in ARCHITECTURES:
        raise InputError(f"{path}: is of an architecture that qbench does not know: {said.arch}")
    return said, content


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]
