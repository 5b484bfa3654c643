"""Public networks, rebuilt by their published structure: operators, shapes, types; no weights.

Latency does not depend on weights, so a prediction for such a network can stand beside a published
latency of it although the file is not here. One file per family; `catalogue` names them all.
"""

from qbench.simulator.networks.catalogue import build, names
from qbench.simulator.networks.graph import Graph

__all__ = ["Graph", "build", "names"]
