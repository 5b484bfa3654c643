"""The one place that finds the files which travel beside the package.

`device_profiles/` and `android_runner/` stand at the top of the checkout; an installed wheel has
them under `share/qbench/`. A checkout (and so an editable install) wins over installed files.
"""

from __future__ import annotations

import site
import sys
import sysconfig
from pathlib import Path

from qbench.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def candidates(name: str) -> list[Path]:
    """The folders where asset folder `name` may be, in the order in which they are tried."""
    checkout = _PACKAGE.parent.parent
    places = [checkout / name] if (checkout / "setup.cfg").is_file() else []
    # A wheel's data files go under the scheme's `data` folder; with `pip install --target DIR`
    # that is DIR itself (the folder that holds the package), with `--user` it is the user base.
    bases = [_PACKAGE.parent, Path(sysconfig.get_path("data")), Path(sys.prefix)]
    user_base = site.getuserbase()
    if user_base:
        bases.append(Path(user_base))
    for base in bases:
        place = base / "share" / "qbench" / name
        if place not in places:
            places.append(place)
    return places


def folder(name: str) -> Path:
    """The asset folder `name` (`device_profiles` or `android_runner`).

    Raises InputError, saying where it looked, when it is nowhere.
    """
    looked = candidates(name)
    for place in looked:
        if place.is_dir():
            return place
    raise InputError(
        f"{name}: the folder is not there; looked in " + ", ".join(str(p) for p in looked),
        hint="reinstall qbench: pip install -e . in a checkout, or the wheel",
    )
