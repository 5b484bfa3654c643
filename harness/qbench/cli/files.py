"""Files that a user names with --out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qbench.errors import StoreError


def write_text(path: Path, text: str) -> None:
    """Raises StoreError."""
    with writing(path):
        path.write_text(text, encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system refuses becomes a StoreError."""
    try:
        yield
    except OSError as exc:
        raise StoreError(
            f"{path}: {exc.strerror or exc}", hint="choose another file with --out"
        ) from exc
