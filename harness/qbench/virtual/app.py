"""The app of benchmark_model for virtual devices: a file that their `pm` installs in its place.

Nothing there can run Java, so what `am start` starts is the program's stand-in. The mark tells
`pm` that it may pretend; any other APK it refuses, as a device does whose processor has no part
in it.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

MARK = "qbench: stand-in for the app of benchmark_model\n"
_WHEN = (2026, 1, 1, 0, 0, 0)  # of no moment: the same bytes everywhere


def write_stand_in(folder: Path) -> Path:
    """The APK in `folder`, which is made if it is not there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / ".benchmark_model.apk"
    part = folder / f".benchmark_model.apk.{os.getpid()}"
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("assets/stand-in", _WHEN), MARK)
    part.replace(target)
    return target
