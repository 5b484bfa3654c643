"""An image folder -> DataSet, with all that is wrong with it said before any work is done.

ROOT/train/benign/*.png   ROOT/val/benign/*.png   ROOT/test/benign/*.png
ROOT/train/malignant/...  ROOT/val/malignant/...  ROOT/test/malignant/...
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qbench.errors import InputError
from qbench.pipeline.data import images
from qbench.pipeline.data.records import SPLITS, Card, DataSet, Sample

CARD = "dataset.json"
_LAYOUT = "an image folder has train/, val/ and test/ with one folder per class in each"


def load(root: Path, need: Sequence[str] = SPLITS) -> DataSet:
    """The data set in `root`; of its splits, those in `need` must be there.

    Files are hashed, not decoded. Raises InputError for a folder or split that is not there, one
    class only, a class without images, splits with different classes, a file that is in two
    splits (leakage: what is tested would have been learnt) or in two classes.
    """
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder of images", hint=_LAYOUT)
    there = [name for name in SPLITS if (root / name).is_dir()]
    for name in need:
        if name not in there:
            raise InputError(f"{root}: has no folder {name}/", hint=_LAYOUT)
    try:
        classes = _classes(root, there)
        ignored = 0
        splits: dict[str, tuple[Sample, ...]] = {}
        for name in there:
            samples: list[Sample] = []
            for label, folder in enumerate(classes):
                found, left = _files(root / name / folder)
                samples += [Sample(str(path), label, _sha256(path)) for path in found]
                ignored += left
            splits[name] = tuple(samples)
        card = _card(root)
    except OSError as error:
        raise InputError(f"{error.filename or root}: cannot be read: {error.strerror}") from error
    _refuse_repeated(splits, classes)
    return DataSet(
        root=str(root),
        classes=classes,
        splits=splits,
        is_synthetic=card is not None and card.synthetic,
        origin=card.origin if card else None,
        ignored_files=ignored,
    )


def pictures(folder: Path) -> tuple[Path, ...]:
    """All images for calibration below `folder`, in order of their names; of a data set, those
    of val (as the study did) and never those of test. Raises InputError when there are none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder of images")
    base = next((folder / name for name in ("val", "train") if (folder / name).is_dir()), folder)
    found = tuple(sorted(p for p in base.rglob("*") if images.is_image(p) and p.is_file()))
    if not found:
        kinds = ", ".join(suffix[1:].upper() for suffix in images.SUFFIXES)
        raise InputError(f"{base}: holds no images", hint=f"images are {kinds} files")
    return found


def _classes(root: Path, splits: Sequence[str]) -> tuple[str, ...]:
    folders = {
        name: sorted(p.name for p in (root / name).iterdir() if p.is_dir() and p.name[0] != ".")
        for name in splits
    }
    if not folders:
        raise InputError(f"{root}: has none of the folders {', '.join(SPLITS)}", hint=_LAYOUT)
    first, classes = next(iter(folders.items()))
    for name, others in folders.items():
        if others != classes:
            raise InputError(
                f"{root}: the classes differ: {first}/ has {_listed(classes)}, "
                f"{name}/ has {_listed(others)}",
                hint=_LAYOUT,
            )
    if len(classes) < 2:
        raise InputError(
            f"{root}: there is nothing to tell apart: {first}/ has {_listed(classes)}", hint=_LAYOUT
        )
    return tuple(classes)


def _listed(classes: Sequence[str]) -> str:
    names = ", ".join(classes)
    return f"one class only ({names})" if len(classes) == 1 else names or "no class"


def _files(folder: Path) -> tuple[list[Path], int]:
    """Images in `folder`, and how many other files are there."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    found = [path for path in files if images.is_image(path)]
    if not found:
        kinds = ", ".join(suffix[1:].upper() for suffix in images.SUFFIXES)
        raise InputError(
            f"{folder}: the class has no images ({len(files)} other files)",
            hint=f"images are {kinds} files",
        )
    return found, len(files) - len(found)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refuse_repeated(splits: dict[str, tuple[Sample, ...]], classes: Sequence[str]) -> None:
    seen: dict[str, tuple[str, Sample]] = {}
    for name, samples in splits.items():
        for sample in samples:
            other_name, other = seen.setdefault(sample.sha256, (name, sample))
            if other_name != name:
                raise InputError(
                    f"{sample.path}: is the same file as {other.path}: "
                    f"{name} would not be independent of {other_name}",
                    hint="take one of the two out",
                )
            if other.label != sample.label:
                raise InputError(
                    f"{sample.path}: is the same file as {other.path}: "
                    f"both {classes[other.label]} and {classes[sample.label]}",
                    hint="take the wrong one out",
                )


def _card(root: Path) -> Card | None:
    path = root / CARD
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Card)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path}: is not a data set's card: {error}") from error
