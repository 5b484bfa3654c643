"""The networks that `scripts/anchors` rebuilds, and its graph writer, for tests.

`scripts` is a folder of chores, not an installed package: its parent has to be on the path.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from scripts.anchors.graph import Graph  # noqa: E402
from scripts.anchors.networks import build, names  # noqa: E402

__all__ = ["ROOT", "Graph", "build", "names"]
