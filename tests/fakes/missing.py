"""A Python in which some modules are not installed."""

from __future__ import annotations

import os
from pathlib import Path

_HARNESS = Path(__file__).resolve().parents[2] / "harness"


def without(folder: Path, *modules: str) -> dict[str, str]:
    """The environment of a process in which importing one of `modules` fails as where it is not
    installed: another of that name, which says so, is found first."""
    shadows = folder / "shadows"
    shadows.mkdir()
    for name in modules:
        text = f"raise ModuleNotFoundError(\"No module named '{name}'\", name={name!r})\n"
        (shadows / f"{name}.py").write_text(text)
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(shadows), str(_HARNESS)))}
