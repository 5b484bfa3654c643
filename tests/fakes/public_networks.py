"""Public networks as the simulator rebuilds them, and their graph writer, for tests."""

from __future__ import annotations

from pathlib import Path

from qbench.simulator.networks import Graph, build, names

ROOT = Path(__file__).resolve().parents[2]

__all__ = ["ROOT", "Graph", "build", "names"]
