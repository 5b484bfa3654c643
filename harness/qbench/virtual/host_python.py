"""The host's Python inside the device, for the stand-in of benchmark_model; read-only.

Nothing of it is on the device's PATH or at a place that Android has.
"""

from __future__ import annotations

import platform
import sys
import sysconfig
from pathlib import Path

from qbench import assets

PROGRAM = "/.host/python/bin/python3"
ENVIRONMENT = {
    "PYTHONHOME": "/.host/python",
    "PYTHONPATH": "/.host/package:/.host/site",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "LD_LIBRARY_PATH": "/.host/python/lib:/.host/lib",
}
STAND_IN = Path(__file__).with_name("benchmark_model")


def folders() -> dict[str, str]:
    """Folder in the device -> folder of the host to show there."""
    package = Path(__file__).resolve().parents[1]
    libraries = Path(f"/usr/lib/{platform.machine()}-linux-gnu")
    found = {
        "/.host/python": sys.base_prefix,
        "/.host/site": sysconfig.get_path("purelib"),
        "/.host/package/qbench": str(package),
        "/.host/package/share/qbench/device_profiles": str(assets.folder("device_profiles")),
    }
    # Elsewhere than on Debian and Ubuntu the loader finds the libraries of a bound /usr/lib.
    found["/.host/lib"] = str(libraries if libraries.is_dir() else Path("/usr/lib64"))
    return found
